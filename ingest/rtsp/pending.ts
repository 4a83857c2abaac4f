import type { Stamp } from './types.ts';

/** More than any decoder holds back; what is older never came out. */
const MAX_PENDING = 128;
/** Time that a stream may jump before it is smoothed over for the decoder. */
const MAX_JUMP_NS = 10e9;
const STEP_NS = 1_000;

/**
 * Access units on their way through a decoder, found again by the time stamp they were given. The
 * stream's own times are used as far as they are there, unique and near each other, because decoders
 * order pictures by them; a decoder never sees a jump.
 */
export class PendingUnits {
  readonly #pending = new Map<number, Stamp>();
  /** Came out lately: pictures are asked for after their luma. */
  readonly #recent = new Map<number, Stamp>();
  #offsetNs = 0;
  #highestNs = -1;

  /**
   * @param ptsMs presentation time of the unit, null when it has none
   * @returns the time stamp to push it with, nanoseconds.
   */
  add(ptsMs: number | null, stamp: Stamp): number {
    let ns = ptsMs === null ? this.#highestNs + STEP_NS : Math.round(ptsMs * 1e6) + this.#offsetNs;
    if (ns < 0 || (this.#highestNs >= 0 && Math.abs(ns - this.#highestNs) > MAX_JUMP_NS)) {
      const smooth = Math.max(0, this.#highestNs) + 1e6;
      this.#offsetNs += smooth - ns;
      ns = smooth;
    }
    while (this.#pending.has(ns) || this.#recent.has(ns)) ns += STEP_NS;
    this.#highestNs = Math.max(this.#highestNs, ns);
    this.#pending.set(ns, stamp);
    if (this.#pending.size > MAX_PENDING) removeFirst(this.#pending);
    return ns;
  }

  /** The stamp of what came out, and how many shown before it never did. */
  take(ns: number): { stamp: Stamp; lost: number } | null {
    const stamp = this.#pending.get(ns);
    if (!stamp) return null;
    let lost = -1;
    for (const other of this.#pending.keys()) {
      if (other > ns) continue;
      this.#pending.delete(other);
      lost += 1;
    }
    this.#recent.set(ns, stamp);
    if (this.#recent.size > 8) removeFirst(this.#recent);
    return { stamp, lost };
  }

  find(ns: number): Stamp | undefined {
    return this.#recent.get(ns) ?? this.#pending.get(ns);
  }
}

function removeFirst(map: Map<number, unknown>): void {
  const first = map.keys().next().value;
  if (first !== undefined) map.delete(first);
}
