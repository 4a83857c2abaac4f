import { setTimeout as sleep } from 'node:timers/promises';
import type { BackoffOptions } from '../../backoff.ts';
import { BanksmanError } from '../../errors.ts';
import { Attempts, type ClusterEvents, Troubles } from './attempts.ts';
import { CODE } from './codes.ts';
import { codeError, toBusError } from './errors.ts';
import { Line } from './line.ts';
import type { Broker, ClusterMetadata, KafkaDriver, KafkaLink, KafkaOptions, TopicMetadata } from './link.ts';

/** Metadata that failed are not asked for more often. */
const REFRESH_MS = 200;
const RETRY = { minMs: 100, maxMs: 2_000 };
/** At the start a mistake; while it runs somebody renews what ended, and nothing is to be lost until then. */
const MENDED_OUTSIDE: ReadonlySet<string> = new Set(['BUS_UNAUTHORIZED', 'BUS_TLS']);
/** Who has let a request wait for so long may be gone: the others are asked. */
const SLOW_MS = 2_000;
const LOOK_MS = 1_000;
/** What every broker answers at once is asked of the next one after that. */
const ASK_MS = 3_000;

/**
 * Who leads what, and the connections to them. A broker that goes away is asked again, with growing pauses and
 * for as long as the cluster is open: a restart or a change of leader is nobody's mistake.
 *
 * One that vanishes without a word is missed first by the cluster itself. So whoever has waited for a broker for
 * long asks the others, and gives it up once they count it among them no more; one that is only slow is waited for.
 */
