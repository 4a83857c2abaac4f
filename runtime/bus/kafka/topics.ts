import { Admin, type BaseOptions } from '@platformatic/kafka';
import { BanksmanError } from '../../errors.ts';
import { TOPICS, type TopicSpec } from '../../messages/topics.ts';
import { hostAndPort } from './cluster.ts';
import { toBusError } from './errors.ts';
import { SESSION_MS } from './group.ts';
import type { KafkaOptions } from './link.ts';
import { hasName, toTls } from './tls.ts';

/** Numbers of Kafka's protocol: a topic as a resource with settings, and to set one of them. */
const TOPIC_RESOURCE = 2;
const BROKER_RESOURCE = 4;
const CONSUMER_SESSION = 'group.consumer.session.timeout.ms';
const SESSION_MIN = 'group.min.session.timeout.ms';
const SESSION_MAX = 'group.max.session.timeout.ms';
const IN_SYNC = 'min.insync.replicas';
const SET = 0;
const DAY_MS = 86_400_000;
/** Pictures of a camera with regions; everything else is far smaller. */
const FRAME_BYTES = 16 * 1024 * 1024;
const RECORD_BYTES = 4 * 1024 * 1024;
const MINUTE_MS = 60_000;
/** Asks for the offset that the next record gets. */
const LATEST = -1n;
/** How long a cluster may take until a new topic has its leaders. */
const READY_MS = 30_000;

export interface TopicWishes {
  /** Of every topic that cameras are spread over; those that are read together must have the same number. */
  readonly partitions: number;
  readonly replication: number;
  readonly framesMs: number;
  /** Of one partition of frames. */
  readonly framesBytes: number;
}

export interface WantedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
  readonly settings: Readonly<Record<string, string>>;
}

export interface FoundTopic {
  readonly partitions: number;
  /** Of the partition that has the fewest. */
  readonly replication: number;
  /** A record was ever taken, whether it is still there or not. Asked of topics that have fewer partitions than wanted. */
  readonly used: boolean;
  /** As they hold, whether set on the topic or not. */
  readonly settings: Readonly<Record<string, string>>;
}

export type TopicStep =
  | { readonly kind: 'create'; readonly topic: WantedTopic }
  | { readonly kind: 'widen'; readonly topic: string; readonly from: number; readonly to: number }
  | { readonly kind: 'set'; readonly topic: string; readonly name: string; readonly from: string; readonly to: string }
  /** Nobody but an operator can mend it. */
  | { readonly kind: 'refuse'; readonly topic: string; readonly why: string; readonly mend: string };

/** Every topic of the product as a cluster must have it. */
export function wantedTopics(prefix: string, wishes: TopicWishes): WantedTopic[] {
  return Object.values(TOPICS).map((spec) => ({
    name: prefix + spec.name,
    // Topics of one partition are so because one member must hold all of it.
    partitions: spec.partitions === 1 ? 1 : wishes.partitions,
    replication: wishes.replication,
    settings: settingsOf(spec, wishes),
  }));
}

function settingsOf(spec: TopicSpec, wishes: TopicWishes): Record<string, string> {
  const settings: Record<string, string> = {
    // The broker's clock, one for all: agents' clocks may be wrong.
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(spec.policy === 'frames' ? FRAME_BYTES : RECORD_BYTES),
    [IN_SYNC]: String(Math.min(2, wishes.replication)),
  };
  if (spec.policy === 'compacted') {
    return {
      ...settings,
      'cleanup.policy': 'compact',
      'delete.retention.ms': String(DAY_MS),
      'min.cleanable.dirty.ratio': '0.2',
      'segment.ms': String(10 * MINUTE_MS),
    };
  }
  if (spec.policy === 'log') {
    return { ...settings, 'cleanup.policy': 'delete', 'retention.ms': String(spec.retentionMs) };
  }
  return {
    ...settings,
    'cleanup.policy': 'delete',
    'retention.ms': String(wishes.framesMs),
    'retention.bytes': String(wishes.framesBytes),
    // Only whole segments are deleted.
    'segment.ms': String(Math.max(MINUTE_MS, Math.round(wishes.framesMs / 5))),
    'segment.bytes': String(Math.max(FRAME_BYTES, Math.round(wishes.framesBytes / 8))),
    // A lost frame is one frame; waiting for a second copy of each would cost every camera latency.
    [IN_SYNC]: '1',
  };
}

