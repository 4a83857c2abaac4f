/**
 * Detections and observations of one camera in the camera's own order: (epoch, runId, seq), never time.
 * Detections come in order and are applied at once; an observation waits for the frame that it names.
 */
import type { Coordinates, Detections, Observation } from '../../runtime/messages/types.ts';

export type Entry =
  | { type: 'detections'; record: Detections; source: Coordinates }
  | { type: 'observation'; record: Observation; source: Coordinates };

type Waiting = Extract<Entry, { type: 'observation' }> & {
  /** When it came, milliseconds of the reader's monotonic clock. */
  at: number;
};

/** Plain JSON. */
export interface MergeState {
  /** Highest seen; -1: nothing yet. */
  epoch: number;
  runId: string | null;
  /** Of the last frame of the run that was applied or given up; -1: none. */
  seq: number;
  /** In the order in which they came. */
  waiting: Waiting[];
  /** When a frame was applied last, milliseconds of the reader's monotonic clock. */
  progressAt: number;
}

export interface Merged {
  state: MergeState;
  /** To be applied now, in this order. */
  ready: Entry[];
  /** Why the record itself is left out: an older owner, an older run, a frame applied or given up before. */
  dropped: 'epoch' | 'run' | 'seq' | null;
  /** Frames of the run of which no record came. */
  missing: number;
}

/** An observation waits this long for its frame, counted from the last frame: they come in order. */
export const WAIT_MS = 5000;
/** As many as the bus has in flight, so that a backlog is read in order, too. */
const MAX_WAITING = 1000;

export function startMerge(): MergeState {
  return { epoch: -1, runId: null, seq: -1, waiting: [], progressAt: 0 };
}

/** Takes one record. @param now milliseconds of a monotonic clock. */
export function merge(before: MergeState, entry: Entry, now: number): Merged {
  const { epoch, runId } = entry.record;
  const age = compareRun(before, epoch, runId);
  if (age === 'epoch' || age === 'run') return { state: before, ready: [], dropped: age, missing: 0 };
  const ready: Entry[] = [];
  let state = before;
  if (age === 'newer') {
    // Nothing of the old run can come any more: what waits is as good as applied.
    ready.push(...before.waiting.map(bare));
    state = { ...before, epoch, runId, seq: -1, waiting: [] };
  }
  if (entry.type === 'observation') {
    if (entry.record.afterSeq <= state.seq && state.waiting.length === 0) {
      return { state, ready: [...ready, entry], dropped: null, missing: 0 };
    }
    state = { ...state, waiting: [...state.waiting, { ...entry, at: now }] };
    const released = release(state, now);
    return { ...released, ready: [...ready, ...released.ready] };
  }
  const { seq } = entry.record;
  if (seq <= state.seq) return { state, ready, dropped: 'seq', missing: 0 };
  // Of a run that is joined in its middle nobody knows what came before.
  const missing = before.runId === null ? 0 : seq - state.seq - 1;
  const earlier = drain(state.waiting, seq - 1);
  const later = drain(earlier.waiting, seq);
  return {
    state: { ...state, seq, waiting: later.waiting, progressAt: now },
    ready: [...ready, ...earlier.ready, entry, ...later.ready],
    dropped: null,
    missing,
  };
}

/** Lets go of what waited too long, and gives up the frames that it waited for. */
export function release(state: MergeState, now: number, waitMs = WAIT_MS): Merged {
  let { seq } = state;
  const overdue = state.waiting.filter(
    ({ at }, index) => now - Math.max(at, state.progressAt) >= waitMs || index < state.waiting.length - MAX_WAITING,
  );
  for (const { record } of overdue) seq = Math.max(seq, record.afterSeq);
  const { ready, waiting } = drain(state.waiting, seq);
  return { state: { ...state, seq, waiting }, ready, dropped: null, missing: seq - state.seq };
}

/** After a restart the monotonic clock is another one: what waits begins to wait again. */
export function restartWaiting(state: MergeState, now: number): MergeState {
  return { ...state, progressAt: now, waiting: state.waiting.map((entry) => ({ ...entry, at: now })) };
}

/** The head of the queue, for as long as its frames are applied. */
function drain(waiting: readonly Waiting[], seq: number): { ready: Entry[]; waiting: Waiting[] } {
  const blocked = waiting.findIndex(({ record }) => record.afterSeq > seq);
  const count = blocked < 0 ? waiting.length : blocked;
  return { ready: waiting.slice(0, count).map(bare), waiting: waiting.slice(count) };
}

function bare({ type, record, source }: Waiting): Entry {
  return { type, record, source };
}

/** Of an older owner, or an older run of the same one. */
export function isBefore({ record: a }: Entry, { record: b }: Entry): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.runId < b.runId);
}

function compareRun(state: MergeState, epoch: number, runId: string): 'epoch' | 'run' | 'same' | 'newer' {
  if (epoch !== state.epoch) return epoch < state.epoch ? 'epoch' : 'newer';
  if (state.runId === null || runId > state.runId) return 'newer';
  return runId < state.runId ? 'run' : 'same';
}
