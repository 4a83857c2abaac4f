/**
 * What was looked at and what was not, as durations: the only clock of the rules. Capture time may step
 * between runs, so nothing compares two far instants; times are added up from one record to the next.
 */
import type { LookKind, Tracks } from '../../runtime/messages/types.ts';
import { fromTimestamp } from '../../runtime/time.ts';

/** Times in epoch milliseconds of capture time. */
export interface WatchState {
  /** End of the last evidence: a looked frame or a quiet interval. */
  evidenceTo: number | null;
  /** End of the last record of any kind. */
  cursor: number | null;
  runId: string | null;
  /** Since the last evidence. */
  unlookedMs: number;
  /** Of it, while the camera gave nothing (against: nobody had time to look). */
  offlineMs: number;
  /** Whether some of it was blind. */
  blinded: boolean;
  /** `kind:reason` of the last record that was no evidence. */
  reason: string | null;
}

/** One record as the rules see it. */
export interface Step {
  kind: LookKind;
  from: number;
  to: number;
  evidence: boolean;
  /** From the end of the last evidence to `from`; Infinity when there was none or the clock went back. */
  gapMs: number;
  /** Something in that gap was blind: it proves neither presence nor absence. */
  blinded: boolean;
  /** New time that a quiet interval covers; 0 for a looked frame. */
  lengthMs: number;
  /** Since the last evidence, 0 at evidence, Infinity when there never was any. */
  unlookedMs: number;
  offlineMs: number;
  /** Why nobody looked, `kind:reason`: of this record, or at evidence of the gap before it. */
  reason: string;
}

export function newWatchState(): WatchState {
  return { evidenceTo: null, cursor: null, runId: null, unlookedMs: 0, offlineMs: 0, blinded: false, reason: null };
}

/** Moves the watch on by one record (changes `watch`). */
export function advance(watch: WatchState, record: Tracks): Step {
  const { kind } = record;
  const to = fromTimestamp(record.to);
  const from = Math.min(fromTimestamp(record.from), to);
  const sameRun = watch.runId === record.runId;
  // Within a run a record can only be late, not the clock.
  const overlap = watch.evidenceTo !== null && from < watch.evidenceTo;
  const step: Step = {
    kind,
    from,
    to,
    evidence: kind === 'looked' || kind === 'quiet',
    gapMs:
      watch.evidenceTo === null || (overlap && !sameRun)
        ? Number.POSITIVE_INFINITY
        : Math.max(0, from - watch.evidenceTo),
    blinded: watch.blinded,
    lengthMs: overlap && sameRun ? Math.max(0, to - (watch.evidenceTo ?? to)) : to - from,
    unlookedMs: 0,
    offlineMs: 0,
    reason: watch.reason ?? 'starved:no_record',
  };
  if (step.evidence) {
    watch.evidenceTo = sameRun && watch.evidenceTo !== null ? Math.max(watch.evidenceTo, to) : to;
    watch.unlookedMs = 0;
    watch.offlineMs = 0;
    watch.blinded = false;
    watch.reason = null;
  } else {
    const passed = watch.cursor !== null && to >= watch.cursor ? to - watch.cursor : to - from;
    watch.unlookedMs += passed;
    if (isOffline(record)) watch.offlineMs += passed;
    if (kind === 'blind') watch.blinded = true;
    watch.reason = record.reason === null ? kind : `${kind}:${record.reason}`;
    step.reason = watch.reason;
    step.unlookedMs = watch.evidenceTo === null ? Number.POSITIVE_INFINITY : watch.unlookedMs;
    step.offlineMs = watch.offlineMs;
  }
  watch.cursor = sameRun && watch.cursor !== null ? Math.max(watch.cursor, to) : to;
  watch.runId = record.runId;
  return step;
}

/** The camera gives nothing, against a detector without time for it. */
function isOffline(record: Tracks): boolean {
  return record.kind === 'blind' || (record.kind === 'starved' && record.reason === 'no_input');
}
