import { setImmediate as yieldLoop } from 'node:timers/promises';
import { AckWindow } from '../ack_window.ts';
import type { Handler, Message, TopicPartition } from '../types.ts';
import { type PartitionPosition, type Session, toMessage } from './session.ts';

/** What one answer may hold; one larger record comes alone. */
const FETCH_BYTES = 256 * 1024;
const FETCH_RECORDS = 500;
/** Handlers that return at once must not hold the event loop while there is a backlog. */
const TURN_MS = 8;
/** Only behind so many records it is asked whether the oldest are worth reading, and not at every answer. */
const SKIP_BEHIND = 200;
const SKIP_LOOK_MS = 1_000;

export interface FeedOptions {
  session: Session;
  handler: Handler;
  maxInFlight: number;
  isPaused: () => boolean;
  /** See `ConsumerOptions`. */
  skipOlderMs?: number | undefined;
  onSkipped?: ((from: TopicPartition, records: number) => void) | undefined;
  /** The position moved. */
  onAcked: () => void;
  /** Handler or bus failed; the feed has ended. */
  onError: (error: unknown) => void;
}

/** One assigned partition: fetches, delivers in order, keeps what was acknowledged. */
export class PartitionFeed {
  readonly topic: string;
  readonly partition: number;
  readonly #options: FeedOptions;
  readonly #window: AckWindow;
  readonly #stopped = new AbortController();
  #wake: (() => void) | undefined;
  #fetchFrom: number;
  #committed: number;
  #skipLookedAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();

  constructor(start: PartitionPosition, options: FeedOptions) {
    this.topic = start.topic;
    this.partition = start.partition;
    this.#options = options;
    this.#fetchFrom = start.offset;
    this.#committed = start.offset;
    this.#window = new AckWindow(start.offset, options.maxInFlight);
  }

  start(): void {
    if (this.#stopped.signal.aborted) return;
    this.#running = this.#run();
  }

  /** No delivery begins after this call. Resolves when the handler under way has settled. */
  stop(): Promise<void> {
    this.#stopped.abort();
    this.poke();
    return this.#running;
  }

  /** Something changed that deliveries may have waited for. */
  poke(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** What should be committed, if it moved since `committed` was called. */
  get uncommitted(): PartitionPosition | undefined {
    const offset = this.#window.position;
    return offset > this.#committed ? { topic: this.topic, partition: this.partition, offset } : undefined;
  }

  committed(offset: number): void {
    this.#committed = Math.max(this.#committed, offset);
  }

  async #run(): Promise<void> {
    const { session, onError } = this.#options;
    const { signal } = this.#stopped;
    let turn = performance.now();
    try {
      while (!signal.aborted) {
        const { records, next, end } = await session.fetch(
          {
            topic: this.topic,
            partition: this.partition,
            offset: this.#fetchFrom,
            maxRecords: FETCH_RECORDS,
            maxBytes: FETCH_BYTES,
            wait: true,
          },
          signal,
        );
        if (end !== undefined && (await this.#skipOld(end))) continue;
        for (const record of records) {
          while (!signal.aborted && !this.#mayDeliver) await this.#poked();
          if (signal.aborted) return;
          const handled = this.#deliver(toMessage(this.topic, this.partition, record));
          if (handled !== undefined) await handled;
          if (performance.now() - turn > TURN_MS) {
            await yieldLoop();
            turn = performance.now();
          }
        }
        this.#fetchFrom = next;
        if (this.#window.skipTo(next)) this.#options.onAcked();
      }
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  }

  /** @returns whether the place to read at has moved. */
  async #skipOld(end: number): Promise<boolean> {
    const { session, skipOlderMs, onSkipped, onAcked } = this.#options;
    const { topic, partition } = this;
    if (skipOlderMs === undefined || end - this.#fetchFrom < SKIP_BEHIND) return false;
    if (performance.now() - this.#skipLookedAt < SKIP_LOOK_MS) return false;
    this.#skipLookedAt = performance.now();
    const last = { topic, partition, offset: end - 1, maxRecords: 1, maxBytes: 1, wait: false };
    const newest = (await session.fetch(last, this.#stopped.signal)).records.at(-1);
    if (!newest) return false;
    const bounds = await session.bounds(topic, newest.timestamp - skipOlderMs);
    const to = bounds.find((each) => each.partition === partition)?.atTime ?? 0;
    const skipped = to - this.#fetchFrom;
    if (skipped <= 0) return false;
    this.#fetchFrom = to;
    if (this.#window.skipTo(to)) onAcked();
    onSkipped?.({ topic, partition }, skipped);
    return true;
  }

  get #mayDeliver(): boolean {
    return this.#window.hasRoom && !this.#options.isPaused();
  }

  #deliver(message: Message): undefined | Promise<void> {
    const acknowledge = this.#window.deliver(message.offset);
    const ack = (): void => {
      if (acknowledge()) this.#options.onAcked();
      this.poke();
    };
    const handled = this.#options.handler({ ...message, ack });
    return handled === undefined ? undefined : handled;
  }

  #poked(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
