import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { StateChange, StateStore } from '../../runtime/stores/state/types.ts';
import { Trouble } from '../trouble.ts';

export interface Write {
  change: StateChange;
  /** Called once the change is durable. */
  done(): void;
  /** Called when the store takes others but not this; resolves when it is put aside. */
  refused(error: unknown): Promise<void>;
}

export interface BatcherOptions {
  store: StateStore;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
  /** How long changes are gathered into one transaction. */
  gatherMs: number;
  maxBatch: number;
}

const MAX_REFUSALS = 5;

/** Gathers changes into transactions. Holds what the store cannot take, and tries again. */
export class Batcher {
  readonly #options: BatcherOptions;
  readonly #trouble: Trouble;
  readonly #stopping = new AbortController();
  readonly #refusals = new WeakMap<Write, number>();
  #pending: Write[] = [];
  #running: Promise<void> | undefined;

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#trouble = new Trouble(options.log, 'the state store');
  }

  add(write: Write): void {
    this.#pending.push(write);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Writes what is pending, once; what the store refuses then stays unacknowledged. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, gatherMs, maxBatch } = this.#options;
    const backoff = new Backoff({ minMs: 500, maxMs: 10_000 });
    while (this.#pending.length > 0) {
      if (this.#pending.length < maxBatch) await clock.sleep(gatherMs, this.#stopping.signal);
      const batch = this.#pending.slice(0, maxBatch);
      const left = await this.#write(batch);
      this.#pending.splice(0, batch.length, ...left);
      if (left.length === 0) {
        backoff.reset();
        continue;
      }
      if (this.#stopping.signal.aborted) return;
      await clock.sleep(backoff.next(), this.#stopping.signal);
    }
  }

  /** @returns what has to be tried again. */
  async #write(batch: readonly Write[]): Promise<readonly Write[]> {
    try {
      await this.#apply(batch);
      this.#trouble.end();
      return [];
    } catch (error) {
      this.#failed(error);
      return isFull(error) ? batch : this.#oneByOne(batch);
    }
  }

  /** A change that alone is refused, time and again, must not hold up the others for ever. */
  async #oneByOne(batch: readonly Write[]): Promise<readonly Write[]> {
    const left: Write[] = [];
    const errors = new Map<Write, unknown>();
    for (const write of batch) {
      try {
        await this.#apply([write]);
      } catch (error) {
        if (!isFull(error)) errors.set(write, error);
        left.push(write);
      }
    }
    // Only a change that went through shows that it is not the store.
    if (left.length === batch.length) return batch;
    for (const [write, error] of errors) {
      const times = (this.#refusals.get(write) ?? 0) + 1;
      this.#refusals.set(write, times);
      if (times < MAX_REFUSALS) continue;
      await write.refused(error);
      left.splice(left.indexOf(write), 1);
    }
    return left;
  }

  async #apply(writes: readonly Write[]): Promise<void> {
    const changes = writes.map((write) => write.change);
    const { stale } = await this.#options.store.apply(changes);
    if (stale > 0) this.#options.metrics.inc('records_stale_total', { reason: 'state' }, stale);
    for (const write of writes) write.done();
  }

  #failed(error: unknown): void {
    const code = error instanceof BanksmanError ? error.code : 'INTERNAL';
    this.#options.metrics.inc('store_errors_total', { store: 'state', reason: code });
    this.#trouble.begin(code, { err: error });
  }
}

function isFull(error: unknown): boolean {
  return error instanceof BanksmanError && error.code === 'STORE_FULL';
}
