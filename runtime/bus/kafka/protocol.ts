/**
 * What the members of a group tell each other, in the form of Kafka's own consumer protocol, so that its tools
 * show who reads what: subscription `version, topics, user data`, assignment `version, topics with partitions,
 * user data`. Ours is in the user data.
 */
import { assignPartitions, type Candidate, partitionId } from '../assignment.ts';
import type { TopicPartition } from '../types.ts';

export interface Subscription {
  readonly topics: readonly string[];
  /** What the member has at this moment. */
  readonly owned: readonly TopicPartition[];
  /** In which generation it was given them; of two that claim the same the older claim is void. */
  readonly generation: number;
  /** Members are served in the order of their birth, epoch milliseconds. */
  readonly born: number;
}

export interface Assignment {
  readonly partitions: readonly TopicPartition[];
  /** False: more will come when others have let go. */
  readonly complete: boolean;
}

const VERSION = 0;

export function encodeSubscription({ topics, owned, generation, born }: Subscription): Buffer {
  const parts = [int16(VERSION), int32(topics.length), ...topics.map(string)];
  const held = [...Map.groupBy(owned, ({ topic }) => topic)].map(([topic, of]) => [topic, of.map((p) => p.partition)]);
  return Buffer.concat([...parts, bytes(JSON.stringify({ held, generation, born }))]);
}

export function decodeSubscription(data: Buffer): Subscription {
  const reader = new Cursor(data);
  reader.int16();
  const topics = Array.from({ length: reader.int32() }, () => reader.string());
  const { held, generation, born }: { held: [string, number[]][]; generation: number; born: number } = JSON.parse(
    reader.bytes(),
  );
  const owned = held.flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
  return { topics, owned, generation, born };
}

export function encodeAssignment({ partitions, complete }: Assignment): Buffer {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
  const parts = [int16(VERSION), int32(byTopic.size)];
  for (const [topic, of] of byTopic) {
    parts.push(string(topic), int32(of.length), ...of.map(({ partition }) => int32(partition)));
  }
  return Buffer.concat([...parts, bytes(JSON.stringify({ complete }))]);
}

/** An empty answer, as a broker gives to who was left out: nothing, and no more to come. */
export function decodeAssignment(data: Buffer): Assignment {
  if (data.length === 0) return { partitions: [], complete: true };
  const reader = new Cursor(data);
  reader.int16();
  const partitions: TopicPartition[] = [];
  const topics = reader.int32();
  for (let index = 0; index < topics; index++) {
    const topic = reader.string();
    const count = reader.int32();
    for (let each = 0; each < count; each++) partitions.push({ topic, partition: reader.int32() });
  }
  const { complete }: { complete: boolean } = JSON.parse(reader.bytes());
  return { partitions, complete };
}

/**
 * What the leader gives everybody. Nobody is given what another living member still has: that one lets go first
 * and joins again, so that a partition has one reader at any time and those that stay are never interrupted
 * (cooperative rebalancing, KIP-429).
 * @param members by id.
 * @param partitions number of them by topic.
 */
export function shareOut(
  members: ReadonlyMap<string, Subscription>,
  partitions: ReadonlyMap<string, number>,
): Map<string, Assignment> {
  const order = [...members].sort(([a, one], [b, two]) => one.born - two.born || (a < b ? -1 : 1));
  const holder = new Map<string, { member: number; generation: number }>();
  for (const [member, [, { owned, generation }]] of order.entries()) {
    for (const { topic, partition } of owned) {
      const id = partitionId(topic, partition);
      if ((holder.get(id)?.generation ?? -1) < generation) holder.set(id, { member, generation });
    }
  }
  const candidates: Candidate[] = order.map(([, { topics }], id) => ({ id, topics }));
  const ownerOf = (topic: string, partition: number): number | undefined =>
    holder.get(partitionId(topic, partition))?.member;
  const targets = assignPartitions(candidates, partitions, ownerOf);
  const given = order.map(() => ({ partitions: [] as TopicPartition[], complete: true }));
  for (const [topic, count] of partitions) {
    for (let partition = 0; partition < count; partition++) {
      const target = targets.get(partitionId(topic, partition));
      const present = ownerOf(topic, partition);
      const share = target === undefined ? undefined : given[target];
      if (!share) continue;
      if (present === undefined || present === target) share.partitions.push({ topic, partition });
      else share.complete = false;
    }
  }
  return new Map(order.map(([id], index) => [id, given[index] ?? { partitions: [], complete: true }]));
}

function int16(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(2);
  buffer.writeInt16BE(value);
  return buffer;
}

function int32(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function string(text: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)]);
}

function bytes(text: string): Buffer {
  return Buffer.concat([int32(Buffer.byteLength(text)), Buffer.from(text)]);
}

class Cursor {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  int16(): number {
    this.#at += 2;
    return this.#data.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#data.readInt32BE(this.#at - 4);
  }

  string(): string {
    return this.#text(this.int16());
  }

  bytes(): string {
    return this.#text(this.int32());
  }

  #text(length: number): string {
    this.#at += length;
    return this.#data.toString('utf8', this.#at - length, this.#at);
  }
}
