import type { Lag, Message, Position, TopicPartition } from '../types.ts';

/**
 * What a bus offers one connection. The local engine implements it in its own process and over a
 * socket, `kafka/` over a cluster; consumer, table and tail are built on it and do not know which.
 * Readers pull, so that nobody ever sends more than was asked for.
 */
export interface Session {
  /** @param signal a bus that holds back what it cannot send drops it when this aborts. */
  send(topic: string, record: SentRecord, signal?: AbortSignal): Promise<Position>;
  /** With `wait` it answers when there is something, or empty when `signal` aborts. */
  fetch(request: FetchRequest, signal?: AbortSignal): Promise<Batch>;
  bounds(topic: string, time?: number): Promise<Bounds[]>;
  lag(group?: string): Promise<GroupLag[]>;
  join(spec: JoinSpec, events: MemberEvents): Membership;
  /** As `Bus.silentMs`. */
  readonly silentMs: number;
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

export interface Batch<Record extends FetchedRecord = FetchedRecord> {
  records: Record[];
  /** Where to go on: above the last record, and above what is no longer there. */
  next: number;
  /** Where the log ended, if the bus says so. */
  end?: number;
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
  /** The group has gone on without this member, or may have: all that it has is another's. `revoke` follows. */
  fenced?(): void;
  /** Its membership ended for good, by no wish of its own. */
  lost?(error: Error): void;
}

export interface Membership {
  /** Resolves when this member has been given its share. */
  readonly ready: Promise<void>;
  /** False while the group may have gone on without this member. Absent: a bus that tells at once. */
  readonly isSure?: boolean;
  /** Resolves when durable. Of partitions that are no longer this member's nothing is taken. */
  commit(positions: readonly PartitionPosition[]): Promise<void>;
  leave(): Promise<void>;
}

/** As JSON text, which only sender and reader parse, or as they are where a bus carries them one by one. */
export type Headers = string | Readonly<Record<string, string>>;

export interface SentRecord {
  readonly key: string;
  readonly headers: Headers | undefined;
  readonly value: Buffer | null;
}

export interface FetchedRecord extends SentRecord {
  readonly headers: Headers;
  readonly offset: number;
  readonly timestamp: number;
}

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

export function encodeHeaders(headers: Headers | undefined): string {
  if (headers === undefined) return NO_HEADERS;
  return typeof headers === 'string' ? headers : JSON.stringify(headers);
}

function parseHeaders(headers: Headers): Readonly<Record<string, string>> {
  if (typeof headers !== 'string') return headers;
  return headers === NO_HEADERS ? {} : JSON.parse(headers);
}

export function toMessage(topic: string, partition: number, record: FetchedRecord): Message {
  return {
    topic,
    partition,
    offset: record.offset,
    timestamp: record.timestamp,
    key: record.key,
    headers: parseHeaders(record.headers),
    value: record.value,
  };
}
