import { BanksmanError } from '../../errors.ts';
import type {
  Bus,
  Consumer,
  ConsumerOptions,
  Handler,
  Message,
  OutgoingMessage,
  Position,
  Producer,
  Table,
  TableOptions,
  TailFrom,
  TailOptions,
} from '../types.ts';
import { SessionConsumer } from './consumer.ts';
import { type GroupLag, type Session, toMessage } from './session.ts';
import { SessionTable } from './table.ts';
import { tail } from './tail.ts';

/** The bus over one session: in this process or through a socket. */
export class SessionBus implements Bus {
  readonly #session: Session;
  readonly #onClose: () => Promise<void>;
  readonly #consumers = new Set<SessionConsumer>();
  readonly #tables = new Set<SessionTable>();

  constructor(session: Session, onClose: () => Promise<void> = async () => {}) {
    this.#session = session;
    this.#onClose = onClose;
  }

  producer(): Producer {
    const unsettled = new Set<Promise<unknown>>();
    return {
      send: (topic: string, message: OutgoingMessage, signal?: AbortSignal): Promise<Position> => {
        const { key, headers, value } = message;
        const sent = this.#session.send(topic, { key, headers, value }, signal);
        unsettled.add(sent);
        const settled = (): boolean => unsettled.delete(sent);
        sent.then(settled, settled);
        return sent;
      },
      close: async () => {
        await Promise.allSettled(unsettled);
      },
    };
  }

  consumer(group: string, topics: readonly string[], handler: Handler, options: ConsumerOptions = {}): Consumer {
    const consumer = new SessionConsumer(this.#session, { group, topics, handler, options }, () =>
      this.#consumers.delete(consumer),
    );
    this.#consumers.add(consumer);
    return consumer;
  }

  table(topic: string, options: TableOptions = {}): Table {
    const table = new SessionTable(this.#session, topic, options, () => this.#tables.delete(table));
    this.#tables.add(table);
    return table;
  }

  tail(topic: string, from: TailFrom, options: TailOptions = {}): AsyncIterable<Message> {
    return { [Symbol.asyncIterator]: () => tail(this.#session, topic, from, options) };
  }

  async read(topic: string, partition: number, offset: number): Promise<Message | undefined> {
    const one = { topic, partition, offset, maxRecords: 1, maxBytes: 0, wait: false };
    const [record] = (await this.#session.fetch(one)).records;
    return record?.offset === offset ? toMessage(topic, partition, record) : undefined;
  }

  async partitions(topic: string): Promise<number> {
    return (await this.#session.bounds(topic)).length;
  }

  get silentMs(): number {
    return this.#session.silentMs;
  }

  lag(): Promise<GroupLag[]> {
    return this.#session.lag();
  }

  /** Stops consumers and tables that were left open, then the connection. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#consumers, ...this.#tables].map((each) => each.stop()));
    await this.#session.close();
    await this.#onClose();
  }

  /** Ends without a word, as a crash of this process does. For tests of what others then do. */
  abort(): void {
    this.#session.abort();
    this.lost(new BanksmanError('BUS_LOST'));
  }

  /** The connection is gone: consumers end with it, also those that wait for nothing from the bus. */
  lost(error: Error): void {
    for (const consumer of this.#consumers) consumer.fail(error);
  }
}
