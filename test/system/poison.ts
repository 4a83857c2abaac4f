import { Kafka, type Message, type Producer } from 'kafkajs';
import { partitionOf } from '../../runtime/bus/murmur2.ts';
import { TOPICS, type TopicSpec } from '../../runtime/messages/topics.ts';

/** Of a record that nobody can read. */
export interface Place {
  topic: string;
  partition: number;
  offset: string;
}

const BYTES = Buffer.from([0xff, 0xfe, 0x00, 0x7b, 0xc3, 0x28]);
const ALMOST = { site: 'test', camera: 'gate', rule: 'anybody', epoch: 'one', runId: 7, seq: -1, id: null, at: 'soon' };
const VALUES = [
  BYTES,
  Buffer.from('<html>'),
  Buffer.alloc(0),
  ...[null, [], 'text', -1, { surprise: { deep: [1] } }, ALMOST].map((value) => Buffer.from(JSON.stringify(value))),
];
const HEADERS = {
  camera: BYTES,
  seq: '-1',
  epoch: '1e99',
  captureTime: 'yesterday',
  parts: '[1,2',
  regions: '{}',
  traceparent: 'zz',
  long: 'x'.repeat(100_000),
};
/** What a topic takes at most is a little more. */
const LARGE = { frames: 15_500_000, other: 4_000_000 };

/** Puts records onto topics that nobody can read, with a client of its own: as a mistake does, no part of the product. */
export class Poisoner {
  readonly #producer: Producer;
  readonly #partitions: number;

  constructor(broker: string, partitions: number) {
    const kafka = new Kafka({ brokers: [broker], logLevel: 0 });
    this.#producer = kafka.producer({ allowAutoTopicCreation: false });
    this.#partitions = partitions;
  }

  connect(): Promise<void> {
    return this.#producer.connect();
  }

  close(): Promise<void> {
    return this.#producer.disconnect();
  }

  /** Every kind onto every partition of every topic. */
  async everywhere(): Promise<Place[]> {
    const places: Place[] = [];
    for (const spec of Object.values(TOPICS)) {
      const count = spec.partitions === 1 ? 1 : this.#partitions;
      for (let partition = 0; partition < count; partition += 1) {
        for (const messages of [this.#kinds(spec, partition, count), this.#large(spec, partition, count)]) {
          places.push(...(await this.#send(spec.name, partition, messages)));
        }
      }
    }
    return places;
  }

  /** One that takes the place of what is known under the key. */
  async over(topic: string, key: string): Promise<Place[]> {
    return this.#send(topic, partitionOf(key, this.#partitions), [{ key, value: VALUES[1] ?? null }]);
  }

  #kinds({ name, policy }: TopicSpec, partition: number, count: number): Message[] {
    const own = ownKeys(name).filter((key) => partitionOf(key, count) === partition);
    const compacted = policy === 'compacted';
    // A compacted topic takes no record without a key, and without a value it would be a removal.
    const keys = [...own, `test/strange-${partition}`, 'strange', BYTES, ...(compacted ? [] : [null])];
    const messages: Message[] = VALUES.map((value, n) => ({ key: keys[n % keys.length] ?? null, value }));
    messages.push({ key: own[0] ?? 'strange', value: BYTES, headers: HEADERS });
    if (!compacted) messages.push({ key: own[0] ?? null, value: null });
    return messages;
  }

  /** As large as the topic takes, on the partition where most harm would be done. */
  #large({ name, policy }: TopicSpec, partition: number, count: number): Message[] {
    if (!ownKeys(name).some((key) => partitionOf(key, count) === partition)) return [];
    return [{ key: 'large', value: Buffer.alloc(policy === 'frames' ? LARGE.frames : LARGE.other, '[') }];
  }

  async #send(topic: string, partition: number, messages: Message[]): Promise<Place[]> {
    if (messages.length === 0) return [];
    const [sent] = await this.#producer.send({
      topic: `banksman.${topic}`,
      messages: messages.map((message) => ({ ...message, partition })),
    });
    const first = Number(sent?.baseOffset);
    return messages.map((_, n) => ({ topic, partition, offset: String(first + n) }));
  }
}

/** Keys that something is known under: what a mistake would do most harm to. */
function ownKeys(topic: string): string[] {
  if (topic === TOPICS.rules.name) return ['test/anybody'];
  if (topic === TOPICS.processorState.name) return ['cleanup/test/gate', 'incidents/test/gate'];
  return ['test/gate'];
}
