import { BanksmanError } from '../../errors.ts';
import { partitionOf } from '../murmur2.ts';
import type { SentRecord } from '../session/session.ts';
import type { Position } from '../types.ts';
import type { Attempts } from './attempts.ts';
import type { Cluster } from './cluster.ts';
import { CODE, isStale } from './codes.ts';
import { codeError } from './errors.ts';
import type { Broker, KafkaLink, Produced, ProduceRecord, ProducerIdentity } from './link.ts';
import { bytesOf } from './records.ts';

/** A broker takes batches of up to about 1 MB by default; one larger record goes alone. */
const BATCH_BYTES = 900_000;
/** One request; what is above it waits for the answer. */
const REQUEST_BYTES = 4_000_000;
/** Sequence numbers wrap as the protocol has it. */
const SEQUENCE_LIMIT = 2 ** 31;
const RETRY = { minMs: 50, maxMs: 1_000 };

interface Waiting {
  readonly record: ProduceRecord;
  readonly bytes: number;
  readonly settled: PromiseWithResolvers<Position>;
  /** Not repeated after that, performance.now(). */
  readonly deadline: number;
  /** Whoever sent it takes it back when this aborts. */
  readonly signal: AbortSignal | undefined;
}

/** One partition: what waits, and what was sent and not yet answered. */
interface Lane {
  readonly topic: string;
  readonly partition: number;
  readonly waiting: Waiting[];
  /** Sent with `firstSequence`; sent again as it is until it is answered, so that the broker knows it. */
  batch: { readonly records: Waiting[]; readonly firstSequence: number } | undefined;
  sequence: number;
  readonly attempts: Attempts;
  /** Its leader is being looked for. */
  finding: boolean;
}

/** What a broker answers that has lost sight of a producer. */
const FORGOTTEN: ReadonlySet<number> = new Set([
  CODE.outOfOrderSequence,
  CODE.unknownProducerId,
  CODE.invalidProducerEpoch,
]);

/**
 * Sends records in batches: one request to a broker at a time, everything that came meanwhile in the next one,
 * so that batches grow with the load and nothing waits for a timer. Each producer is idempotent (KIP-98): a
 * batch that is sent again because the answer was lost is kept once.
 */
export class Batcher {
  readonly #cluster: Cluster;
  readonly #deadlineMs: (topic: string) => number;
  readonly #asked = new Map<string, Promise<unknown>>();
  readonly #lanes = new Map<string, Lane>();
  readonly #sending = new Map<number, Promise<void>>();
  #identity: Promise<ProducerIdentity> | undefined;
  #scheduled = false;
  #renew = false;
  #inFlight = 0;

