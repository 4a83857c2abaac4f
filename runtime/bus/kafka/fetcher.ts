import { asError } from '../../errors.ts';
import type { Batch, FetchRequest } from '../session/session.ts';
import type { Cluster } from './cluster.ts';
import { CODE, isStale } from './codes.ts';
import { codeError } from './errors.ts';
import { type Broker, EARLIEST, type Fetched, LATEST } from './link.ts';
import { offsetsAt } from './offsets.ts';

/** A broker holds a question this long before it says that there is nothing. */
const WAIT_MS = 500;
const ANSWER_BYTES = 16 * 1024 * 1024;
/**
 * Connections a broker is asked on at once. A question that comes while others are being waited on goes out on
 * the next one; when all wait it goes with the first that answers.
 */
const POLLERS = 4;
const RETRY = { minMs: 50, maxMs: 1_000 };

class OutOfRange extends Error {}

interface Demand {
  readonly request: FetchRequest;
  readonly settled: PromiseWithResolvers<Batch>;
  /** Nobody waits for it any more. */
  dropped: boolean;
  /** Asked for in a request of its own. */
  alone: boolean;
}

/**
 * Many readers, each of whom asks for one partition at a time, over a few connections: what is asked for together
 * goes in one request. Nothing is read ahead: a slow reader holds its place in the log, not memory here.
 */
