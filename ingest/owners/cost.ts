/** Swings of a few seconds, as when somebody walks by, are not what a camera costs. */
const SMOOTHING_MS = 30_000;
/** Loading its code is not, either. */
const WARM_UP_MS = 5_000;

/** What a camera costs in CPU seconds a second, smoothed over its sessions. Pure: time comes in, monotonic ms. */
export class CpuCost {
  #rate: number | null = null;
  #begunAt = Number.NEGATIVE_INFINITY;
  #at: number | null = null;

  /** Null while it has not been measured. */
  get value(): number | null {
    return this.#rate;
  }

  /** A process begins. */
  begin(now: number): void {
    this.#begunAt = now;
    this.#at = null;
  }

  /** @param seconds of CPU since the call before. */
  add(seconds: number, now: number): void {
    const since = this.#at;
    this.#at = now;
    if (since === null || now <= since || now - this.#begunAt < WARM_UP_MS) return;
    const rate = (seconds * 1_000) / (now - since);
    const weight = 1 - Math.exp(-(now - since) / SMOOTHING_MS);
    this.#rate = this.#rate === null ? rate : this.#rate + weight * (rate - this.#rate);
  }
}