  /** @param deadlineMs how long a record of the topic is worth sending; Infinity: for ever. */
  constructor(cluster: Cluster, deadlineMs: (topic: string) => number) {
    this.#cluster = cluster;
    this.#deadlineMs = deadlineMs;
    cluster.closed.addEventListener('abort', () => this.#fail(new BanksmanError('BUS_LOST')));
  }

  /** Records that are not answered yet. */
  get unanswered(): number {
    return this.#inFlight;
  }

  /**
   * @param topic as the cluster calls it.
   * @param signal takes it back, if it is not on its way; the call ends in any case.
   */
  async send(topic: string, { key, headers, value }: SentRecord, signal?: AbortSignal): Promise<Position> {
    await this.#known(topic);
    if (signal?.aborted) throw takenBack(topic);
    const partition = partitionOf(key, this.#cluster.knownPartitions(topic) ?? 1);
    const record: ProduceRecord = {
      key,
      headers: typeof headers === 'string' ? JSON.parse(headers) : (headers ?? {}),
      value,
    };
    const settled = Promise.withResolvers<Position>();
    const lane = this.#lane(topic, partition);
    const deadline = performance.now() + this.#deadlineMs(topic);
    const waiting: Waiting = { record, bytes: bytesOf(record), settled, deadline, signal };
    lane.waiting.push(waiting);
    this.#inFlight += 1;
    this.#schedule();
    const takeBack = (): void => {
      const at = lane.waiting.indexOf(waiting);
      if (at >= 0) lane.waiting.splice(at, 1);
      settled.reject(takenBack(topic));
    };
    signal?.addEventListener('abort', takeBack);
    try {
      return await settled.promise;
    } finally {
      signal?.removeEventListener('abort', takeBack);
      this.#inFlight -= 1;
    }
  }

  /** Everybody waits for the same promise, once it has resolved as well: so sends keep their order. */
  #known(topic: string): Promise<unknown> {
    let asked = this.#asked.get(topic);
    if (!asked) {
      asked = this.#cluster.persist(() => this.#cluster.partitions(topic));
      this.#asked.set(topic, asked);
      asked.catch(() => this.#asked.delete(topic));
    }
    return asked;
  }

  #lane(topic: string, partition: number): Lane {
    const id = `${topic}/${partition}`;
    let lane = this.#lanes.get(id);
    if (!lane) {
      lane = {
        ...{ topic, partition, waiting: [], batch: undefined, sequence: 0, finding: false },
        attempts: this.#cluster.attempts(RETRY),
      };
      this.#lanes.set(id, lane);
    }
    return lane;
  }

  /** After everything of this turn was handed over. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#renew) {
      // The new identity begins when nothing is on its way under the old one.
      if (this.#sending.size > 0) return;
      this.#begin();
    }
    const byBroker = new Map<number, { broker: Broker; lanes: Lane[] }>();
    for (const lane of this.#lanes.values()) {
      this.#expire(lane);
      if (isIdle(lane)) {
        lane.attempts.end();
        continue;
      }
      const broker = this.#cluster.knownLeader(lane.topic, lane.partition);
      if (!broker) {
        void this.#find(lane);
        continue;
      }
      const group = byBroker.get(broker.id) ?? { broker, lanes: [] };
      group.lanes.push(lane);
      byBroker.set(broker.id, group);
    }
    for (const [id, { broker, lanes }] of byBroker) {
      if (this.#sending.has(id)) continue;
      const sending = this.#request(broker, lanes).finally(() => {
        this.#sending.delete(id);
        if (![...this.#lanes.values()].every(isIdle)) this.#schedule();
      });
      this.#sending.set(id, sending);
    }
  }

  /** Looks for its leader and goes on then; the other partitions do not wait for it. */
  async #find(lane: Lane): Promise<void> {
    if (lane.finding) return;
    lane.finding = true;
    try {
      await this.#cluster.leader(lane.topic, lane.partition);
    } catch (error) {
      await lane.attempts.failed(error).catch((failure: unknown) => this.#reject(lane, failure));
    }
    lane.finding = false;
    this.#schedule();
  }

  async #request(broker: Broker, lanes: readonly Lane[]): Promise<void> {
    let bytes = 0;
    const taken: Lane[] = [];
    for (const lane of lanes) {
      if (bytes >= REQUEST_BYTES) break;
      this.#expire(lane);
      if (!lane.batch) fill(lane);
      if (!lane.batch) continue;
      taken.push(lane);
      bytes += lane.batch.records.reduce((sum, each) => sum + each.bytes, 0);
    }
    const [first] = taken;
    if (!first) return;
    const failures = new Map<Lane, unknown>();
    try {
      const link = await this.#cluster.link(broker, 'produce');
      const identity = await this.#identify(link);
      const answers = await link.produce(taken.flatMap(toBatch), identity);
      for (const answer of answers) {
        const lane = this.#lanes.get(`${answer.topic}/${answer.partition}`);
        const error = lane && this.#answered(lane, answer);
        if (error) failures.set(lane, error);
      }
    } catch (error) {
      // Whether it arrived nobody knows: the same batches go again, to whoever leads then.
      for (const lane of taken) {
        this.#cluster.forget(lane.topic);
        failures.set(lane, error);
      }
    }
    const again = [...failures].map(([lane, error]) =>
      lane.attempts.failed(error).catch((permanent: unknown) => {
        if (lane.batch) this.#reject(lane, permanent);
      }),
    );
    await Promise.all(again);
  }

