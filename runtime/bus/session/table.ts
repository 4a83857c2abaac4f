import { BanksmanError } from '../../errors.ts';
import type { Message, Table, TableOptions } from '../types.ts';
import { type Session, toMessage } from './session.ts';

const FETCH_BYTES = 1024 * 1024;
const FETCH_RECORDS = 1000;

interface Waiter {
  readonly partition: number;
  readonly end: number;
  readonly settled: PromiseWithResolvers<void>;
}

export class SessionTable implements Table {
  readonly #session: Session;
  readonly #topic: string;
  readonly #options: TableOptions;
  readonly #onEnded: () => void;
  readonly #entries = new Map<string, Message>();
  readonly #listeners = new Set<(message: Message) => void>();
  readonly #stopped = new AbortController();
  #followers: Promise<void>[] = [];
  /** Where each partition is read on. */
  readonly #offsets = new Map<number, number>();
  readonly #waiters = new Set<Waiter>();
  /** It no longer follows. */
  #ended: BanksmanError | undefined;
  #started = false;

  constructor(session: Session, topic: string, options: TableOptions, onEnded: () => void) {
    this.#options = options;
    this.#onEnded = onEnded;
    this.#session = session;
    this.#topic = topic;
  }

  async start(): Promise<void> {
    const bounds = await this.#session.bounds(this.#topic);
    const positions = await Promise.all(
      bounds.map(async ({ partition, start, end }) => ({
        partition,
        offset: await this.#readTo(partition, start, end),
      })),
    );
    this.#started = true;
    for (const { partition, offset } of positions) this.#offsets.set(partition, offset);
    this.#followers = positions.map(({ partition, offset }) => this.#follow(partition, offset));
  }

  async caughtUp(): Promise<void> {
    const bounds = await this.#session.bounds(this.#topic);
    if (this.#ended) throw this.#ended;
    const waiters = bounds
      .filter(({ partition, end }) => (this.#offsets.get(partition) ?? end) < end)
      .map(({ partition, end }): Waiter => ({ partition, end, settled: Promise.withResolvers<void>() }));
    for (const waiter of waiters) this.#waiters.add(waiter);
    await Promise.all(waiters.map(({ settled }) => settled.promise));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#end(new BanksmanError('BUS_LOST'));
    await Promise.all(this.#followers);
    this.#onEnded();
  }

  get(key: string): Message | undefined {
    return this.#entries.get(key);
  }

  entries(): IterableIterator<[string, Message]> {
    return this.#entries.entries();
  }

  get size(): number {
    return this.#entries.size;
  }

  onChange(listener: (message: Message) => void): () => void {
    const own = (message: Message): void => listener(message);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  async #readTo(partition: number, start: number, end: number): Promise<number> {
    let offset = start;
    while (offset < end && !this.#stopped.signal.aborted) offset = await this.#step(partition, offset, false);
    return offset;
  }

  async #follow(partition: number, start: number): Promise<void> {
    let offset = start;
    try {
      while (!this.#stopped.signal.aborted) {
        offset = await this.#step(partition, offset, true);
        this.#reached(partition, offset);
      }
    } catch (error) {
      // The connection's `onLost` tells; a table has nobody of its own to tell.
      if (!(error instanceof BanksmanError)) throw error;
      this.#end(error);
    }
  }

  #reached(partition: number, offset: number): void {
    this.#offsets.set(partition, offset);
    for (const waiter of this.#waiters) {
      if (waiter.partition !== partition || offset < waiter.end) continue;
      this.#waiters.delete(waiter);
      waiter.settled.resolve();
    }
  }

  #end(error: BanksmanError): void {
    this.#ended ??= error;
    for (const { settled } of this.#waiters) settled.reject(this.#ended);
    this.#waiters.clear();
  }

  async #step(partition: number, offset: number, wait: boolean): Promise<number> {
    const { records, next } = await this.#session.fetch(
      { topic: this.#topic, partition, offset, maxRecords: FETCH_RECORDS, maxBytes: FETCH_BYTES, wait },
      this.#stopped.signal,
    );
    if (this.#stopped.signal.aborted) return offset;
    for (const record of records) this.#apply(toMessage(this.#topic, partition, record));
    return next;
  }

  #apply(message: Message): void {
    if (message.value === null) this.#entries.delete(message.key);
    else {
      const held = this.#entries.get(message.key);
      if (held && this.#options.replaces?.(message, held) === false) return;
      // A copy, because the value is a part of a larger buffer that would stay as long as the entry.
      this.#entries.set(message.key, { ...message, value: Buffer.from(message.value) });
    }
    if (this.#started) for (const listener of this.#listeners) listener(message);
  }
}
