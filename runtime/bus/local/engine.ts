import { type Clock, systemClock } from '../../clock.ts';
import { BanksmanError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { TOPICS, type TopicSpec } from '../../messages/topics.ts';
import { type Metrics, noMetrics } from '../../metrics.ts';
import { partitionId } from '../assignment.ts';
import { partitionOf } from '../murmur2.ts';
import type {
  Batch,
  Bounds,
  FetchRequest,
  GroupLag,
  JoinSpec,
  MemberEvents,
  OutgoingRecord,
  PartitionPosition,
  StoredRecord,
} from '../session/session.ts';
import type { Position } from '../types.ts';
import { Checkpointer } from './checkpointer.ts';
import { EngineSession } from './engine_session.ts';
import { FramesLog } from './frames_log.ts';
import { Groups, type Member } from './groups.ts';
import { RecordStore } from './store.ts';

/** Larger values are refused. */
export const MAX_VALUE_BYTES = 16 * 1024 * 1024;
const TICK_MS = 1_000;
const RETENTION_MS = 60_000;

export interface EngineOptions {
  /** File of the log, or `:memory:`. */
  path: string;
  /** Default: those of the product. */
  topics?: readonly TopicSpec[];
  /** Bound of all frames in memory; age by the topic's `retentionMs` unless given. Default 128 MB. */
  frames?: { maxBytes?: number; maxAgeMs?: number };
  /** Bound of the log on disk. Default 8 GB. */
  maxBytes?: number;
  /** Default 5 s. */
  rebalanceLimitMs?: number;
  clock?: Clock;
  metrics?: Metrics;
  log?: Logger;
}

/** The local bus without its transport: topics, groups and their offsets. */
export class Engine {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #log: Logger | undefined;
  readonly #topics: ReadonlyMap<string, TopicSpec>;
  readonly #frames = new Map<string, FramesLog>();
  readonly #store: RecordStore;
  readonly #groups: Groups;
  /** By group, then by partition: next offset to be read. */
  readonly #committed = new Map<string, Map<string, PartitionPosition>>();
  readonly #waiters = new Map<string, Set<() => void>>();
  readonly #sessions = new Set<EngineSession>();
  readonly #timers: NodeJS.Timeout[] = [];
  #checkpointer: Checkpointer | undefined;
  #retention: Promise<void> = Promise.resolve();
  /** By group and topic, of the retention under way. */
  readonly #expiredUnread = new Map<string, { group: string; topic: string; records: number }>();

  /** Opens the log. @throws BanksmanError STORE_FAILED, BUS_STORE_FULL */
  constructor(options: EngineOptions) {
    const { topics = Object.values(TOPICS), frames = {}, clock = systemClock, metrics = noMetrics } = options;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#log = options.log;
    this.#topics = new Map(topics.map((spec) => [spec.name, spec]));
    this.#store = new RecordStore({
      path: options.path,
      topics: topics.filter((spec) => spec.policy !== 'frames'),
      maxBytes: options.maxBytes ?? 8e9,
      clock,
      onAppended: (topic, partition) => this.#appended(topic, partition),
      onExpired: (topic, partition, first, end) => this.#expired(topic, partition, first, end),
    });
    for (const spec of topics.filter(({ policy }) => policy === 'frames')) {
      const reserve = (partition: number, count: number): number =>
        this.#store.reserveOffsets(spec.name, partition, count);
      const { maxBytes = 128e6, maxAgeMs = spec.retentionMs } = frames;
      this.#frames.set(spec.name, new FramesLog({ partitions: spec.partitions, maxBytes, maxAgeMs, reserve }));
    }
    for (const { group, ...position } of this.#store.groupOffsets()) this.#setCommitted(group, position);
    this.#groups = new Groups({
      partitionsOf: (topic) => this.#spec(topic).partitions,
      position: (group, topic, partition, from) => this.#position(group, topic, partition, from),
      rebalanceLimitMs: options.rebalanceLimitMs ?? 5_000,
    });
    if (options.path !== ':memory:') {
      this.#checkpointer = new Checkpointer(options.path, this.#store.database, this.#store.writes, options.log);
    }
    this.#timers.push(setInterval(() => this.#tick(), TICK_MS).unref());
    this.#timers.push(setInterval(() => this.enforceRetention(), RETENTION_MS).unref());
  }

  get store(): RecordStore {
    return this.#store;
  }

  /** @param options.copy the caller keeps its buffers and may change them. */
  session(options: { copy: boolean }): EngineSession {
    const session = new EngineSession(this, options.copy, () => this.#sessions.delete(session));
    this.#sessions.add(session);
    return session;
  }

  async send(topic: string, record: OutgoingRecord): Promise<Position> {
    const spec = this.#spec(topic);
    if ((record.value?.length ?? 0) > MAX_VALUE_BYTES) {
      throw new BanksmanError('MESSAGE_INVALID', { where: topic, message: `value over ${MAX_VALUE_BYTES} bytes` });
    }
    const partition = partitionOf(record.key, spec.partitions);
    const frames = this.#frames.get(topic);
    if (frames === undefined) return this.#store.append(this.#table(topic, partition), record);
    const offset = frames.append(partition, { ...record, timestamp: this.#clock.now() }, this.#clock.monotonic());
    this.#appended(topic, partition);
    return { partition, offset };
  }

  async fetch(request: FetchRequest, signal?: AbortSignal): Promise<Batch<StoredRecord>> {
    const { topic, partition, offset, wait } = request;
    for (;;) {
      const batch = this.read(request);
      if (batch.records.length > 0 || batch.next > offset || !wait || signal?.aborted) return batch;
      await this.nextAppend(topic, partition, signal);
    }
  }

  bounds(topic: string, time = 0): Bounds[] {
    return Array.from({ length: this.#spec(topic).partitions }, (_, partition) => {
      const log = this.#frames.get(topic);
      const table = log === undefined ? this.#table(topic, partition) : undefined;
      return {
        partition,
        start: table?.start ?? log?.start(partition) ?? 0,
        end: this.#end(topic, partition),
        atTime: table?.offsetAtTime(time) ?? log?.offsetAtTime(partition, time) ?? 0,
      };
    });
  }

  lag(group?: string): GroupLag[] {
    const groups = group === undefined ? [...this.#committed] : [[group, this.#committed.get(group)] as const];
    return groups.flatMap(([name, positions]) =>
      [...(positions?.values() ?? [])].map(({ topic, partition, offset }) => {
        const end = this.#end(topic, partition);
        const start = this.#frames.get(topic)?.start(partition) ?? 0;
        return {
          group: name,
          topic,
          partition,
          committed: offset,
          end,
          lag: Math.max(0, end - Math.max(offset, start)),
        };
      }),
    );
  }

  join(spec: JoinSpec, events: MemberEvents): Member {
    for (const topic of spec.topics) this.#spec(topic);
    return this.#groups.join(spec, events);
  }

  async commit(member: Member, positions: readonly PartitionPosition[]): Promise<void> {
    const { group } = member.spec;
    const forward = positions.filter(
      ({ topic, partition, offset }) =>
        member.owns(topic, partition) &&
        offset > (this.#committed.get(group)?.get(partitionId(topic, partition))?.offset ?? -1),
    );
    for (const position of forward) this.#setCommitted(group, position);
    // Also when nothing moved in memory: an earlier attempt may not have reached the disk.
    const owned = positions.filter(({ topic, partition }) => member.owns(topic, partition));
    if (owned.length > 0) await this.#store.saveOffsets(group, owned);
  }

  /** Runs by itself every minute. Resolves when everything over the bounds is gone. */
  enforceRetention(): Promise<void> {
    this.#retention = this.#retention
      .then(() => this.#store.enforceRetention())
      .catch((error: unknown) => this.#log?.error({ err: error }, 'retention of the bus log failed'))
      .finally(() => {
        for (const unread of this.#expiredUnread.values()) {
          this.#log?.warn(unread, 'retention removed records that a group had not read');
        }
        this.#expiredUnread.clear();
      });
    return this.#retention;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const session of [...this.#sessions]) session.abort();
    await this.#store.writes.drain();
    await this.#checkpointer?.close();
    await this.#store.close();
    await this.#retention;
  }

  /** What is there now, without waiting. */
  read({ topic, partition, offset, maxRecords, maxBytes, key }: FetchRequest): Batch<StoredRecord> {
    const frames = this.#frames.get(topic);
    let records: StoredRecord[];
    if (frames === undefined) records = this.#table(topic, partition).read(offset, maxRecords, maxBytes);
    else if (partition < this.#spec(topic).partitions) records = frames.read(partition, offset, maxRecords, maxBytes);
    else throw unknownTopic(partitionId(topic, partition));
    const last = records.at(-1);
    const next = last === undefined ? Math.max(offset, this.#end(topic, partition)) : last.offset + 1;
    const wanted = key === undefined ? records : records.filter((record) => record.key === key);
    return { records: wanted, next };
  }

  #position(group: string, topic: string, partition: number, from: 'earliest' | 'latest'): number {
    const known = this.#committed.get(group)?.get(partitionId(topic, partition));
    // Less where a loss of power took records that the group had read.
    if (known) return Math.min(known.offset, this.#end(topic, partition));
    const offset = from === 'latest' ? this.#end(topic, partition) : 0;
    // Remembered at once: whoever has it next must not begin later than this member did.
    this.#setCommitted(group, { topic, partition, offset });
    this.#store.saveOffsets(group, [{ topic, partition, offset }]).catch((error: unknown) => {
      this.#log?.warn({ err: error, group }, 'first position of a group not saved');
    });
    return offset;
  }

  #setCommitted(group: string, position: PartitionPosition): void {
    const positions = this.#committed.get(group) ?? new Map<string, PartitionPosition>();
    positions.set(partitionId(position.topic, position.partition), position);
    this.#committed.set(group, positions);
  }

  #appended(topic: string, partition: number): void {
    this.#metrics.inc('bus_records_total', { topic });
    const waiters = this.#waiters.get(partitionId(topic, partition));
    if (waiters === undefined) return;
    this.#waiters.delete(partitionId(topic, partition));
    for (const wake of waiters) wake();
  }

  #expired(topic: string, partition: number, first: number, end: number): void {
    for (const [group, positions] of this.#committed) {
      const offset = positions.get(partitionId(topic, partition))?.offset ?? end;
      const records = end - Math.max(first, offset);
      if (records <= 0) continue;
      this.#metrics.inc('bus_records_expired_unread_total', { group, topic }, records);
      const unread = this.#expiredUnread.get(`${group}\n${topic}`) ?? { group, topic, records: 0 };
      unread.records += records;
      this.#expiredUnread.set(`${group}\n${topic}`, unread);
    }
  }

  /** Resolves when the partition grows, or when `signal` aborts. */
  nextAppend(topic: string, partition: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const id = partitionId(topic, partition);
      const waiters = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, waiters);
      const wake = (): void => {
        waiters.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      waiters.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }

  #end(topic: string, partition: number): number {
    const frames = this.#frames.get(topic);
    return frames === undefined ? (this.#store.table(topic, partition)?.end ?? 0) : frames.end(partition);
  }

  #tick(): void {
    let bytes = 0;
    for (const log of this.#frames.values()) {
      log.evict(this.#clock.monotonic());
      bytes += log.bytes;
    }
    this.#metrics.set('bus_frames_bytes', bytes);
    const lags = new Map<string, { group: string; topic: string; lag: number }>();
    for (const { group, topic, lag } of this.lag()) {
      const sum = lags.get(`${group}\n${topic}`) ?? { group, topic, lag: 0 };
      sum.lag += lag;
      lags.set(`${group}\n${topic}`, sum);
    }
    for (const { group, topic, lag } of lags.values()) this.#metrics.set('bus_lag_records', lag, { group, topic });
  }

  #spec(topic: string): TopicSpec {
    const spec = this.#topics.get(topic);
    if (spec === undefined) throw unknownTopic(topic);
    return spec;
  }

  #table(topic: string, partition: number) {
    this.#spec(topic);
    const table = this.#store.table(topic, partition);
    if (table === undefined) throw unknownTopic(partitionId(topic, partition));
    return table;
  }
}

function unknownTopic(topic: string): BanksmanError {
  return new BanksmanError('BUS_UNKNOWN_TOPIC', { where: topic });
}
