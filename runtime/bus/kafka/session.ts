import { BanksmanError } from '../../errors.ts';
import { topicSpec } from '../../messages/topics.ts';
import type {
  Batch,
  Bounds,
  FetchRequest,
  GroupLag,
  JoinSpec,
  MemberEvents,
  Membership,
  PartitionPosition,
  SentRecord,
  Session,
} from '../session/session.ts';
import type { Position, TopicPartition } from '../types.ts';
import { Batcher } from './batcher.ts';
import type { Cluster } from './cluster.ts';
import { Fetcher } from './fetcher.ts';
import { GroupMember } from './group.ts';
import { EARLIEST, LATEST } from './link.ts';
import { Coordinator, offsetsAt } from './offsets.ts';

/** A frame that could not be handed over for so long is too old to be looked at. */
const FRAME_DEADLINE_MS = 5_000;

/** A bus session over a cluster. Topics and groups have the prefix there, and none here. */
export class KafkaSession implements Session {
  readonly #cluster: Cluster;
  readonly #batcher: Batcher;
  readonly #fetcher: Fetcher;
  readonly #members = new Set<GroupMember>();
  #nextMember = 1;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const { prefix } = cluster.options;
    this.#batcher = new Batcher(cluster, (topic) =>
      topicSpec(topic.slice(prefix.length))?.policy === 'frames' ? FRAME_DEADLINE_MS : Number.POSITIVE_INFINITY,
    );
    this.#fetcher = new Fetcher(cluster);
  }

  async send(topic: string, record: SentRecord, signal?: AbortSignal): Promise<Position> {
    return this.#batcher.send(this.#there(topic), record, signal);
  }

  async fetch(request: FetchRequest, signal?: AbortSignal): Promise<Batch> {
    return this.#fetcher.fetch({ ...request, topic: this.#there(request.topic) }, signal);
  }

  async bounds(topic: string, time?: number): Promise<Bounds[]> {
    const partitions = await this.#partitions(topic);
    const [start, end, atTime] = await Promise.all([
      offsetsAt(this.#cluster, partitions, EARLIEST),
      offsetsAt(this.#cluster, partitions, LATEST),
      time === undefined ? [] : offsetsAt(this.#cluster, partitions, Math.max(0, time)),
    ]);
    const of = (answers: typeof start, partition: number): number =>
      answers.find((each) => each.partition === partition)?.offset ?? -1;
    return partitions.map(({ partition }) => {
      const last = of(end, partition);
      const found = of(atTime, partition);
      return { partition, start: of(start, partition), end: last, atTime: found < 0 ? last : found };
    });
  }

  async lag(group?: string): Promise<GroupLag[]> {
    const { prefix } = this.#cluster.options;
    const groups = group === undefined ? await this.#groups() : [group];
    const lags = await Promise.all(
      groups.map(async (name) => {
        const coordinator = new Coordinator(this.#cluster, prefix + name);
        // Of a group's topics the cluster tells those that were committed.
        const committed = (await coordinator.committed(await this.#everything())).filter(({ offset }) => offset >= 0);
        if (committed.length === 0) return [];
        const ends = await offsetsAt(this.#cluster, committed, LATEST);
        return committed.map(({ topic, partition, offset }) => {
          const end = ends.find((each) => each.topic === topic && each.partition === partition)?.offset ?? offset;
          const lag = Math.max(0, end - offset);
          return { group: name, topic: this.#here(topic), partition, committed: offset, end, lag };
        });
      }),
    );
    return lags.flat();
  }

  get silentMs(): number {
    return this.#cluster.silentMs;
  }

  join(spec: JoinSpec, events: MemberEvents): Membership {
    const own: MemberEvents = {
      assign: (partitions) => events.assign(partitions.map((each) => ({ ...each, topic: this.#here(each.topic) }))),
      revoke: (partitions) => events.revoke(partitions.map((each) => ({ ...each, topic: this.#here(each.topic) }))),
      fenced: () => events.fenced?.(),
      lost: (error) => events.lost?.(error),
    };
    const topics = spec.topics.map((topic) => topicSpec(topic) && this.#cluster.options.prefix + topic);
    const group = this.#cluster.options.prefix + spec.group;
    const number = this.#nextMember++;
    const known = topics.filter((topic) => topic !== undefined);
    const member = new GroupMember(
      this.#cluster,
      { ...spec, topics: known, group },
      own,
      `group-${number}`,
      Date.now(),
    );
    if (known.length < topics.length) return refused(spec.topics);
    this.#members.add(member.start());
    return {
      ready: member.ready,
      get isSure() {
        return member.isSure;
      },
      commit: (positions: readonly PartitionPosition[]) =>
        member.commit(positions.map((each) => ({ ...each, topic: this.#there(each.topic) }))),
      leave: async () => {
        this.#members.delete(member);
        await member.leave();
      },
    };
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#members].map((member) => member.leave()));
    await this.#cluster.close();
  }

  abort(): void {
    this.#cluster.abort();
  }

  async #partitions(topic: string): Promise<TopicPartition[]> {
    const there = this.#there(topic);
    const count = await this.#cluster.persist(() => this.#cluster.partitions(there));
    return Array.from({ length: count }, (_, partition) => ({ topic: there, partition }));
  }

  async #everything(): Promise<TopicPartition[]> {
    const topics = await this.#cluster.persist(() => this.#cluster.ask((link) => link.metadata(null)));
    return topics.topics
      .filter(({ name }) => name.startsWith(this.#cluster.options.prefix) && topicSpec(this.#here(name)))
      .flatMap(({ name, partitions }) => partitions.map(({ partition }) => ({ topic: name, partition })));
  }

  async #groups(): Promise<string[]> {
    const { prefix } = this.#cluster.options;
    const found = await this.#cluster.persist(async () => {
      const { brokers } = await this.#cluster.ask((link) => link.metadata([]));
      return Promise.all(brokers.map(async (broker) => (await this.#cluster.link(broker, 'control')).groups()));
    });
    return found.flat().flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []));
  }

  #there(topic: string): string {
    if (!topicSpec(topic)) throw unknown(topic);
    return this.#cluster.options.prefix + topic;
  }

  #here(topic: string): string {
    return topic.slice(this.#cluster.options.prefix.length);
  }
}

function unknown(topic: string): BanksmanError {
  return new BanksmanError('BUS_UNKNOWN_TOPIC', { where: topic });
}

function refused(topics: readonly string[]): Membership {
  const ready = Promise.reject(unknown(topics.filter((topic) => !topicSpec(topic)).join(', ')));
  ready.catch(() => undefined);
  return { ready, commit: async () => {}, leave: async () => {} };
}
