import { setTimeout as sleep } from 'node:timers/promises';
import type { BackoffOptions } from '../../backoff.ts';
import { BanksmanError } from '../../errors.ts';
import { Attempts, type ClusterEvents, Troubles } from './attempts.ts';
import { CODE } from './codes.ts';
import { codeError, toBusError } from './errors.ts';
import type { Broker, KafkaDriver, KafkaLink, KafkaOptions, TopicMetadata } from './link.ts';

/** Metadata that failed are not asked for more often. */
const REFRESH_MS = 200;
const RETRY = { minMs: 100, maxMs: 2_000 };
/** At the start a mistake; while it runs somebody renews what ended, and nothing is to be lost until then. */
const MENDED_OUTSIDE: ReadonlySet<string> = new Set(['BUS_UNAUTHORIZED', 'BUS_TLS']);
/**
 * Who leads what, and the connections to them. A broker that goes away is asked again, with growing pauses and
 * for as long as the cluster is open: a restart or a change of leader is nobody's mistake.
 */
export class Cluster {
  readonly options: KafkaOptions;
  readonly #driver: KafkaDriver;
  readonly #troubles: Troubles;
  readonly #closed = new AbortController();
  readonly #links = new Map<string, Promise<KafkaLink>>();
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #counts = new Map<string, number>();
  #brokers = new Map<number, Broker>();
  #refreshing: Promise<void> | undefined;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #seed = 0;
  #connected = false;

  constructor(options: KafkaOptions, driver: KafkaDriver, events: ClusterEvents = {}) {
    this.options = options;
    this.#driver = driver;
    this.#troubles = new Troubles(events);
  }

  /** Ends with the cluster: what waits for a broker waits no longer. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** @throws BanksmanError when no broker answers now. */
  async reach(): Promise<void> {
    try {
      await (await this.any()).metadata([]);
    } catch (error) {
      throw toBusError(error, this.options.brokers);
    }
  }

