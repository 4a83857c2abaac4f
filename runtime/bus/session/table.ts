import { BanksmanError } from '../../errors.ts';
import type { Message, Table } from '../types.ts';
import { type Session, toMessage } from './session.ts';

const FETCH_BYTES = 1024 * 1024;
const FETCH_RECORDS = 1000;

export class SessionTable implements Table {
  readonly #session: Session;
  readonly #topic: string;
  readonly #onEnded: () => void;
  readonly #entries = new Map<string, Message>();
  readonly #listeners = new Set<(message: Message) => void>();
  readonly #stopped = new AbortController();
  #followers: Promise<void>[] = [];
  #started = false;

  constructor(session: Session, topic: string, onEnded: () => void) {
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
    this.#followers = positions.map(({ partition, offset }) => this.#follow(partition, offset));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
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
      while (!this.#stopped.signal.aborted) offset = await this.#step(partition, offset, true);
    } catch (error) {
      // The connection's `onLost` tells; a table has nobody of its own to tell.
      if (!(error instanceof BanksmanError)) throw error;
    }
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
    // A copy, because the value is a part of a larger buffer that would stay as long as the entry.
    else this.#entries.set(message.key, { ...message, value: Buffer.from(message.value) });
    if (this.#started) for (const listener of this.#listeners) listener(message);
  }
}
