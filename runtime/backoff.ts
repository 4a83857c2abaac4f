/** Exponential back-off with full-range jitter, so that a switch's reboot does not synchronize a fleet. */
export interface BackoffOptions {
  /** First delay's upper bound. */
  minMs: number;
  maxMs: number;
  /** Default 2. */
  factor?: number;
  /** 0-1, injected. Default Math.random. */
  random?: () => number;
}

export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #attempt = 0;

  constructor(options: BackoffOptions) {
    this.#options = { factor: 2, random: Math.random, ...options };
  }

  get attempt(): number {
    return this.#attempt;
  }

  /** Next delay in milliseconds, between half of the current bound and the bound. */
  next(): number {
    const { minMs, maxMs, factor, random } = this.#options;
    const bound = Math.min(maxMs, minMs * factor ** this.#attempt);
    this.#attempt += 1;
    return bound * (0.5 + 0.5 * random());
  }

  reset(): void {
    this.#attempt = 0;
  }
}
