/** One process of the bus benchmark: `server | relay | producer | consumer` and the folder of its sockets. */
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { connectLocalBus } from '../../runtime/bus/local/client.ts';
import { busSocketPath } from '../../runtime/bus/local/paths.ts';
import { LocalBusServer } from '../../runtime/bus/local/server.ts';
import { FrameReader, frame } from '../../runtime/bus/local/wire.ts';
import type { Bus } from '../../runtime/bus/types.ts';

export interface Load {
  topic: 'frames.v1' | 'detections.v1';
  via: 'bus' | 'pipe';
  valueBytes: number;
  /** Sends under way at once over the bus; or, with `perSecond`, at that rate. */
  inFlight: number;
  perSecond?: number;
}

export type Request =
  | { id: number; op: 'begin'; load: Load }
  | { id: number; op: 'stopSending' | 'end' }
  /** To the consumer: answered when nothing of the load is under way any more. */
  | { id: number; op: 'settle'; load: Load; produced: number };

export interface Report {
  /** User and system seconds since `begin`. */
  cpuSeconds: number;
  /** Records acknowledged to the producer, or given to the consumer. */
  count: number;
  seconds: number;
  /** From sending to the consumer's handler. */
  latencyP50Ms: number;
  latencyP99Ms: number;
  /** Resolution subtracted. */
  loopDelayP99Ms: number;
  rssMb: number;
}

/** What a role does with a load. `count` grows meanwhile. */
interface Role {
  count: number;
  latencies: number[];
  begin(load: Load): void;
  stopSending(): Promise<void>;
  settle(load: Load, produced: number): Promise<void>;
}

const KEYS = Array.from({ length: 16 }, (_, i) => `yard/cam-${i}`);
/** CLOCK_MONOTONIC: one for all processes of the machine. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

async function serve(folder: string): Promise<Role> {
  await new LocalBusServer({ dataDir: folder }).start();
  return idle();
}

/** The peer: what comes from the producer goes to the consumer, unread, unkept, unanswered. */
async function relay(folder: string): Promise<Role> {
  const consumer = Promise.withResolvers<Socket>();
  createServer((socket) => consumer.resolve(socket)).listen(join(folder, 'out.sock'));
  createServer((socket) => void consumer.promise.then((to) => socket.pipe(to))).listen(join(folder, 'in.sock'));
  return idle();
}

async function produce(folder: string): Promise<Role> {
  const producer = (await connectLocalBus(busSocketPath(folder))).producer();
  const pipe = createConnection(join(folder, 'in.sock'));
  let sending = false;
  let done: Promise<unknown> = Promise.resolve();

  const role: Role = {
    ...idle(),
    begin(load) {
      sending = true;
      role.count = 0;
      if (load.via === 'pipe') done = throughPipe(load);
      else if (load.perSecond !== undefined) done = paced(load, load.perSecond);
      else done = Promise.all(Array.from({ length: load.inFlight }, (_, lane) => saturating(load, lane)));
    },
    async stopSending() {
      sending = false;
      await done;
    },
  };

  const send = async ({ topic, valueBytes }: Load, number: number): Promise<void> => {
    const value = Buffer.alloc(valueBytes);
    value.writeDoubleLE(now(), 0);
    await producer.send(topic, { key: KEYS[number % KEYS.length] ?? '', headers: { seq: String(number) }, value });
    role.count += 1;
  };

  async function saturating(load: Load, lane: number): Promise<void> {
    for (let number = lane; sending; number += load.inFlight) await send(load, number);
  }

  async function paced(load: Load, perSecond: number): Promise<void> {
    const started = now();
    const sends: Promise<void>[] = [];
    for (let number = 0; sending; number++) {
      const wait = started + (number * 1000) / perSecond - now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      sends.push(send(load, number));
    }
    await Promise.all(sends);
  }

  async function throughPipe({ valueBytes }: Load): Promise<void> {
    while (sending) {
      const value = Buffer.alloc(valueBytes);
      value.writeDoubleLE(now(), 0);
      pipe.cork();
      const [prefix = Buffer.alloc(0), body = Buffer.alloc(0)] = frame(1, 1, [value]);
      pipe.write(prefix);
      const room = pipe.write(body);
      pipe.uncork();
      role.count += 1;
      if (!room) await new Promise<void>((resolve) => pipe.once('drain', () => resolve()));
    }
  }
  return role;
}

async function consume(folder: string): Promise<Role> {
  const bus: Bus = await connectLocalBus(busSocketPath(folder));
  const role: Role = {
    ...idle(),
    begin() {
      role.count = 0;
      role.latencies = [];
    },
    async settle({ via }, produced) {
      const underWay = async (): Promise<boolean> =>
        via === 'pipe' ? role.count < produced : (await consumer.lag()).some(({ lag }) => lag > 0);
      while (await underWay()) await new Promise((resolve) => setTimeout(resolve, 10));
    },
  };
  const took = (value: Buffer): void => {
    role.count += 1;
    role.latencies.push(now() - value.readDoubleLE(0));
  };
  const consumer = bus.consumer('bench', ['frames.v1', 'detections.v1'], (delivery) => {
    if (delivery.value) took(delivery.value);
    delivery.ack();
  });
  await consumer.start();
  const reader = new FrameReader(({ body }) => took(body));
  createConnection(join(folder, 'out.sock')).on('data', (chunk: Buffer) => reader.push(chunk));
  return role;
}

function idle(): Role {
  return { count: 0, latencies: [], begin: () => {}, stopSending: async () => {}, settle: async () => {} };
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const [name = '', folder = ''] = process.argv.slice(2);
const make = { server: serve, relay, producer: produce, consumer: consume }[name];
if (!make) throw new Error(`no role ${name}`);
const role = await make(folder);
const delay = monitorEventLoopDelay({ resolution: 1 });
let cpu = process.cpuUsage();
let started = now();

process.on('message', async (request: Request) => {
  let report: Report | undefined;
  if (request.op === 'begin') {
    delay.reset();
    delay.enable();
    cpu = process.cpuUsage();
    started = now();
    role.begin(request.load);
  } else if (request.op === 'stopSending') {
    await role.stopSending();
  } else if (request.op === 'settle') {
    await role.settle(request.load, request.produced);
  } else {
    delay.disable();
    const { user, system } = process.cpuUsage(cpu);
    const latencies = role.latencies.sort((a, b) => a - b);
    report = {
      cpuSeconds: (user + system) / 1e6,
      count: role.count,
      seconds: (now() - started) / 1000,
      latencyP50Ms: percentile(latencies, 0.5),
      latencyP99Ms: percentile(latencies, 0.99),
      loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 1),
      rssMb: process.memoryUsage().rss / 1e6,
    };
  }
  process.send?.({ id: request.id, report });
});
process.send?.({ id: 0 });
