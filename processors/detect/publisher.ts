import { Backoff } from '../../runtime/backoff.ts';
import type { Producer } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Headers } from '../../runtime/tracing.ts';

export interface OutgoingRecord {
  readonly key: string;
  readonly value: Buffer;
  readonly headers?: Headers | undefined;
  /** Called when the bus has it durably. */
  readonly onDurable: () => void;
}

/**
 * Publishes records so that those of one key stay in order even when the bus refuses some: it goes on
 * trying (from here on nothing is dropped), and what comes after waits. Unbounded by itself; the number
 * of records is that of deliveries not acknowledged.
 */
export class OrderedPublisher {
  readonly #producer: Producer;
  readonly #topic: string;
  readonly #deps: { clock: Clock; log: Logger };
  readonly #lanes = new Map<string, OutgoingRecord[]>();
  readonly #stop = new AbortController();
  readonly #idle = new Set<() => void>();

  constructor(producer: Producer, topic: string, deps: { clock: Clock; log: Logger }) {
    this.#producer = producer;
    this.#topic = topic;
    this.#deps = deps;
  }

  publish(record: OutgoingRecord): void {
    const waiting = this.#lanes.get(record.key);
    if (waiting) {
      waiting.push(record);
      return;
    }
    const lane = [record];
    this.#lanes.set(record.key, lane);
    void this.#run(record.key, lane);
  }

  /** Resolves when everything published so far and until then is durable, or given up. */
  flushed(): Promise<void> {
    if (this.#lanes.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.add(resolve));
  }

  /** Gives up what the bus refuses. */
  abort(): void {
    this.#stop.abort();
  }

  async #run(key: string, lane: OutgoingRecord[]): Promise<void> {
    // The rest of this turn may add more: they share the bus's group commit.
    await Promise.resolve();
    while (lane.length > 0 && !this.#stop.signal.aborted) await this.#sendAll(lane.splice(0));
    this.#lanes.delete(key);
    if (this.#lanes.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }

  async #sendAll(records: OutgoingRecord[]): Promise<void> {
    const backoff = new Backoff({ minMs: 100, maxMs: 5_000 });
    let rest = records;
    while (rest.length > 0) {
      const results = await Promise.allSettled(
        rest.map(async ({ key, value, headers, onDurable }) => {
          await this.#producer.send(this.#topic, { key, headers, value });
          onDurable();
        }),
      );
      const failed = results.find((result) => result.status === 'rejected');
      if (!failed) return;
      rest = rest.filter((_, index) => results[index]?.status === 'rejected');
      const error = asError(failed.reason);
      const code = error instanceof BanksmanError ? error.code : undefined;
      // Without its bus the role ends; what was not acknowledged is delivered again.
      if (code === 'BUS_LOST') this.abort();
      if (this.#stop.signal.aborted) return;
      if (backoff.attempt === 0) {
        this.#deps.log.error({ code, topic: this.#topic }, `the bus refuses records: ${error.message}`);
      }
      await this.#deps.clock.sleep(backoff.next(), this.#stop.signal);
      if (this.#stop.signal.aborted) return;
    }
  }
}
