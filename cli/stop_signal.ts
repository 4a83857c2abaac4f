/** Collects every way in which a command can be asked to stop. */
export class StopSignal {
  /** Called when somebody asks a second time. */
  onInsisted: () => void = () => undefined;
  reason = '';
  readonly #abort = new AbortController();
  /** Resolves at the first asking. */
  readonly asked: Promise<void>;

  constructor() {
    this.asked = new Promise((resolve) => this.#abort.signal.addEventListener('abort', () => resolve()));
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (this.#abort.signal.aborted) this.onInsisted();
        else this.#ask(name);
      });
    }
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  after(ms: number): void {
    const timer = setTimeout(() => this.#ask('time is up'), ms);
    this.signal.addEventListener('abort', () => clearTimeout(timer));
  }

  #ask(reason: string): void {
    this.reason = reason;
    this.#abort.abort();
  }
}
