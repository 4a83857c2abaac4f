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
  TailFrom,
  TailOptions,
} from '../types.ts';
import { LocalConsumer } from './consumer.ts';
import type { GroupLag, Session } from './session.ts';
import { LocalTable } from './table.ts';
import { tail } from './tail.ts';

/** The bus over one session: in this process or through a socket. */
export class LocalBus implements Bus {
  readonly #session: Session;
  readonly #onClose: () => Promise<void>;
  readonly #open = new Set<{ stop(): Promise<void> }>();

  constructor(session: Session, onClose: () => Promise<void> = async () => {}) {
    this.#session = session;
    this.#onClose = onClose;
  }

  producer(): Producer {
    const unsettled = new Set<Promise<unknown>>();
    return {
      send: (topic: string, message: OutgoingMessage): Promise<Position> => {
        const sent = this.#session.send(topic, message);
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
    const consumer = new LocalConsumer(this.#session, { group, topics, handler, options }, () =>
      this.#open.delete(consumer),
    );
    this.#open.add(consumer);
    return consumer;
  }

  table(topic: string): Table {
    const table = new LocalTable(this.#session, topic);
    this.#open.add(table);
    return table;
  }

  tail(topic: string, from: TailFrom, options: TailOptions = {}): AsyncIterable<Message> {
    return { [Symbol.asyncIterator]: () => tail(this.#session, topic, from, options) };
  }

  async read(topic: string, partition: number, offset: number): Promise<Message | undefined> {
    const one = { topic, partition, offset, maxRecords: 1, maxBytes: 0, wait: false };
    const { messages } = await this.#session.fetch(one);
    const [message] = messages;
    return message?.offset === offset ? message : undefined;
  }

  lag(): Promise<GroupLag[]> {
    return this.#session.lag();
  }

  /** Stops consumers and tables that were left open, then the connection. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((each) => each.stop()));
    await this.#session.close();
    await this.#onClose();
  }

  /** Ends without a word, as a crash of this process does. For tests of what others then do. */
  abort(): void {
    this.#session.abort();
  }
}
