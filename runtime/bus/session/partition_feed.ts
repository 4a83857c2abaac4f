import { setImmediate as yieldLoop } from 'node:timers/promises';
import { AckWindow } from '../ack_window.ts';
import type { Handler, Message } from '../types.ts';
import { type PartitionPosition, type Session, toMessage } from './session.ts';

/** What one answer may hold; one larger record comes alone. */
const FETCH_BYTES = 256 * 1024;
const FETCH_RECORDS = 500;
/** Handlers that return at once must not hold the event loop while there is a backlog. */
const TURN_MS = 8;

export interface FeedOptions {
  session: Session;
  handler: Handler;
  maxInFlight: number;
  isPaused: () => boolean;
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
        const { records, next } = await session.fetch(
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
