/** Tells how far something is: a bar that is drawn over on a terminal, a line for each tenth otherwise. */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #what: string;
  readonly #beganMs = performance.now();
  #drawnMs = 0;
  #tenth = -1;

  /** @param what is counted, e.g. `frames`. */
  constructor(what: string, out: NodeJS.WriteStream = process.stderr) {
    this.#what = what;
    this.#out = out;
  }

  /** @param before of `done` were there already. */
  show(done: number, total: number, before: number): void {
    const now = performance.now();
    const share = total === 0 ? 1 : done / total;
    const rate = (done - before) / Math.max(0.001, (now - this.#beganMs) / 1000);
    const left = rate > 0 && done < total ? `, ${Math.ceil((total - done) / rate)} s left` : '';
    if (this.#out.isTTY === true) {
      if (done < total && now - this.#drawnMs < 100) return;
      this.#drawnMs = now;
      const text = `${String(Math.floor(share * 100)).padStart(3)} % ${done} of ${total} ${this.#what}${left}`;
      const wide = Math.max(0, Math.min(40, (this.#out.columns ?? 80) - text.length - 5));
      const bar = wide < 8 ? '' : `[${'#'.repeat(Math.round(share * wide)).padEnd(wide, '.')}] `;
      this.#out.write(`\r\x1b[K${(bar + text).slice(0, Math.max(10, (this.#out.columns ?? 80) - 1))}`);
      return;
    }
    const tenth = Math.floor(share * 10);
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    this.#out.write(`${done} of ${total} ${this.#what}${left}\n`);
  }

  /** Leaves the bar behind, so that what is written next begins a line. */
  end(): void {
    if (this.#out.isTTY === true && this.#drawnMs > 0) this.#out.write('\n');
  }
}