export class Fetcher {
  readonly #cluster: Cluster;
  readonly #brokers = new Map<number, BrokerQueue>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.closed.addEventListener('abort', () => {
      for (const queue of this.#brokers.values()) queue.close();
    });
  }

  /** As `Session.fetch`, the topic as the cluster calls it. */
  async fetch(request: FetchRequest, signal?: AbortSignal): Promise<Batch> {
    const nothing: Batch = { records: [], next: request.offset };
    const attempts = this.#cluster.attempts(RETRY);
    try {
      while (!signal?.aborted) {
        try {
          const broker = await this.#cluster.leader(request.topic, request.partition);
          const batch = await this.#ask(broker, request, signal);
          attempts.succeeded();
          if (signal?.aborted) return nothing;
          if (batch.records.length > 0 || batch.next > request.offset || !request.wait) return batch;
        } catch (error) {
          if (signal?.aborted) return nothing;
          if (error instanceof OutOfRange) return { records: [], next: await this.#back(request) };
          this.#cluster.forget(request.topic);
          await attempts.failed(error, signal);
        }
      }
      return nothing;
    } finally {
      attempts.end();
    }
  }

  /** Below the log: retention was faster. Above: it was cut or made anew, and goes on at its end. */
  async #back({ topic, partition, offset }: FetchRequest): Promise<number> {
    const at = [{ topic, partition }];
    const [start] = await offsetsAt(this.#cluster, at, EARLIEST);
    if (start && offset < start.offset) return start.offset;
    const [end] = await offsetsAt(this.#cluster, at, LATEST);
    return end?.offset ?? offset;
  }

  #ask(broker: Broker, request: FetchRequest, signal: AbortSignal | undefined): Promise<Batch> {
    let queue = this.#brokers.get(broker.id);
    if (!queue) {
      queue = new BrokerQueue(this.#cluster, broker);
      this.#brokers.set(broker.id, queue);
    }
    return queue.ask(broker, request, signal);
  }
}

class BrokerQueue {
  readonly #cluster: Cluster;
  #broker: Broker;
  #waiting: Demand[] = [];
  readonly #busy = new Set<number>();
  #scheduled = false;

  constructor(cluster: Cluster, broker: Broker) {
    this.#cluster = cluster;
    this.#broker = broker;
  }

  ask(broker: Broker, request: FetchRequest, signal: AbortSignal | undefined): Promise<Batch> {
    this.#broker = broker;
    const demand: Demand = { request, settled: Promise.withResolvers<Batch>(), dropped: false, alone: false };
    this.#waiting.push(demand);
    this.#schedule();
    if (!signal) return demand.settled.promise;
    const drop = (): void => {
      demand.dropped = true;
      demand.settled.resolve({ records: [], next: request.offset });
    };
    signal.addEventListener('abort', drop);
    return demand.settled.promise.finally(() => signal.removeEventListener('abort', drop));
  }

  close(): void {
    const gone = new Error('closed');
    for (const { settled } of this.#waiting.splice(0)) settled.reject(gone);
  }

  /** After everybody of this turn has asked. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    const free = Array.from({ length: POLLERS }, (_, index) => index).find((index) => !this.#busy.has(index));
    if (free === undefined) return;
    const demands = this.#take();
    if (demands.length === 0) return;
    this.#busy.add(free);
    if (this.#waiting.length > 0) this.#schedule();
    void this.#poll(free, demands).finally(() => {
      this.#busy.delete(free);
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  /** One demand a partition: two readers of one partition are at different places. */
  #take(): Demand[] {
    this.#waiting = this.#waiting.filter(({ dropped }) => !dropped);
    const single = this.#waiting.findIndex(({ alone }) => alone);
    if (single >= 0) return this.#waiting.splice(single, 1);
    const taken = new Map<string, Demand>();
    const left: Demand[] = [];
    for (const demand of this.#waiting) {
      const id = `${demand.request.topic}/${demand.request.partition}`;
      if (taken.has(id)) left.push(demand);
      else taken.set(id, demand);
    }
    this.#waiting = left;
    return [...taken.values()];
  }

  #again(demand: Demand): void {
    demand.alone = true;
    this.#waiting.unshift(demand);
  }

  async #poll(poller: number, demands: readonly Demand[]): Promise<void> {
    try {
      const link = await this.#cluster.link(this.#broker, `fetch-${poller}`);
      const partitions = demands.map(({ request }) => ({
        topic: request.topic,
        partition: request.partition,
        offset: request.offset,
        maxBytes: Math.max(1, request.maxBytes),
      }));
      // Who does not wait shall not be held up by those who do.
      const wait = demands.every(({ request }) => request.wait) ? WAIT_MS : 0;
      const answers = await link.fetch(partitions, wait, ANSWER_BYTES);
      const byPartition = new Map(answers.map((each) => [`${each.topic}/${each.partition}`, each]));
      for (const demand of demands) {
        const answer = byPartition.get(`${demand.request.topic}/${demand.request.partition}`);
        if (answer && demands.length > 1 && isLeftOut(demand.request, answer)) this.#again(demand);
        else if (answer) settle(demand, answer);
        else demand.settled.resolve({ records: [], next: demand.request.offset });
      }
    } catch (error) {
      for (const { settled } of demands) settled.reject(asError(error));
    }
  }
}

/**
 * Of the partitions in a request a broker sends one batch that is larger than was asked for, and of the others only
 * what is within their bytes: perhaps nothing (KIP-74).
 */
function isLeftOut({ offset }: FetchRequest, { errorCode, records, next, end }: Fetched): boolean {
  return errorCode === CODE.none && records.length === 0 && next <= offset && end > offset;
}

function settle({ request, settled }: Demand, answer: Fetched): void {
  const { errorCode } = answer;
  if (errorCode === CODE.offsetOutOfRange) {
    settled.reject(new OutOfRange());
  } else if (errorCode !== CODE.none) {
    settled.reject(codeError(isStale(errorCode) ? CODE.notLeader : errorCode, request.topic));
  } else {
    const { key, maxRecords } = request;
    let { records, next } = answer;
    if (records.length > maxRecords) {
      records = records.slice(0, maxRecords);
      next = (records.at(-1)?.offset ?? request.offset) + 1;
    }
    if (key !== undefined) records = records.filter((record) => record.key === key);
    settled.resolve({ records, next, end: answer.end });
  }
}
