/** One process of the fleet's benchmark: a producer or a member of a group, ours or a peer's. Told what to do by IPC. */
import { Consumer as PlatformaticConsumer } from '@platformatic/kafka';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { connectKafkaBus } from '../../runtime/bus/kafka/connect.ts';
import type { KafkaOptions } from '../../runtime/bus/kafka/link.ts';
import { KEYS, keyOfEach } from './keys.ts';

export type Kind = 'ours' | 'ours-kafkajs' | 'kafkajs' | 'kafkajs-default' | 'kip848';

export type Task =
  /** Sends `count` records of `bytes`, `inFlight` at a time, and says what it cost. */
  | { do: 'produce'; kind: Kind; count: number; bytes: number; inFlight: number; topic: string }
  /** Reads until it has seen `count`, and says what it cost; `count` 0: says for each record when it came. */
  | { do: 'consume'; kind: Kind; count: number; group: string; topic: string; sessionMs?: number }
  /** Sends, until it is killed, a small record to each of `partitions` partitions so often; it holds when it was sent. */
  | { do: 'trickle'; everyMs: number; partitions: number; topic: string };

/** Sent to who reads: the next record takes so long, once. */
export interface Busy {
  busyMs: number;
}

export interface Cost {
  /** User and system seconds of this process. */
  cpuSeconds: number;
  seconds: number;
}

/** A record that came, and when it was sent: both as `monotonic` tells. */
export type Came = [partition: number, atMs: number, sentMs: number];

export type Report = { ready: true } | { done: Cost } | { came: Came[] };

/** Deliveries are told in bundles, so that telling costs little. */
const TELL_MS = 20;
const HEARTBEAT_MS = 1_000;

const { address, prefix } = JSON.parse(process.argv[2] ?? '{}') as {
  address: string;
  prefix: string;
};

const say = (report: Report): void => void process.send?.(report);
/** CLOCK_MONOTONIC: one for all processes of the machine. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

const options = (client: KafkaOptions['client']): KafkaOptions => ({
  brokers: [address],
  client,
  prefix,
  clientId: 'bench',
});
const clientOf = (kind: Kind): KafkaOptions['client'] => (kind === 'ours-kafkajs' ? 'kafkajs' : 'platformatic');
const plain = (): Kafka => new Kafka({ brokers: [address], clientId: 'bench', logLevel: logLevel.NOTHING });

async function produce({ kind, count, bytes, inFlight, topic }: Extract<Task, { do: 'produce' }>): Promise<void> {
  const value = Buffer.alloc(bytes, 7);
  let send: (from: number, to: number) => Promise<unknown>;
  if (kind === 'kafkajs') {
    const producer = plain().producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    send = (from, to) => {
      const messages = range(from, to).map((number) => ({ key: key(number), value, headers: { seq: String(number) } }));
      return producer.send({ topic: prefix + topic, messages });
    };
  } else {
    const producer = (await connectKafkaBus(options(clientOf(kind)))).producer();
    send = (from, to) =>
      Promise.all(
        range(from, to).map((number) =>
          producer.send(topic, { key: key(number), value, headers: { seq: String(number) } }),
        ),
      );
  }
  await send(0, inFlight);
  const cost = meter();
  for (let sent = 0; sent < count; sent += inFlight) await send(sent, Math.min(count, sent + inFlight));
  say({ done: cost() });
}

async function trickle({ everyMs, partitions, topic }: Extract<Task, { do: 'trickle' }>): Promise<void> {
  const producer = (await connectKafkaBus(options('platformatic'))).producer();
  const keys = keyOfEach(partitions);
  setInterval(() => {
    const value = Buffer.alloc(8);
    value.writeDoubleLE(now());
    for (const key of keys) void producer.send(topic, { key, value }).catch(() => undefined);
  }, everyMs);
  say({ ready: true });
}

async function consume(task: Extract<Task, { do: 'consume' }>): Promise<void> {
  const { kind, count, group, topic, sessionMs = 6_000 } = task;
  let seen = 0;
  let cost: (() => Cost) | undefined;
  let came: Came[] = [];
  let busyMs = 0;
  process.on('message', (message: Task | Busy) => {
    if ('busyMs' in message) busyMs = message.busyMs;
  });
  const busy = async (): Promise<void> => {
    const ms = busyMs;
    busyMs = 0;
    await new Promise((resolve) => setTimeout(resolve, ms));
  };
  if (count === 0) {
    setInterval(() => {
      if (came.length > 0) say({ came });
      came = [];
    }, TELL_MS);
  }
  const took = (partition: number, value: Buffer): void => {
    if (count === 0) {
      came.push([partition, now(), value.readDoubleLE()]);
      return;
    }
    cost ??= meter();
    seen += 1;
    if (seen === count) say({ done: cost() });
  };
  if (kind === 'kafkajs' || kind === 'kafkajs-default') {
    const consumer = plain().consumer({
      groupId: prefix + group,
      ...(kind === 'kafkajs' ? { sessionTimeout: sessionMs, heartbeatInterval: HEARTBEAT_MS } : {}),
      // One answer holds as much as one of ours.
      maxBytesPerPartition: 1024 * 1024,
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [prefix + topic], fromBeginning: true });
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.run({
      eachBatch: async ({ batch }) => {
        if (busyMs > 0) await busy();
        for (const { value } of batch.messages) if (value) took(batch.partition, value);
      },
    });
    await joined;
  } else if (kind === 'kip848') {
    const consumer = new PlatformaticConsumer({
      clientId: 'bench',
      bootstrapBrokers: [address],
      groupId: prefix + group,
      groupProtocol: 'consumer',
    });
    const stream = await consumer.consume({ topics: [prefix + topic], mode: 'committed', fallbackMode: 'earliest' });
    stream.on('data', ({ partition, value }: { partition: number; value: Buffer }) => took(partition, value));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  } else {
    const bus = await connectKafkaBus(options(clientOf(kind)));
    const consumer = bus.consumer(group, [topic], async (delivery) => {
      if (busyMs > 0) await busy();
      if (delivery.value) took(delivery.partition, delivery.value);
      delivery.ack();
    });
    await consumer.start();
  }
  say({ ready: true });
}

function meter(): () => Cost {
  const cpu = process.cpuUsage();
  const start = now();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { cpuSeconds: (user + system) / 1e6, seconds: (now() - start) / 1_000 };
  };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

function key(number: number): string {
  return KEYS[number % KEYS.length] ?? '';
}

if (process.send) {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (task: Task | Busy) => {
    if ('busyMs' in task) return;
    if (task.do === 'produce') void produce(task);
    else if (task.do === 'trickle') void trickle(task);
    else void consume(task);
  });
}
