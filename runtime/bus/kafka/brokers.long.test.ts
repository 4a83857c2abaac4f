/** Three brokers, of which one vanishes and another is killed: what was acknowledged is there once, groups go on. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KafkaCluster } from '../../../test/services/kafka_cluster.ts';
import { until } from '../../../test/wait.ts';
import { collect, text } from '../compliance_support.ts';
import type { Bus } from '../types.ts';
import { connectKafkaBus } from './connect.ts';
import type { KafkaOptions } from './link.ts';
import { TopicAdmin, wantedTopics } from './topics.ts';

const CLIENTS = ['platformatic', 'kafkajs'] as const;
const PREFIX = 'b.';
const TOPIC = 'tracks.v1';
const LONG_MS = 240_000;
/** A client that waits for its own requests to end goes on twenty seconds after the cluster has. */
const FOUND_MS = 15_000;
let kafka: KafkaCluster;

beforeAll(async () => {
  kafka = await new KafkaCluster().start();
  const admin = new TopicAdmin(options('platformatic'));
  const wishes = { partitions: 3, replication: 3, framesMs: 300_000, framesBytes: 100_000_000 };
  await admin.apply(await admin.plan(wantedTopics(PREFIX, wishes)));
  await admin.close();
}, LONG_MS);
afterAll(() => kafka[Symbol.asyncDispose]());

function options(client: KafkaOptions['client']): KafkaOptions {
  return { brokers: kafka.addresses, client, prefix: PREFIX, clientId: client };
}

/** Sends numbers under keys of its own to every partition, and reads them in a group of its own. */
class Traffic {
  readonly client: KafkaOptions['client'];
  /** Numbers that were acknowledged, by key. */
  readonly taken = new Map<string, number[]>();
  readonly seen = new Set<string>();
  readonly #bus: Bus;
  #sending = true;
  #loops: Promise<void>[] = [];

  constructor(client: KafkaOptions['client'], bus: Bus) {
    this.client = client;
    this.#bus = bus;
  }

  static async start(client: KafkaOptions['client']): Promise<Traffic> {
    const traffic = new Traffic(client, await connectKafkaBus(options(client)));
    await traffic.#start();
    return traffic;
  }

  /** Every key has been taken, and was read, after this call. */
  async goesOn(): Promise<void> {
    const before = new Map([...this.taken].map(([key, { length }]) => [key, length]));
    await until(
      `records of ${this.client}`,
      () =>
        [...this.taken].every(([key, numbers]) => {
          const next = numbers[before.get(key) ?? 0];
          return next !== undefined && this.seen.has(`${key} ${next}`);
        }),
      LONG_MS,
    );
  }

  async stop(): Promise<void> {
    this.#sending = false;
    await Promise.all(this.#loops);
    const there = new Map<string, number[]>();
    for (const message of await collect(this.#bus.tail(TOPIC, 'earliest', { stopAtEnd: true }))) {
      if (!this.taken.has(message.key)) continue;
      there.set(message.key, [...(there.get(message.key) ?? []), Number(text(message))]);
    }
    expect(there).toEqual(this.taken);
    const all = [...this.taken].flatMap(([key, numbers]) => numbers.map((number) => `${key} ${number}`));
    await until('all to be read', () => all.every((each) => this.seen.has(each)), LONG_MS);
    await this.#bus.close();
  }

  async #start(): Promise<void> {
    const consumer = this.#bus.consumer(this.client, [TOPIC], (delivery) => {
      this.seen.add(`${delivery.key} ${text(delivery)}`);
      delivery.ack();
    });
    await consumer.start();
    const producer = this.#bus.producer();
    this.#loops = Array.from({ length: 9 }, (_, index) => `${this.client}-${index}`).map(async (key) => {
      const taken: number[] = [];
      this.taken.set(key, taken);
      for (let number = 0; this.#sending; number++) {
        await producer.send(TOPIC, { key, value: Buffer.from(String(number)) });
        taken.push(number);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
  }
}

it('a broker that vanishes, and one that is killed: what was acknowledged is there once, groups go on', async () => {
  const all = await Promise.all(CLIENTS.map((client) => Traffic.start(client)));
  const goOn = () => Promise.all(all.map((traffic) => traffic.goesOn()));
  await goOn();

  // Its machine is gone: nobody is told that its connections are.
  const vanished = await kafka.leader(PREFIX + TOPIC);
  vanished.freeze(true);
  await until('another leader', async () => (await kafka.leader(PREFIX + TOPIC)) !== vanished, LONG_MS);
  const ledAt = performance.now();
  await goOn();
  const foundMs = Math.round(performance.now() - ledAt);
  process.stdout.write(`a broker vanished: records go on ${foundMs} ms after another leads\n`);
  expect(foundMs).toBeLessThan(FOUND_MS);
  vanished.freeze(false);
  await kafka.whole(LONG_MS);

  // One that holds a group, and leads a partition.
  const killed = await kafka.coordinator(`${PREFIX}platformatic`);
  await killed.kill();
  await goOn();
  await Promise.all(all.map((traffic) => traffic.stop()));
});
