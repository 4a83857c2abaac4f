import type { Purpose } from '../../runtime/messages/types.ts';

export interface SchedulerOptions {
  /** A live frame whose capture lies further back than this is shed. */
  maxFrameAgeMs: number;
  /** The same for `catchup` frames, which are late by nature. */
  maxCatchupAgeMs: number;
  /** Catch-up frames of one camera that may wait. */
  catchupBudget: number;
  /** Cameras remembered; those without frames go first. */
  maxCameras: number;
}

export type ShedReason = 'superseded' | 'stale' | 'catchup_budget';
/** Why a frame is not even taken: its record is out already, or belongs to a past that is over. */
export type RefusedReason = 'old_epoch' | 'old_run' | 'duplicate';

/** A published frame as the scheduler sees it. */
export interface Offer<T> {
  readonly camera: string;
  readonly epoch: number;
  readonly runId: string;
  readonly seq: number;
  readonly purpose: Purpose;
  /** Capture time, epoch milliseconds. */
  readonly captureMs: number;
  readonly payload: T;
}

/** A frame on its way; `outcome` is set once, and then it waits for its turn to leave. */
export interface Entry<T, R> extends Offer<T> {
  outcome: { shed: string } | { result: R } | null;
}

interface Lane<T, R> {
  /** Not drained yet, in the camera's order. */
  readonly entries: Entry<T, R>[];
  last: { epoch: number; runId: string; seq: number };
  working: Entry<T, R> | null;
  /** The newest live frame that waits. */
  live: Entry<T, R> | null;
  /** Oldest first. */
  readonly catchup: Entry<T, R>[];
}

/**
 * Which frame a free detector looks at next. Cameras take turns; of each the newest live frame counts,
 * catch-up frames go oldest first and ahead of it; one frame of a camera is in work at a time. Every
 * frame that was taken leaves through `drain` exactly once, in the camera's own order, looked at or shed.
 *
 * Pure: time comes in as an argument (wall clock, epoch milliseconds), as captures are stamped with it.
 */
export class Scheduler<T, R> {
  readonly #options: SchedulerOptions;
  readonly #lanes = new Map<string, Lane<T, R>>();
  /** Cameras with a frame that waits and none in work, in the order of their turns. */
  readonly #turns = new Set<string>();
  readonly #drainable = new Set<string>();
  #waiting = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Frames that wait for a detector. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Nothing waits, nothing is in work. */
  get idle(): boolean {
    return this.#waiting === 0 && ![...this.#lanes.values()].some((lane) => lane.working);
  }