/**
 * What is to be done so that the cluster has what is wanted. Pure.
 *
 * A topic that ever took a record never gets more partitions. A camera's records would go on in another partition,
 * whose offsets begin at 0: processors and stores, which remember how far they have read and which owner a camera
 * had by offsets, would take what is new for old, and a compacted key would be there twice. And topics that are
 * read together stay alike: while one cannot get more, none does.
 */
export function planTopics(wanted: readonly WantedTopic[], found: ReadonlyMap<string, FoundTopic>): TopicStep[] {
  const stuck = wanted.flatMap(({ name, partitions }) => {
    const present = found.get(name);
    return present?.used && present.partitions < partitions ? [present.partitions] : [];
  });
  const most = Math.max(0, ...stuck);
  const mendNarrow = `Set bus.kafka.topics.partitions back to ${most}. A fleet gets more only by beginning anew, on other topics: "More partitions" in deploy/README.md.`;
  return wanted.flatMap((topic): TopicStep[] => {
    const { name } = topic;
    const present = found.get(name);
    const isHeld = stuck.length > 0 && topic.partitions > 1;
    if (!present && isHeld) {
      const why = `it is missing, and is not made with ${topic.partitions} partitions while others that must have as many cannot get them`;
      return [{ kind: 'refuse', topic: name, why, mend: mendNarrow }];
    }
    if (!present) return [{ kind: 'create', topic }];
    const steps: TopicStep[] = [];
    const { partitions: from } = present;
    if (from < topic.partitions && present.used) {
      const why = `it has ${from} partitions, not ${topic.partitions}, and holds records: cameras would move to other partitions, where what is new would be taken for old`;
      steps.push({ kind: 'refuse', topic: name, why, mend: mendNarrow });
    } else if (from < topic.partitions && isHeld) {
      const why = `it has ${from} partitions, not ${topic.partitions}, and gets no more while others that must have as many cannot`;
      steps.push({ kind: 'refuse', topic: name, why, mend: mendNarrow });
    } else if (from < topic.partitions) {
      steps.push({ kind: 'widen', topic: name, from, to: topic.partitions });
    } else if (from > topic.partitions) {
      const why = `it has ${from} partitions, not ${topic.partitions}, and a topic never gets fewer`;
      const mend = `Set bus.kafka.topics.partitions to ${from}, as the widest has.`;
      steps.push({ kind: 'refuse', topic: name, why, mend });
    }
    if (present.replication < topic.replication) {
      const why = `each record has ${copies(present.replication)}, not ${topic.replication}`;
      const mend = `Give their partitions more copies (kafka-reassign-partitions.sh), or set bus.kafka.topics.replication to ${present.replication}.`;
      steps.push({ kind: 'refuse', topic: name, why, mend });
    }
    for (const [setting, wish] of Object.entries(topic.settings)) {
      // Of fewer copies than that nothing could be written.
      const to = setting === IN_SYNC ? String(Math.min(Number(wish), present.replication)) : wish;
      const from = present.settings[setting] ?? '';
      if (from !== to) steps.push({ kind: 'set', topic: name, name: setting, from, to });
    }
    return steps;
  });
}

const copies = (count: number): string => (count === 1 ? '1 copy' : `${count} copies`);

