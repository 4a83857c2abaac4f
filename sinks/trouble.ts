/** One error line for a failure that repeats: said when it begins, when its code changes, and when it ends. */
import type { Logger } from '../runtime/log.ts';

export class Trouble {
  readonly #log: Logger;
  readonly #what: string;
  #code: string | undefined;

  constructor(log: Logger, what: string) {
    this.#log = log;
    this.#what = what;
  }

  begin(code: string, detail: Record<string, unknown>): void {
    if (this.#code === code) return;
    this.#code = code;
    this.#log.error({ code, ...detail }, `${this.#what} fails`);
  }

  end(): void {
    if (this.#code === undefined) return;
    this.#code = undefined;
    this.#log.info(`${this.#what} works again`);
  }
}
