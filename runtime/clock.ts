import { setTimeout as delay } from 'node:timers/promises';

/** Time is injected, so that a test skips a simulated day. */
export interface Clock {
  /** Wall time, epoch milliseconds. May step. */
  now(): number;
  /** Milliseconds of a clock that never steps. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when aborted (it does not reject). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
  },
};

/** A clock that only moves when told to; sleepers wake in order. */
export class FakeClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #sleepers: { at: number; wake: () => void }[] = [];

  constructor(wall = Date.UTC(2026, 0, 1)) {
    this.#wall = wall;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = { at: this.#monotonic + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        resolve();
      });
    });
  }

  /** Moves both clocks on and wakes who is due, earliest first, letting each run before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    for (;;) {
      const due = this.#sleepers.filter((s) => s.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#sleepers = this.#sleepers.filter((s) => s !== due);
      this.#move(due.at - this.#monotonic);
      due.wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#move(end - this.#monotonic);
  }

  /** Sets the wall clock alone, as an administrator or NTP does. */
  step(ms: number): void {
    this.#wall += ms;
  }

  #move(ms: number): void {
    this.#monotonic += ms;
    this.#wall += ms;
  }
}
