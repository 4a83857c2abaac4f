/**
 * The bus: the only coupling between stages. Two kinds implement it, one compliance suite checks
 * both (`compliance.ts`). Topic names here are without the `banksman.` prefix.
 */

export interface OutgoingMessage {
  /** Decides the partition: murmur2 of its UTF-8 bytes, masked to 31 bits, modulo partitions. */
  key: string;
  headers?: Readonly<Record<string, string>> | undefined;
  /** Null removes the key from a compacted topic. */
  value: Buffer | null;
}

export interface Message {
  readonly topic: string;
  readonly partition: number;
  /** Dense or not, always rising within a partition. */
  readonly offset: number;
  /** When the bus took it, epoch milliseconds. */
  readonly timestamp: number;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Buffer | null;
}

export interface Position {
  readonly partition: number;
  readonly offset: number;
}

export interface Producer {
  /**
   * Resolves when the bus has it durably (frames: in memory). Calls for one key keep their order.
   * @param signal ends the call: what was not yet on its way is not sent, of the rest nobody knows.
   */
  send(topic: string, message: OutgoingMessage, signal?: AbortSignal): Promise<Position>;
  close(): Promise<void>;
}

/** A message on its way to a handler. */
export interface Delivery extends Message {
  /**
   * Says that everything this message asked for is durable. The group's offset moves past the
   * highest message of the partition up to which *all* were acknowledged. Idempotent.
   */
  ack(): void;
}

/**
 * Called in offset order within a partition. The next message of that partition comes after the
 * returned promise settles, so a handler that queues returns at once and acknowledges later.
 * A rejected promise stops the consumer: it never marks past a failed message.
 */
export type Handler = (delivery: Delivery) => void | Promise<void>;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A member's hold on the partitions that it was assigned. Who writes what only their owner may write asks it before. */
export interface Tenure {
  /** Aborts when the group has gone on without this member, before `onRevoked`, and when the consumer has ended. */
  readonly over: AbortSignal;
  /** False also while the group was not heard of for so long that it may have gone on without this member. */
  readonly isSure: boolean;
}

export interface ConsumerOptions {
  /** Where a group without a committed offset begins. Default `earliest`. */
  from?: 'earliest' | 'latest';
  /** Deliveries of one partition not yet acknowledged before the bus stops sending more. Default 1000. */
  maxInFlight?: number;
  /**
   * Where a cluster holds a long backlog, records that are older than this against the newest one are left unread:
   * looked for by time and jumped over. By the bus's own clock, whatever the clocks of machines say. Default: none.
   */
  skipOlderMs?: number;
  onSkipped?: (from: TopicPartition, records: number) => void;
  /** Awaited before the first delivery of these partitions: the place to restore state. */
  onAssigned?: (partitions: TopicPartition[], tenure: Tenure) => void | Promise<void>;
  /**
   * Awaited before they are given to another member, within the bus's rebalance limit. Called also when they are
   * another's already: then the tenure is over, and the new owner may have begun.
   */
  onRevoked?: (partitions: TopicPartition[]) => void | Promise<void>;
  /** The consumer stopped by itself: handler failed, connection lost for good. */
  onError?: (error: Error) => void;
}

export interface Lag {
  readonly topic: string;
  readonly partition: number;
  /** Committed offset that is next to be read. */
  readonly committed: number;
  readonly end: number;
  readonly lag: number;
}

export interface Consumer {
  /** Resolves when the group has been joined and partitions are assigned. */
  start(): Promise<void>;
  /** Stops deliveries, waits for the handlers under way, commits what was acknowledged, leaves. */
  stop(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Moves on by skipping: everything of the topic older than this is acknowledged unread. */
  lag(): Promise<Lag[]>;
}

/** A compacted topic as a live map. */
export interface Table {
  /** Resolves when everything that was in the topic at the call has been read. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * Resolves when everything that was in the topic at the call has been read: it reads what is new, and nothing
   * again. Rejects when the table no longer follows.
   */
  caughtUp(): Promise<void>;
  get(key: string): Message | undefined;
  entries(): IterableIterator<[string, Message]>;
  readonly size: number;
  /** Called for every change after `start` resolved; value null: removed. Returns the way to stop it. */
  onChange(listener: (message: Message) => void): () => void;
}

export interface TableOptions {
  /** Whether a later record takes the place of the one that is held of its key. Default: always. */
  replaces?: (later: Message, held: Message) => boolean;
}

export interface TailOptions {
  signal?: AbortSignal;
  /** Only messages of this key. */
  key?: string;
  /** End instead of following, once all that was there at the call has been read. */
  stopAtEnd?: boolean;
}

/** `latest`: from now on; `earliest`: all that is retained; else from this append time (epoch ms). */
export type TailFrom = 'latest' | 'earliest' | { time: number };

export interface Bus {
  producer(): Producer;
  consumer(group: string, topics: readonly string[], handler: Handler, options?: ConsumerOptions): Consumer;
  table(topic: string, options?: TableOptions): Table;
  /** Without a group; nobody's offsets move. A reader that falls behind is held back, nothing is dropped. */
  tail(topic: string, from: TailFrom, options?: TailOptions): AsyncIterable<Message>;
  /** One message again, while it is retained. */
  read(topic: string, partition: number, offset: number): Promise<Message | undefined>;
  /** Of a topic: a cluster's may have other numbers of them than the local bus. */
  partitions(topic: string): Promise<number>;
  /** Lag of every group that ever committed. */
  lag(): Promise<(Lag & { group: string })[]>;
  /**
   * How long no member of a cluster has answered anything, ms: while one does, what does not come is not there for
   * others either. Infinity of the local bus, which is there as a whole or not at all.
   */
  readonly silentMs: number;
  close(): Promise<void>;
}
