import type { Bus } from '../bus/types.ts';
import type { Clock } from '../clock.ts';
import type { Component } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';

export interface LagWatchDeps {
  bus: Bus;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
}

/** A scaler looks no more often. */
const EVERY_MS = 10_000;

/**
 * How far each group of the fleet is behind, as `bus_lag_records`; what scalers go by. While the bus does
 * not answer the metric keeps what was known last.
 */
export class LagWatch implements Component {
  readonly name = 'lag-watch';
  readonly #deps: LagWatchDeps;
  readonly #stopped = new AbortController();

  constructor(deps: LagWatchDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    void this.#untilStopped(this.#stopped.signal);
  }

  /** Waits for no answer: a bus that is away gives none until it is closed. */
  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  async #untilStopped(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    while (!signal.aborted) {
      await this.#look().catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'how far groups are behind is not known');
      });
      await clock.sleep(EVERY_MS, signal);
    }
  }

  async #look(): Promise<void> {
    const sums = new Map<string, { group: string; topic: string; records: number }>();
    for (const { group, topic, lag } of await this.#deps.bus.lag()) {
      const key = `${group} ${topic}`;
      const before = sums.get(key)?.records ?? 0;
      sums.set(key, { group, topic, records: before + lag });
    }
    for (const { group, topic, records } of sums.values()) {
      this.#deps.metrics.set('bus_lag_records', records, { group, topic });
    }
  }
}
