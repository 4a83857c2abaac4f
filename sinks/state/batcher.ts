import { Backoff } from '../../runtime/backoff.ts';
import type { Message } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { isStoreAway } from '../../runtime/stores/state/away.ts';
import type { StateChange, StateStore } from '../../runtime/stores/state/types.ts';
import type { Trouble } from '../trouble.ts';
import type { Ledger } from './ledger.ts';

export interface Write {
  message: Message;
  /** Undefined for a record that is no news: it is acknowledged in its turn. */
  change: StateChange | undefined;
  /** Called once the change is durable. */
  done(): void;
  /** Called when the store takes others but not this; resolves when it is put aside. */
  refused(error: unknown): Promise<void>;
}

export interface BatcherOptions {
  store: StateStore;
  ledger: Ledger;
  trouble: Trouble;
  /** The store has lost something that it had. */
  onBehind: () => void;
  clock: Clock;
  metrics: Metrics;
  /** How long changes are gathered into one transaction. */
  gatherMs: number;
  maxBatch: number;
}

const MAX_REFUSALS = 5;

/** Gathers changes into transactions. Holds what the store cannot take, and tries again. */
export class Batcher {
  readonly #options: BatcherOptions;
  readonly #stopping = new AbortController();
  readonly #refusals = new WeakMap<Write, number>();
  #pending: Write[] = [];
  #running: Promise<void> | undefined;

  constructor(options: BatcherOptions) {
    this.#options = options;
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
    const backoff = new Backoff({ minMs: 500, maxMs: 5_000 });
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
      this.#options.trouble.end();
      this.#options.metrics.set('store_available', 1, { store: 'state' });
      return [];
    } catch (error) {
      this.#failed(error);
      return isStoreAway(error) ? batch : this.#oneByOne(batch);
    }
  }

  /** A change that alone is refused, time and again, must not hold up the others for ever. */
  async #oneByOne(batch: readonly Write[]): Promise<readonly Write[]> {
    const left: Write[] = [];
    const errors = new Map<Write, unknown>();
    let went = false;
    for (const write of batch) {
      try {
        await this.#apply([write]);
        went ||= write.change !== undefined;
      } catch (error) {
        if (!isStoreAway(error)) errors.set(write, error);
        left.push(write);
      }
    }
    // Only a change that went through shows that it is not the store.
    if (!went) return left;
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
    const { store, ledger, metrics, onBehind } = this.#options;
    const changes = writes.flatMap(({ change }) => change ?? []);
    const { stale, behind } = await ledger.alone(async () => {
      const taken = ledger.next(writes.map(({ message }) => message));
      const result = await store.apply(changes, taken);
      ledger.took(taken);
      return result;
    });
    if (behind) onBehind();
    if (stale > 0) metrics.inc('records_stale_total', { reason: 'state' }, stale);
    for (const write of writes) write.done();
  }

  #failed(error: unknown): void {
    const code = error instanceof BanksmanError ? error.code : 'INTERNAL';
    this.#options.metrics.inc('store_errors_total', { store: 'state', reason: code });
    this.#options.metrics.set('store_available', 0, { store: 'state' });
    this.#options.trouble.begin(code, { err: error });
  }
}