  /** @returns why it must be sent again. */
  #answered(lane: Lane, { topic, partition, errorCode, baseOffset }: Produced): BanksmanError | undefined {
    const { batch } = lane;
    if (!batch) return undefined;
    if (errorCode === CODE.none || errorCode === CODE.duplicateSequence) {
      lane.batch = undefined;
      lane.attempts.succeeded();
      for (const [index, { settled }] of batch.records.entries()) {
        settled.resolve({ partition, offset: baseOffset < 0 ? -1 : baseOffset + index });
      }
      return undefined;
    }
    const error = codeError(errorCode, topic);
    if (FORGOTTEN.has(errorCode)) {
      this.#renew = true;
      return undefined;
    }
    if (isStale(errorCode)) this.#cluster.forget(topic);
    if (error.retryable) return error;
    lane.attempts.succeeded();
    // Nothing of it was kept: its numbers are free.
    lane.sequence = batch.firstSequence;
    lane.batch = undefined;
    if (error.code === 'BUS_RECORD_TOO_LARGE' && batch.records.length > 1) {
      const half = Math.ceil(batch.records.length / 2);
      lane.batch = { records: batch.records.slice(0, half), firstSequence: lane.sequence };
      lane.sequence = (lane.sequence + half) % SEQUENCE_LIMIT;
      lane.waiting.unshift(...batch.records.slice(half));
    } else {
      for (const { settled } of batch.records) settled.reject(error);
    }
    return undefined;
  }

  /** The broker knows this producer no longer: a new identity, and everything unanswered under it again. */
  #begin(): void {
    this.#renew = false;
    this.#identity = undefined;
    for (const lane of this.#lanes.values()) {
      lane.sequence = 0;
      if (lane.batch) lane.waiting.unshift(...lane.batch.records.filter(({ signal }) => !signal?.aborted));
      lane.batch = undefined;
    }
  }

  #identify(link: KafkaLink): Promise<ProducerIdentity> {
    this.#identity ??= link.initProducer().then(({ errorCode, identity }) => {
      if (errorCode !== CODE.none) throw codeError(errorCode, 'producer');
      return identity;
    });
    this.#identity.catch(() => {
      this.#identity = undefined;
    });
    return this.#identity;
  }

  /** What was not sent in time is not sent at all; what was sent is, until it is answered. */
  #expire(lane: Lane): void {
    const now = performance.now();
    while (lane.waiting[0] && lane.waiting[0].deadline < now) {
      const where = lane.topic;
      lane.waiting
        .shift()
        ?.settled.reject(new BanksmanError('BUS_UNREACHABLE', { where, message: 'not sent in time' }));
    }
  }

  #reject(lane: Lane, error: unknown): void {
    const records = [...(lane.batch?.records ?? []), ...lane.waiting.splice(0)];
    // Whether its numbers were used nobody knows.
    if (lane.batch) this.#renew = true;
    lane.batch = undefined;
    lane.attempts.end();
    for (const { settled } of records) settled.reject(error);
  }

  #fail(error: BanksmanError): void {
    for (const lane of this.#lanes.values()) {
      const records = [...(lane.batch?.records ?? []), ...lane.waiting.splice(0)];
      lane.batch = undefined;
      lane.attempts.end();
      for (const { settled } of records) settled.reject(error);
    }
  }
}

function takenBack(topic: string): BanksmanError {
  return new BanksmanError('BUS_UNREACHABLE', { where: topic, message: 'taken back before it was answered' });
}

function isIdle({ waiting, batch }: Lane): boolean {
  return waiting.length === 0 && !batch;
}

function fill(lane: Lane): void {
  let bytes = 0;
  let count = 0;
  for (const { bytes: own } of lane.waiting) {
    if (count > 0 && bytes + own > BATCH_BYTES) break;
    bytes += own;
    count += 1;
  }
  if (count === 0) return;
  lane.batch = { records: lane.waiting.splice(0, count), firstSequence: lane.sequence };
  lane.sequence = (lane.sequence + count) % SEQUENCE_LIMIT;
}

function toBatch({ topic, partition, batch }: Lane) {
  if (!batch) return [];
  return [{ topic, partition, firstSequence: batch.firstSequence, records: batch.records.map(({ record }) => record) }];
}
