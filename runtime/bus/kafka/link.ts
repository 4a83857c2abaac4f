/**
 * One connection to one broker, whichever client library speaks on it. A broker answers the requests of a
 * connection one after another: what may wait long (fetch, join) has a connection of its own.
 *
 * Answers carry Kafka's error codes as they are (`codes.ts`); a call rejects only when the connection failed.
 * Offsets are plain numbers: 2^53 records are more than a partition will see.
 */
import type { FetchedRecord } from '../session/session.ts';

export interface Broker {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

export interface TopicMetadata {
  readonly name: string;
  readonly errorCode: number;
  readonly partitions: readonly { readonly partition: number; readonly leader: number; readonly errorCode: number }[];
}

export interface ClusterMetadata {
  readonly brokers: readonly Broker[];
  readonly controller: number;
  readonly topics: readonly TopicMetadata[];
}

/** Records of one partition, in order; sent as one batch. */
export interface ProduceBatch {
  readonly topic: string;
  readonly partition: number;
  /** Number of the first record within its partition, of this producer. */
  readonly firstSequence: number;
  readonly records: readonly ProduceRecord[];
}

export interface ProduceRecord {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Buffer | null;
}

export interface ProducerIdentity {
  readonly id: bigint;
  readonly epoch: number;
}

export interface PartitionAnswer {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
}

export interface Produced extends PartitionAnswer {
  readonly baseOffset: number;
}

export interface FetchPartition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

export interface Fetched extends PartitionAnswer {
  /** Where the log begins. */
  readonly start: number;
  /** Offset up to which the log can be read. */
  readonly end: number;
  /** From the offset asked for on. */
  readonly records: FetchedRecord[];
  /** Above everything that was in the answer, records or gaps. */
  readonly next: number;
}

/** `EARLIEST`, `LATEST`, or the first record appended at or after a time, epoch milliseconds. */
export const EARLIEST = -2;
export const LATEST = -1;

export interface OffsetQuery {
  readonly topic: string;
  readonly partition: number;
  readonly time: number;
}

export interface OffsetAnswer extends PartitionAnswer {
  /** -1 where there is none. */
  readonly offset: number;
}

export interface JoinRequest {
  readonly group: string;
  readonly memberId: string;
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  readonly protocol: string;
  readonly metadata: Buffer;
}

export interface Joined {
  readonly errorCode: number;
  readonly memberId: string;
  readonly generation: number;
  readonly leader: string;
  /** For the leader: all of them. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[];
}

/** Who a group's member is, in which generation. */
export interface MemberIdentity {
  readonly group: string;
  readonly memberId: string;
  readonly generation: number;
}

export interface CommitPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface KafkaLink {
  readonly isOpen: boolean;
  /** @param topics null: all of them. */
  readonly metadata: (topics: readonly string[] | null) => Promise<ClusterMetadata>;
  readonly initProducer: () => Promise<{ errorCode: number; identity: ProducerIdentity }>;
  readonly produce: (batches: readonly ProduceBatch[], identity: ProducerIdentity) => Promise<Produced[]>;
  /** Answers when there is something, or after `maxWaitMs`. */
  readonly fetch: (partitions: readonly FetchPartition[], maxWaitMs: number, maxBytes: number) => Promise<Fetched[]>;
  readonly offsets: (queries: readonly OffsetQuery[]) => Promise<OffsetAnswer[]>;
  readonly coordinator: (group: string) => Promise<{ errorCode: number; broker: Broker }>;
  readonly groups: () => Promise<string[]>;
  readonly join: (request: JoinRequest) => Promise<Joined>;
  readonly sync: (
    member: MemberIdentity,
    protocol: string,
    assignments: readonly { memberId: string; assignment: Buffer }[],
  ) => Promise<{ errorCode: number; assignment: Buffer }>;
  readonly heartbeat: (member: MemberIdentity) => Promise<number>;
  readonly leave: (member: MemberIdentity) => Promise<number>;
  readonly commit: (member: MemberIdentity, positions: readonly CommitPosition[]) => Promise<PartitionAnswer[]>;
  /** What the group committed; `offset` -1 where nothing was. */
  readonly committed: (
    group: string,
    partitions: readonly { topic: string; partition: number }[],
  ) => Promise<OffsetAnswer[]>;
  readonly close: () => Promise<void>;
  /** At once, without a word. */
  readonly destroy: () => void;
}

/** A client library. */
export interface KafkaDriver {
  readonly name: 'platformatic' | 'kafkajs';
  /** @throws what the library throws; `reasonOf` in `codes.ts` knows what it means. */
  connect(broker: Pick<Broker, 'host' | 'port'>): Promise<KafkaLink>;
}

/** How to reach a cluster. Secrets are asked for at each connection. */
export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly client: 'platformatic' | 'kafkajs';
  /** Before every topic and group. */
  readonly prefix: string;
  readonly clientId: string;
  /** Asked at each connection: certificates are renewed while a fleet runs. */
  readonly tls?: () => KafkaTls;
  readonly sasl?: KafkaSasl;
  /** A member of a group that is not heard of for so long is dead. Default 6 s: what it had is another's within ten. */
  readonly sessionMs?: number;
}

export interface KafkaTls {
  /** PEM. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly verify: boolean;
}

export type KafkaSasl =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
      readonly username: () => string | Promise<string>;
      readonly password: () => string | Promise<string>;
    }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: () => string | Promise<string> };

export const CONNECT_MS = 5_000;
/** A broker that has not answered by then is as good as gone; long polls and joins are told apart. */
export const REQUEST_MS = 30_000;