/** One line a step, for people. */
export function describeStep(step: TopicStep): string {
  switch (step.kind) {
    case 'create':
      return `create ${step.topic.name}: ${step.topic.partitions} partitions, ${copies(step.topic.replication)}`;
    case 'widen':
      return `widen ${step.topic} from ${step.from} to ${step.to} partitions`;
    case 'set':
      return `set ${step.name} of ${step.topic} from ${step.from || 'nothing'} to ${step.to}`;
    case 'refuse':
      return `${step.topic}: ${step.why}`;
  }
}

export interface GroupLimits {
  readonly protocol: 'classic';
  readonly consumerSessionMs: number | null;
  readonly why: string;
  /** Why no group can work: for an operator of the brokers. */
  readonly refusals: readonly string[];
}

/** What the settings of a cluster's brokers allow: each of them coordinates some groups. Pure. */
export function groupLimits(
  brokers: readonly { readonly broker: string; readonly settings: Readonly<Record<string, string>> }[],
): GroupLimits {
  const refusals = brokers.flatMap(({ broker, settings }) => {
    const refuse = (name: string, bound: string): string[] => [
      `broker ${broker} has ${name}=${settings[name]}: groups need a session of ${SESSION_MS / 1000} s, set it to ${SESSION_MS} or ${bound} and start the broker anew`,
    ];
    if (Number(settings[SESSION_MIN] || SESSION_MS) > SESSION_MS) return refuse(SESSION_MIN, 'less');
    if (Number(settings[SESSION_MAX] || SESSION_MS) < SESSION_MS) return refuse(SESSION_MAX, 'more');
    return [];
  });
  const sessions = brokers.flatMap(({ settings }) => Number(settings[CONSUMER_SESSION]) || []);
  const consumerSessionMs = sessions.length === 0 ? null : Math.max(...sessions);
  const waits = consumerSessionMs === null ? 'is not known here' : `is ${consumerSessionMs / 1000} s here`;
  const why = `groups: classic protocol with a session of 6 s, shared cooperatively; the session of the newer one (KIP-848) ${waits} (${CONSUMER_SESSION})`;
  return { protocol: 'classic', consumerSessionMs, why, refusals };
}

/** Looks at a cluster's topics and changes them. */
export class TopicAdmin {
  readonly #options: KafkaOptions;
  readonly #admin: Admin;

  constructor(options: KafkaOptions) {
    this.#options = options;
    this.#admin = new Admin(adminOptions(options));
  }