  /** @returns null when the frame was taken, else why it is dropped without a record. */
  offer(offer: Offer<T>, now: number): RefusedReason | null {
    const lane = this.#lane(offer);
    const refused = refusal(lane.last, offer);
    if (refused) return refused;
    lane.last = { epoch: offer.epoch, runId: offer.runId, seq: offer.seq };
    const entry: Entry<T, R> = { ...offer, outcome: null };
    lane.entries.push(entry);
    if (this.#isStale(entry, now)) {
      this.#shed(entry, 'stale');
    } else if (offer.purpose === 'catchup') {
      if (lane.catchup.length >= this.#options.catchupBudget) return this.#shed(entry, 'catchup_budget');
      lane.catchup.push(entry);
      this.#waiting += 1;
    } else {
      if (lane.live) {
        this.#waiting -= 1;
        this.#shed(lane.live, 'superseded');
      }
      lane.live = entry;
      this.#waiting += 1;
    }
    this.#updateTurn(offer.camera, lane);
    return null;
  }

  /** The next frame to look at; it is in work until `settle`. */
  take(now: number): Entry<T, R> | undefined {
    for (const camera of this.#turns) {
      const lane = this.#lanes.get(camera);
      this.#turns.delete(camera);
      if (!lane) continue;
      this.#shedStale(lane, now);
      const entry = lane.catchup.shift() ?? lane.live;
      if (!entry) continue;
      if (entry === lane.live) lane.live = null;
      this.#waiting -= 1;
      lane.working = entry;
      return entry;
    }
    return undefined;
  }

  /** The frame in work has been looked at, or could not be. */
  settle(entry: Entry<T, R>, outcome: { shed: string } | { result: R }): void {
    entry.outcome = outcome;
    const lane = this.#lanes.get(entry.camera);
    // Given up meanwhile.
    if (lane?.working !== entry) return;
    lane.working = null;
    this.#drainable.add(entry.camera);
    this.#updateTurn(entry.camera, lane);
  }

  /** Sheds what became too old while it waited, so that its record does not wait for a free detector. */
  expire(now: number): void {
    for (const camera of [...this.#turns]) {
      const lane = this.#lanes.get(camera);
      if (!lane) continue;
      this.#shedStale(lane, now);
      this.#updateTurn(camera, lane);
    }
    for (const lane of this.#lanes.values()) if (lane.working) this.#shedStale(lane, now);
  }

  /** What may leave now, in the order of each camera. */
  drain(): Entry<T, R>[] {
    const out: Entry<T, R>[] = [];
    for (const camera of this.#drainable) {
      const entries = this.#lanes.get(camera)?.entries ?? [];
      let count = 0;
      while (entries[count]?.outcome) count += 1;
      out.push(...entries.splice(0, count));
    }
    this.#drainable.clear();
    return out;
  }

  /** Forgets cameras that now belong to somebody else: their frames leave without a record. */
  forget(gone: (payload: T) => boolean): void {
    for (const [camera, lane] of this.#lanes) {
      if (!lane.entries.some((entry) => gone(entry.payload))) continue;
      this.#waiting -= lane.catchup.length + (lane.live ? 1 : 0);
      this.#lanes.delete(camera);
      this.#turns.delete(camera);
    }
  }

  #lane({ camera }: Offer<T>): Lane<T, R> {
    const known = this.#lanes.get(camera);
    if (known) return known;
    if (this.#lanes.size >= this.#options.maxCameras) {
      const idle = [...this.#lanes].find(([, lane]) => lane.entries.length === 0);
      if (idle) this.#lanes.delete(idle[0]);
    }
    const lane: Lane<T, R> = {
      entries: [],
      last: { epoch: -1, runId: '', seq: -1 },
      working: null,
      live: null,
      catchup: [],
    };
    this.#lanes.set(camera, lane);
    return lane;
  }

  #updateTurn(camera: string, lane: Lane<T, R>): void {
    if (lane.working || (!lane.live && lane.catchup.length === 0)) this.#turns.delete(camera);
    else this.#turns.add(camera);
  }

  #isStale(entry: Entry<T, R>, now: number): boolean {
    const { maxFrameAgeMs, maxCatchupAgeMs } = this.#options;
    return now - entry.captureMs > (entry.purpose === 'catchup' ? maxCatchupAgeMs : maxFrameAgeMs);
  }

  #shedStale(lane: Lane<T, R>, now: number): void {
    for (let oldest = lane.catchup[0]; oldest && this.#isStale(oldest, now); oldest = lane.catchup[0]) {
      lane.catchup.shift();
      this.#waiting -= 1;
      this.#shed(oldest, 'stale');
    }
    if (lane.live && this.#isStale(lane.live, now)) {
      this.#waiting -= 1;
      this.#shed(lane.live, 'stale');
      lane.live = null;
    }
  }

  #shed(entry: Entry<T, R>, shed: ShedReason): null {
    entry.outcome = { shed };
    this.#drainable.add(entry.camera);
    return null;
  }
}

function refusal(last: Lane<unknown, unknown>['last'], offer: Offer<unknown>): RefusedReason | null {
  if (offer.epoch !== last.epoch) return offer.epoch < last.epoch ? 'old_epoch' : null;
  if (offer.runId !== last.runId) return offer.runId < last.runId ? 'old_run' : null;
  return offer.seq <= last.seq ? 'duplicate' : null;
}
