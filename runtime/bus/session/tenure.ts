import type { Tenure } from '../types.ts';

/** From one assignment until the group goes on without this member. */
export class MemberTenure implements Tenure {
  readonly #over = new AbortController();
  readonly #isHeardOf: () => boolean;

  constructor(isHeardOf: () => boolean) {
    this.#isHeardOf = isHeardOf;
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  get isSure(): boolean {
    return !this.#over.signal.aborted && this.#isHeardOf();
  }

  end(): void {
    this.#over.abort();
  }
}