export class Cluster {
  readonly options: KafkaOptions;
  readonly #driver: KafkaDriver;
  readonly #troubles: Troubles;
  readonly #closed = new AbortController();
  readonly #lines = new Map<string, Line>();
  /** When a broker last answered anything, performance.now(), by address. */
  readonly #answers = new Map<string, number>();
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #counts = new Map<string, number>();
  #brokers = new Map<number, Broker>();
  /** Addresses that were ever told as a broker's: one that only leads to the cluster is never missed. */
  readonly #told = new Set<string>();
  #looking: NodeJS.Timeout | undefined;
  #isLooking = false;
  #refreshing: Promise<void> | undefined;
  #refreshedAt = Number.NEGATIVE_INFINITY;
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
      await this.ask((link) => link.metadata([]));
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
    await this.#topic(topic);
    const broker = this.knownLeader(topic, partition);
    if (broker) return broker;
    this.forget(topic);
    throw new BanksmanError('BUS_UNREACHABLE', { where: topic, message: `partition ${partition} has no leader` });
  }

  /** As `leader`, without asking. */
  knownLeader(topic: string, partition: number): Broker | undefined {
    const found = this.#topics.get(topic)?.partitions.find((each) => each.partition === partition);
    return found && this.#brokers.get(found.leader);
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
    const address = addressOf(broker);
    const id = `${address}/${purpose}`;
    const known = this.#lines.get(id);
    if (known) {
      const link = await known.link.catch(() => undefined);
      if (link?.isOpen) return link;
      if (this.#lines.get(id) === known) this.#lines.delete(id);
      link?.destroy();
    }
    this.#check();
    return (this.#lines.get(id) ?? this.#connect(id, address, broker)).link;
  }

  /** Asks what all brokers know of one after another, those that answered last first, until one answers. */
  async ask<T>(question: (link: KafkaLink) => Promise<T>): Promise<T> {
    const candidates = this.#candidates();
    let failure: unknown;
    for (const [index, broker] of candidates.entries()) {
      this.#check();
      const answer = this.link(broker, 'control').then(question);
      try {
        return await (index + 1 < candidates.length ? within(ASK_MS, answer) : answer);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async coordinator(group: string): Promise<Broker> {
    const { errorCode, broker } = await this.ask((link) => link.coordinator(group));
    if (errorCode === CODE.none) return broker;
    throw codeError(errorCode, `group ${group}`);
  }

  /** How long no broker has answered anything, ms. */
  get silentMs(): number {
    return performance.now() - Math.max(...this.#answers.values());
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
    clearInterval(this.#looking);
    const lines = [...this.#lines.values()];
    this.#lines.clear();
    await Promise.allSettled(lines.map((line) => line.close()));
  }

  /** As the death of this process would. */
  abort(): void {
    this.#closed.abort();
    clearInterval(this.#looking);
    for (const line of this.#lines.values()) line.giveUp(new BanksmanError('BUS_LOST'));
    this.#lines.clear();
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
    const answer = await this.ask((link) => link.metadata(topics));
    this.#learn(answer);
    for (const topic of answer.topics) {
      if (topic.errorCode === CODE.none) {
        this.#topics.set(topic.name, topic);
        this.#counts.set(topic.name, topic.partitions.length);
      } else if (topic.errorCode !== CODE.unknownTopicOrPartition) throw codeError(topic.errorCode, topic.name);
    }
  }

  #connect(id: string, address: string, broker: Broker): Line {
    const line = new Line(
      address,
      async () => {
        const link = await this.#driver.connect(broker);
        this.#connected = true;
        return link;
      },
      () => this.#answers.set(address, performance.now()),
    );
    this.#lines.set(id, line);
    this.#looking ??= setInterval(() => void this.#look(), LOOK_MS).unref();
    line.link.catch(() => {
      if (this.#lines.get(id) === line) this.#lines.delete(id);
    });
    return line;
  }

  /** Known brokers, and the addresses of the site file: those without an unanswered question first. */
  #candidates(): Broker[] {
    const seeds = this.options.brokers.map((address, index) => ({ id: -1 - index, ...hostAndPort(address) }));
    const all = new Map([...seeds, ...this.#brokers.values()].map((broker) => [addressOf(broker), broker]));
    const rank = (address: string): number => {
      const isSlow = (this.#lines.get(`${address}/control`)?.waitsMs ?? 0) > SLOW_MS;
      return isSlow ? -1 : (this.#answers.get(address) ?? 0);
    };
    return [...all].toSorted(([a], [b]) => rank(b) - rank(a)).map(([, broker]) => broker);
  }

  #learn({ brokers }: ClusterMetadata): void {
    this.#brokers = new Map(brokers.map((broker) => [broker.id, broker]));
    for (const broker of brokers) this.#told.add(addressOf(broker));
  }

  /** Gives up those who let somebody wait and whom the cluster misses too. */
  async #look(): Promise<void> {
    const late = (): Line[] => [...this.#lines.values()].filter(({ waitsMs }) => waitsMs > SLOW_MS);
    if (this.#isLooking || late().length === 0) return;
    this.#isLooking = true;
    try {
      // One client takes no topic for all of them; asked by every camera of a fleet that would be much.
      const [topic] = this.#counts.keys();
      this.#learn(await this.ask((link) => link.metadata(topic === undefined ? [] : [topic])));
      const present = new Set(this.brokers.map(addressOf));
      const gone = late().filter(({ address }) => this.#told.has(address) && !present.has(address));
      if (gone.length === 0) return;
      this.#topics.clear();
      for (const line of gone) {
        line.giveUp(new BanksmanError('BUS_UNREACHABLE', { where: line.address, message: 'the cluster misses it' }));
      }
    } catch {
      // Nobody answers: whoever waits finds that out by himself.
    } finally {
      this.#isLooking = false;
    }
  }

  #check(): void {
    if (this.#closed.signal.aborted) throw new BanksmanError('BUS_LOST');
  }
}

const addressOf = ({ host, port }: Pick<Broker, 'host' | 'port'>): string => `${host}:${port}`;

/** The work goes on, nobody waits for it any more. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** `host:port`, also `[::1]:9092`. */
export function hostAndPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}
