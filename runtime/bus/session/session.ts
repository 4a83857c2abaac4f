import type { Lag, Message, Position, TopicPartition } from '../types.ts';

/**
 * What the local bus offers one connection. The engine implements it in its own process, `client.ts`
 * over a socket; consumer, table and tail are built on it and do not know which. Readers pull, so
 * that nobody ever sends more than was asked for.
 */
export interface Session {
  send(topic: string, record: OutgoingRecord): Promise<Position>;
  /** With `wait` it answers when there is something, or empty when `signal` aborts. */
  fetch(request: FetchRequest, signal?: AbortSignal): Promise<Batch>;
  bounds(topic: string, time?: number): Promise<Bounds[]>;
  lag(group?: string): Promise<GroupLag[]>;
  join(spec: JoinSpec, events: MemberEvents): Membership;
  /** Members leave; what was sent stays. */
  close(): Promise<void>;
  /** Ends without a word, as a crash does. */
  abort(): void;
}

export interface FetchRequest {
  topic: string;
  partition: number;
  offset: number;
  maxRecords: number;
  /** Of keys, headers and values; one record always fits. */
  maxBytes: number;
  wait: boolean;
  /** Only messages of this key. */
  key?: string;
}

export interface Batch {
  records: StoredRecord[];
  /** Where to go on: above the last record, and above what is no longer there. */
  next: number;
}

export interface Bounds {
  partition: number;
  /** First offset that is there. */
  start: number;
  /** Offset that the next message gets. */
  end: number;
  /** First offset appended at or after the time asked for; `end` where there is none. */
  atTime: number;
}

export interface GroupLag extends Lag {
  group: string;
}

export interface JoinSpec {
  group: string;
  topics: readonly string[];
  from: 'earliest' | 'latest';
}

export interface PartitionPosition extends TopicPartition {
  offset: number;
}

export interface MemberEvents {
  assign(partitions: PartitionPosition[]): void;
  /** They go to another member when the promise settles, or after the rebalance limit. */
  revoke(partitions: TopicPartition[]): Promise<void>;
}

export interface Membership {
  /** Resolves when this member has been given its share. */
  readonly ready: Promise<void>;
  /** Resolves when durable. Of partitions that are no longer this member's nothing is taken. */
  commit(positions: readonly PartitionPosition[]): Promise<void>;
  leave(): Promise<void>;
}

/** Headers as JSON text, which only sender and reader parse. */
export interface OutgoingRecord {
  readonly key: string;
  readonly headers: string;
  readonly value: Buffer | null;
}

/** One record as the logs keep it. */
export interface StoredRecord extends OutgoingRecord {
  readonly offset: number;
  readonly timestamp: number;
}

export const NO_HEADERS = '{}';

export function encodeHeaders(headers: Readonly<Record<string, string>> | undefined): string {
  return headers === undefined ? NO_HEADERS : JSON.stringify(headers);
}

export function toMessage(topic: string, partition: number, record: StoredRecord): Message {
  return {
    topic,
    partition,
    offset: record.offset,
    timestamp: record.timestamp,
    key: record.key,
    headers: record.headers === NO_HEADERS ? {} : JSON.parse(record.headers),
    value: record.value,
  };
}