  /** @throws BanksmanError BUS_UNREACHABLE, BUS_UNAUTHORIZED, BUS_TLS */
  async plan(wanted: readonly WantedTopic[]): Promise<TopicStep[]> {
    return planTopics(wanted, await this.#found(wanted));
  }

  /** Of these topics, those that ever took a record. */
  async #used(topics: readonly WantedTopic[]): Promise<ReadonlySet<string>> {
    if (topics.length === 0) return new Set();
    const asked = topics.map(({ name, partitions }) => ({
      name,
      partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: LATEST })),
    }));
    const answers = await this.#admin.listOffsets({ topics: asked });
    return new Set(
      answers.filter(({ partitions }) => partitions.some(({ offset }) => offset > 0n)).map(({ name }) => name),
    );
  }

  /** Takes the steps, and waits until every new topic has its leaders. Refusals are left alone. */
  async apply(steps: readonly TopicStep[]): Promise<void> {
    await this.#call(async () => {
      const made = steps.flatMap((step) => (step.kind === 'create' ? [step.topic] : []));
      // Those that are alike in one request: a cluster takes its time for each.
      const alike = Map.groupBy(made, ({ name: _, ...rest }) => JSON.stringify(rest));
      for (const topics of alike.values()) await this.#create(topics);
      for (const step of steps) await this.#take(step);
      await this.#ready(steps.flatMap((step) => (step.kind === 'create' ? step.topic.name : [])));
    });
  }

  /** Which group protocol fails over in time on this cluster, why the one that is used is, and what keeps it from working. */
  async sessionLimits(): Promise<GroupLimits> {
    return this.#call(async () => {
      const { brokers } = await this.#admin.metadata({ topics: [], forceUpdate: true });
      const described = await this.#admin.describeConfigs({
        resources: [...brokers.keys()].map((id) => ({ resourceType: BROKER_RESOURCE, resourceName: String(id) })),
      });
      return groupLimits(
        described.map(({ resourceName, configs }) => ({
          broker: resourceName,
          settings: Object.fromEntries(configs.map(({ name, value }) => [name, value ?? ''])),
        })),
      );
    });
  }

  async remove(names: readonly string[]): Promise<void> {
    if (names.length > 0) await this.#call(() => this.#admin.deleteTopics({ topics: [...names] }));
  }

  async close(): Promise<void> {
    await this.#admin.close();
  }

  async #found(wanted: readonly WantedTopic[]): Promise<Map<string, FoundTopic>> {
    return this.#call(async () => {
      const there = new Set(await this.#admin.listTopics({ includeInternals: false }));
      const names = wanted.map(({ name }) => name).filter((name) => there.has(name));
      if (names.length === 0) return new Map();
      const { topics } = await this.#admin.metadata({ topics: names, forceUpdate: true });
      const resources = names.map((resourceName) => ({ resourceType: TOPIC_RESOURCE, resourceName }) as const);
      const described = await this.#admin.describeConfigs({ resources });
      const narrow = wanted.flatMap((each) => {
        const partitions = topics.get(each.name)?.partitionsCount ?? 0;
        return names.includes(each.name) && partitions < each.partitions ? [{ ...each, partitions }] : [];
      });
      const used = await this.#used(narrow);
      return new Map(
        names.map((name) => {
          const topic = topics.get(name);
          const configs = described.find(({ resourceName }) => resourceName === name)?.configs ?? [];
          return [
            name,
            {
              partitions: topic?.partitionsCount ?? 0,
              replication: Math.min(...(topic?.partitions ?? []).map(({ replicas }) => replicas.length)),
              used: used.has(name),
              settings: Object.fromEntries(configs.map((config) => [config.name, config.value ?? ''])),
            },
          ];
        }),
      );
    });
  }

  async #create(topics: readonly WantedTopic[]): Promise<void> {
    const [first] = topics;
    if (!first) return;
    const { partitions, replication, settings } = first;
    const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const names = topics.map(({ name }) => name);
    await this.#admin.createTopics({ topics: names, partitions, replicas: replication, configs });
  }

  async #take(step: TopicStep): Promise<void> {
    if (step.kind === 'widen') {
      await this.#admin.createPartitions({ topics: [{ name: step.topic, count: step.to, assignments: null }] });
    } else if (step.kind === 'set') {
      const configs = [{ name: step.name, configOperation: SET, value: step.to } as const];
      await this.#admin.incrementalAlterConfigs({
        resources: [{ resourceType: TOPIC_RESOURCE, resourceName: step.topic, configs }],
      });
    }
  }

  async #ready(names: readonly string[]): Promise<void> {
    const end = performance.now() + READY_MS;
    for (;;) {
      if (names.length === 0) return;
      const leaders = await this.#admin
        .metadata({ topics: [...names], forceUpdate: true })
        .then(({ topics }) => names.every((name) => topics.get(name)?.partitions.every(({ leader }) => leader >= 0)))
        .catch(() => false);
      if (leaders) return;
      if (performance.now() > end) {
        throw new BanksmanError('BUS_UNREACHABLE', {
          where: names.join(', '),
          message: 'new topics have no leader yet',
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toBusError(error, this.#options.brokers);
    }
  }
}

function adminOptions({ clientId, brokers, tls, sasl }: KafkaOptions): BaseOptions {
  const hosts = brokers.map((address) => hostAndPort(address).host);
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    retries: 3,
    ...(tls && { tls: toTls(tls()), tlsServerName: hosts.every(hasName) }),
    ...(sasl && { sasl }),
  };
}
