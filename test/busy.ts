/** Work of a known size, and for how long an event loop stands still: to tell what a machine makes of something. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';

/** Of CPU: about what each process of a scrape of a thousand cameras takes. */
export const REFERENCE_MS = 100;
const SLICE_MS = 1;

/** Uses so much CPU time of this thread; the event loop turns each millisecond. @returns milliseconds that went by. */
export async function busyFor(cpuMs: number): Promise<number> {
  const start = performance.now();
  const before = process.threadCpuUsage();
  const usedMs = (): number => {
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1_000;
  };
  while (usedMs() < cpuMs) {
    const until = usedMs() + SLICE_MS;
    while (usedMs() < until);
    await turn();
  }
  return performance.now() - start;
}

/** For how long the event loop of this thread stood still. */
export class Stops {
  readonly #delay = monitorEventLoopDelay({ resolution: 1 });

  constructor() {
    this.#delay.enable();
  }

  /** At most, since this was asked before. In milliseconds, one or two of them the monitor's own. */
  async longestMs(): Promise<number> {
    await this.#sample();
    const ms = this.#delay.max / 1e6;
    this.#delay.reset();
    // It measures from one sample to the next: without one, what stands still at once would not be seen.
    await this.#sample();
    return ms;
  }

  async #sample(): Promise<void> {
    const before = this.#delay.count;
    while (this.#delay.count === before) await sleep(1);
  }
}