  /** @returns number of partitions. @throws BanksmanError BUS_TOPIC_MISSING */
  async partitions(topic: string): Promise<number> {
    return (await this.#topic(topic)).partitions.length;
  }

  /** As it was last told; a change of leaders does not change it. Undefined before `partitions` was asked. */
  knownPartitions(topic: string): number | undefined {
    return this.#counts.get(topic);
  }

  /** Its leader now; stale after `forget`. */
  async leader(topic: string, partition: number): Promise<Broker> {
    const found = (await this.#topic(topic)).partitions.find((each) => each.partition === partition);
    const broker = found && this.#brokers.get(found.leader);
    if (broker) return broker;
    this.forget(topic);
    throw new BanksmanError('BUS_UNREACHABLE', { where: topic, message: `partition ${partition} has no leader` });
  }

  get brokers(): Broker[] {
    return [...this.#brokers.values()];
  }

  /** What was known of the topic no longer holds. */
  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /** A connection for one purpose, made when there is none. Purposes do not wait for each other. */
  async link(broker: Broker, purpose: string): Promise<KafkaLink> {
    const id = `${broker.host}:${broker.port}/${purpose}`;
    const known = this.#links.get(id);
    if (known) {
      const link = await known.catch(() => undefined);
      if (link?.isOpen) return link;
      if (this.#links.get(id) === known) this.#links.delete(id);
      link?.destroy();
    }
    this.#check();
    const made = this.#links.get(id) ?? this.#connect(id, broker);
    return made;
  }

  /** Any broker, for what all of them answer. */
  async any(purpose = 'control'): Promise<KafkaLink> {
    const known = this.brokers;
    const seeds = this.options.brokers.map((address, index) => ({ id: -1 - index, ...hostAndPort(address) }));
    const candidates = known.length > 0 ? [...known, ...seeds] : seeds;
    let failure: unknown;
    for (let attempt = 0; attempt < candidates.length; attempt++) {
      const broker = candidates[(this.#seed + attempt) % candidates.length];
      try {
        if (broker) return await this.link(broker, purpose);
      } catch (error) {
        failure = error;
      }
    }
    this.#seed += 1;
    throw failure;
  }

  async coordinator(group: string): Promise<Broker> {
    const { errorCode, broker } = await (await this.any()).coordinator(group);
    if (errorCode === CODE.none) return broker;
    throw codeError(errorCode, `group ${group}`);
  }

  /**
   * Tries until it works, the cluster is closed or `signal` aborts.
   * @throws BanksmanError that no further attempt would mend, or BUS_LOST when closed.
   */
  async persist<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const attempts = this.attempts(RETRY);
    try {
      for (;;) {
        this.#check();
        try {
          const result = await work();
          attempts.succeeded();
          return result;
        } catch (error) {
          await attempts.failed(error, signal);
        }
      }
    } finally {
      attempts.end();
    }
  }

  /** For who repeats by himself. */
  attempts(retry: BackoffOptions): Attempts {
    const passing = (error: unknown, signal: AbortSignal | undefined): BanksmanError => {
      const failure = toBusError(error, this.options.brokers);
      const passes = failure.retryable || (this.#connected && MENDED_OUTSIDE.has(failure.code));
      if (!passes || this.#closed.signal.aborted || signal?.aborted) throw failure;
      return failure;
    };
    const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> => this.pause(ms, signal);
    return new Attempts({ troubles: this.#troubles, passing, pause }, retry);
  }

  /** Ends early when the cluster is closed or `signal` aborts. */
  async pause(ms: number, signal?: AbortSignal): Promise<void> {
    const stop = signal ? AbortSignal.any([signal, this.#closed.signal]) : this.#closed.signal;
    await sleep(ms, undefined, { signal: stop, ref: true }).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    const links = await Promise.allSettled(this.#links.values());
    this.#links.clear();
    await Promise.allSettled(links.map(async (each) => each.status === 'fulfilled' && (await each.value.close())));
  }

  /** As the death of this process would. */
  abort(): void {
    this.#closed.abort();
    for (const link of this.#links.values()) {
      link.then(
        (each) => each.destroy(),
        () => undefined,
      );
    }
    this.#links.clear();
  }

  async #topic(name: string): Promise<TopicMetadata> {
    let known = this.#topics.get(name);
    if (!known) {
      await this.#refresh(name);
      known = this.#topics.get(name);
    }
    if (known) return known;
    throw new BanksmanError('BUS_TOPIC_MISSING', { where: name });
  }

  async #refresh(topic: string): Promise<void> {
    await this.#refreshing;
    if (this.#topics.has(topic)) return;
    this.#refreshing = this.#read([...this.#topics.keys(), topic]).finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #read(topics: readonly string[]): Promise<void> {
    await this.pause(Math.max(0, this.#refreshedAt + REFRESH_MS - performance.now()));
    this.#check();
    this.#refreshedAt = performance.now();
    const link = await this.any();
    const answer = await link.metadata(topics);
    this.#brokers = new Map(answer.brokers.map((broker) => [broker.id, broker]));
    for (const topic of answer.topics) {
      if (topic.errorCode === CODE.none) {
        this.#topics.set(topic.name, topic);
        this.#counts.set(topic.name, topic.partitions.length);
      } else if (topic.errorCode !== CODE.unknownTopicOrPartition) throw codeError(topic.errorCode, topic.name);
    }
  }

  #connect(id: string, broker: Broker): Promise<KafkaLink> {
    const connecting = this.#driver.connect(broker).then((link) => {
      this.#connected = true;
      if (!this.#closed.signal.aborted) return link;
      link.destroy();
      throw new BanksmanError('BUS_LOST');
    });
    this.#links.set(id, connecting);
    connecting.catch(() => {
      if (this.#links.get(id) === connecting) this.#links.delete(id);
    });
    return connecting;
  }

  #check(): void {
    if (this.#closed.signal.aborted) throw new BanksmanError('BUS_LOST');
  }
}

/** `host:port`, also `[::1]:9092`. */
export function hostAndPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}
