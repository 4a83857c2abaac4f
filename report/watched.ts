/** How long cameras were watched, and why not, from their stored intervals. Pure. */
import type { Coverage, Timestamp } from '../runtime/messages/types.ts';
import type { Period, Slot } from './period.ts';

/** Milliseconds of camera time: ten cameras have ten hours an hour. */
export interface WatchTime {
  watchedMs: number;
  /** It is on record that nobody could look. */
  unwatchedMs: number;
  /** Nobody recorded anything: banksman did not run, or the camera was not there yet. */
  unrecordedMs: number;
}

export interface NotWatched {
  /** As coverage has it, such as `blind:RTSP_REFUSED`, or `no_record`. */
  reason: string;
  ms: number;
  times: number;
  longestMs: number;
}

export interface CameraWatch extends WatchTime {
  camera: string;
  /** Where its record begins within the period; null: there is none. */
  recordFrom: Timestamp | null;
  /** Longest first. */
  notWatched: NotWatched[];
}

export interface WatchSums extends WatchTime {
  /** The least watched first. */
  cameras: CameraWatch[];
  notWatched: (NotWatched & { cameras: number })[];
  /** 0 to 23, wall time. */
  byHour: WatchTime[];
  /** As the days of the period. */
  byDay: WatchTime[];
}

export const NO_RECORD = 'no_record';

/** Takes the intervals of one camera after the other, each camera's in order. */
export class WatchTally {
  readonly #days: Map<string, WatchTime>;
  readonly #slots: readonly Slot[];
  readonly #byHour = Array.from({ length: 24 }, noTime);
  readonly #cameras: CameraWatch[] = [];
  #camera: {
    watch: CameraWatch;
    reasons: Map<string, NotWatched>;
    last: { reason: string; ms: number; to: string } | null;
  } | null = null;
  #slot = 0;

  constructor(period: Period, slots: readonly Slot[]) {
    this.#days = new Map(period.days.map((day) => [day, noTime()]));
    this.#slots = slots;
  }

  begin(camera: string): void {
    this.#finish();
    this.#slot = 0;
    this.#camera = {
      watch: { camera, ...noTime(), recordFrom: null, notWatched: [] },
      reasons: new Map(),
      last: null,
    };
  }

  add({ from, to, watched, reason }: Coverage): void {
    if (!this.#camera) return;
    const { watch, reasons } = this.#camera;
    const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
    const unrecorded = !watched && reason === NO_RECORD;
    if (!unrecorded) watch.recordFrom ??= from;
    const key = watched ? 'watchedMs' : unrecorded ? 'unrecordedMs' : 'unwatchedMs';
    watch[key] += toMs - fromMs;
    this.#spread(fromMs, toMs, key);
    if (watched) return;
    const why = reason ?? 'unknown';
    // What was read in pieces is one time all the same.
    const last = this.#camera.last?.reason === why && this.#camera.last.to === from ? this.#camera.last : null;
    const ms = (last?.ms ?? 0) + toMs - fromMs;
    this.#camera.last = { reason: why, ms, to };
    const sum = reasons.get(why) ?? { reason: why, ms: 0, times: 0, longestMs: 0 };
    sum.ms += toMs - fromMs;
    sum.times += last ? 0 : 1;
    sum.longestMs = Math.max(sum.longestMs, ms);
    reasons.set(why, sum);
  }

  end(): WatchSums {
    this.#finish();
    const reasons = new Map<string, NotWatched & { cameras: number }>();
    const sum = noTime();
    for (const camera of this.#cameras) {
      for (const key of ['watchedMs', 'unwatchedMs', 'unrecordedMs'] as const) sum[key] += camera[key];
      for (const { reason, ms, times, longestMs } of camera.notWatched) {
        const all = reasons.get(reason) ?? { reason, ms: 0, times: 0, longestMs: 0, cameras: 0 };
        all.ms += ms;
        all.times += times;
        all.longestMs = Math.max(all.longestMs, longestMs);
        all.cameras += 1;
        reasons.set(reason, all);
      }
    }
    return {
      ...sum,
      cameras: this.#cameras.toSorted((a, b) => a.watchedMs - b.watchedMs),
      notWatched: [...reasons.values()].sort(longestFirst),
      byHour: this.#byHour,
      byDay: [...this.#days.values()],
    };
  }

  #finish(): void {
    if (!this.#camera) return;
    const { watch, reasons } = this.#camera;
    this.#cameras.push({ ...watch, notWatched: [...reasons.values()].sort(longestFirst) });
    this.#camera = null;
  }

  /** Over the hours that it lies in. */
  #spread(from: number, to: number, key: keyof WatchTime): void {
    for (;;) {
      const slot = this.#slots[this.#slot];
      if (!slot || slot.from >= to) return;
      const ms = Math.min(to, slot.to) - Math.max(from, slot.from);
      const [hour, day] = [this.#byHour[slot.hour], this.#days.get(slot.day)];
      if (ms > 0 && hour) hour[key] += ms;
      if (ms > 0 && day) day[key] += ms;
      if (slot.to > to) return;
      this.#slot += 1;
    }
  }
}

/** Of all the time; null where there is none. What nobody recorded was not watched. */
export function watchedShare({ watchedMs, unwatchedMs, unrecordedMs }: WatchTime): number | null {
  const all = watchedMs + unwatchedMs + unrecordedMs;
  return all === 0 ? null : watchedMs / all;
}

function noTime(): WatchTime {
  return { watchedMs: 0, unwatchedMs: 0, unrecordedMs: 0 };
}

function longestFirst(a: { ms: number }, b: { ms: number }): number {
  return b.ms - a.ms;
}
