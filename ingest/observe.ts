import type { ObservationKind } from '../runtime/messages/types.ts';

export interface Interval {
  kind: ObservationKind;
  reason: string | null;
  /** Capture time, epoch ms. */
  fromMs: number;
  toMs: number;
}

/** An interval that was several of these in turn is told as the worst of them: silence is never called quiet. */
const WORSE = { quiet: 0, starved: 1, blind: 2 } as const satisfies Record<ObservationKind, number>;

/**
 * Accounts for all capture time in which no frame was published: adjoining intervals that were quiet,
 * starved or blind. Pure.
 */
export class Observer {
  #intervalMs: number;
  #toMs: number | null = null;
  /** The worst since `toMs`. */
  #pending: { kind: ObservationKind; reason: string | null } | null = null;

  /** @param intervalMs an interval is said once it is this long. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  configure(intervalMs: number): void {
    this.#intervalMs = intervalMs;
  }

  /** Capture time up to which all is accounted for, null before the first picture. */
  get toMs(): number | null {
    return this.#toMs;
  }

  /** A frame was published: what happened since the last one lies between two looks. */
  published(timeMs: number): void {
    this.#toMs = Math.max(this.#toMs ?? timeMs, timeMs);
    this.#pending = null;
  }

  /** Time went on to `timeMs` and no frame was published for it. */
  passed(kind: ObservationKind, reason: string | null, timeMs: number): Interval | null {
    const fromMs = this.#toMs;
    if (fromMs === null) {
      this.#toMs = timeMs;
      return null;
    }
    if (this.#pending === null || WORSE[kind] >= WORSE[this.#pending.kind]) this.#pending = { kind, reason };
    if (timeMs <= fromMs || timeMs - fromMs < this.#intervalMs) return null;
    this.#toMs = timeMs;
    const said = this.#pending;
    this.#pending = null;
    return { ...said, fromMs, toMs: timeMs };
  }
}

/** So often that a camera counts as watched between two of them: see `watched` in DESIGN. */
export function observationIntervalMs(detectWithinS: number): number {
  return 1000 * Math.min(2, Math.max(0.25, detectWithinS / 4));
}
