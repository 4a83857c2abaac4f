/**
 * usage: npm run bench -- fleet [--only bus,groups,detect,ingest,embedded,hops,soak] [--repeats N] [--minutes M] [--json]
 *
 * The bus on Kafka against what it is compared with, by turns on one broker of its own.
 * - `bus`: frames of 50 KB through the bus, produced and consumed, per CPU second of the two processes; the peer is
 *   a plain kafkajs producer (ten a batch) and its `eachBatch` consumer. The broker's own CPU is left out: it is the
 *   same for all. Bar: twice as many.
 * - `groups`: three members, one is killed. How long the partitions that were not the dead one's had no record,
 *   against an eager kafkajs group as it comes (session 30 s, heartbeat 3 s) and one with our session (6 s) and
 *   heartbeat (1 s); and how long until the dead one's partitions had one again, against a group of the newer
 *   protocol (KIP-848) as a default broker has it.
 *   Bars: ten times shorter; 10 s.
 * - `detect`: frames looked at a second with 1, 2 and 3 replicas of `process` whose detector sleeps as long as a GPU
 *   would take, with more frames than they can serve; share of what so many times one replica would serve. Bar: 90 %.
 * - `ingest`: three agents with sixty cameras (stand-ins, each a process); one agent is killed with its cameras. How
 *   long until all of them are seen again elsewhere, and the longest silence of the others. Bar: 15 s.
 * - `embedded`: one machine's load (twenty cameras, three frames a second each, detector a stand-in) through detection,
 *   cleanup and rules, over the local bus and over Kafka on the same machine by turns: CPU of all processes a frame,
 *   and memory of the one that is the bus.
 * - `hops`: the whole system with four cameras over RTSP (720p25, 2 Mbit/s), Redis and S3: CPU and bytes of a camera at
 *   each hop, of an empty scene and while somebody is there.
 * - `soak`: frames of 1,000 cameras at one a second through detection (stand-in), cleanup and rules, for ten minutes:
 *   lag, memory at its middle and end, CPU a camera. Not among the default parts.
 */
import { parseArgs } from 'node:util';
import type { ProcessorName } from '../processors/registry.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { IngestFleet } from '../test/fleet/ingest_fleet.ts';
import { cpuSeconds, residentBytes } from '../test/processes.ts';
import type { Kind } from './fleet/child.ts';
import { type BenchChild, BenchCluster } from './fleet/cluster.ts';
import { type BusAt, LocalBroker, openBus } from './fleet/engine.ts';
import { measureHops } from './fleet/hops.ts';
import { keyOfEach } from './fleet/keys.ts';
import { FrameLoad, replicas } from './fleet/load.ts';

const FRAME_BYTES = 50_000;
const FRAMES = 2_000;
const BATCH = 10;
const PARTITIONS = 12;
/** Each partition has a record so often: what is longer is a gap, and not the load. */
const EACH_MS = 10;
/** As long as a GPU takes for a picture of many regions. */
const SLEEP_MS = 40;
const OVERLOAD = 1.3;
const LOOK_MS = 8_000;
const QUIET_MS = 3_000;
const ALL: ProcessorName[] = ['detect', 'cleanup', 'incidents'];
/** What one machine is given to compare the two engines by: cameras, and frames of them all a second. */
const ONE_MACHINE = { cameras: 20, perSecond: 60 };
/** How long a dead member's partitions are waited for. */
const WATCH_MS: Readonly<Record<Kind, number>> = {
  ours: 15_000,
  'ours-kafkajs': 15_000,
  kafkajs: 15_000,
  'kafkajs-default': 60_000,
  kip848: 60_000,
};

interface Summary {
  median: number;
  least: number;
  most: number;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: 'bus,groups,detect,ingest,embedded,hops' },
      repeats: { type: 'string', default: '5' },
      minutes: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  });
  const parts = new Set(values.only.split(','));
  const repeats = Number(values.repeats);
  const cluster = await new BenchCluster(PARTITIONS).start();
  const results: Record<string, Record<string, Summary>> = {};
  try {
    if (parts.has('bus')) results['bus'] = await measureBus(cluster, repeats);
    if (parts.has('groups')) results['groups'] = await measureGroups(cluster, repeats);
    if (parts.has('detect')) results['detect'] = await measureDetection(cluster, repeats);
    if (parts.has('ingest')) results['ingest'] = await measureIngest(cluster, repeats);
    if (parts.has('embedded')) results['embedded'] = await measureEmbedded(cluster, repeats);
    if (parts.has('hops')) {
      const hops = await measureHops(cluster.server, 30_000);
      results['hops'] = Object.fromEntries(Object.entries(hops).map(([name, value]) => [name, summary([value])]));
    }
    if (parts.has('soak')) results['soak'] = await soak(cluster, Number(values.minutes));
  } finally {
    await cluster.stop();
  }
  if (values.json) console.log(JSON.stringify(results));
  else for (const [part, of] of Object.entries(results)) print(part, of);
}

async function measureBus(cluster: BenchCluster, repeats: number): Promise<Record<string, Summary>> {
  const kinds = ['ours', 'kafkajs', 'ours-kafkajs'] as const;
  const perCpu: Record<string, number[]> = {};
  const ratios: Record<string, number[]> = { ours: [], 'ours-kafkajs': [] };
  for (let repeat = 0; repeat < repeats; repeat++) {
    const now: Record<string, number> = {};
    for (const kind of repeat % 2 === 0 ? kinds : kinds.toReversed()) {
      const prefix = await cluster.prefix();
      const producer = cluster.child(prefix);
      const what = { kind, count: FRAMES, topic: 'frames.v1' };
      const produced = await producer.give({ do: 'produce', ...what, bytes: FRAME_BYTES, inFlight: BATCH }).done;
      const consumer = cluster.child(prefix);
      const consumed = await consumer.give({ do: 'consume', ...what, group: 'g' }).done;
      for (const child of [producer, consumer]) child.kill();
      now[kind] = FRAMES / (produced.cpuSeconds + consumed.cpuSeconds);
      add(perCpu, kind, now[kind] ?? 0);
      add(perCpu, `${kind} producing`, FRAMES / produced.cpuSeconds);
      add(perCpu, `${kind} consuming`, FRAMES / consumed.cpuSeconds);
    }
    for (const kind of ['ours', 'ours-kafkajs'] as const) {
      ratios[kind]?.push((now[kind] ?? 0) / (now['kafkajs'] ?? 1));
    }
  }
  return {
    ...mapValues(perCpu, (name) => `frames per CPU second, ${name}`),
    ...mapValues(ratios, (name) => `times a plain kafkajs, ${name}`),
  };
}

async function measureGroups(cluster: BenchCluster, repeats: number): Promise<Record<string, Summary>> {
  const gaps: Record<string, number[]> = {};
  const served: Record<string, number[]> = {};
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const kind of ['ours', 'kafkajs'] as const) {
      const { gapMs, servedMs } = await killOne(cluster, kind);
      add(gaps, kind, gapMs / 1000);
      add(served, kind, servedMs / 1000);
    }
    const { gapMs, servedMs } = await killOne(cluster, 'kafkajs-default');
    add(gaps, 'kafkajs-default', gapMs / 1000);
    add(served, 'kafkajs-default', servedMs / 1000);
    // 45 s and more each: a few tell enough.
    if (repeat < 2) add(served, 'kip848', (await killOne(cluster, 'kip848')).servedMs / 1000);
  }
  const shorter = (than: string): Summary =>
    summary((gaps[than] ?? []).map((gap, index) => gap / (gaps['ours']?.[index] ?? Number.NaN)));
  return {
    ...mapValues(gaps, (name) => `longest gap of the others' partitions, ${name}, s`),
    'times shorter than kafkajs as it comes': shorter('kafkajs-default'),
    'times shorter than kafkajs with our session and heartbeat': shorter('kafkajs'),
    ...mapValues(served, (name) => `until the dead one's partitions are read, ${name}, s`),
  };
}

/** Frames looked at a second by replicas that are given more than they can serve. */
async function measureDetection(cluster: BenchCluster, repeats: number): Promise<Record<string, Summary>> {
  const jpeg = await FrameLoad.picture();
  const perSecond: Record<string, number[]> = {};
  const shares: Record<string, number[]> = {};
  for (let repeat = 0; repeat < repeats; repeat++) {
    const now: number[] = [];
    for (const count of repeat % 2 === 0 ? [1, 2, 3] : [3, 2, 1]) {
      const at = await cluster.bus();
      const bus = await openBus(at);
      const running = replicas(at, count, ['detect'], SLEEP_MS);
      const load = new FrameLoad(bus, 96, jpeg);
      try {
        await Promise.all(running.map(({ ready }) => ready));
        load.start((OVERLOAD * count * 1_000) / SLEEP_MS);
        await sleep(QUIET_MS);
        now[count] = await lookedPerSecond(bus, LOOK_MS);
      } finally {
        load.stop();
        for (const replica of running) replica.end();
        await bus.close();
      }
      add(perSecond, String(count), now[count] ?? 0);
    }
    for (const count of [2, 3]) add(shares, String(count), (now[count] ?? 0) / (count * (now[1] ?? 1)));
  }
  return {
    ...mapValues(perSecond, (count) => `looks a second, ${count} replicas`),
    ...mapValues(shares, (count) => `share of ${count} times one replica`),
  };
}

async function lookedPerSecond(bus: Bus, ms: number): Promise<number> {
  const over = new AbortController();
  let looked = 0;
  const following = (async () => {
    for await (const { value } of bus.tail('detections.v1', 'latest', { signal: over.signal })) {
      if (value && JSON.parse(value.toString()).shed === null) looked += 1;
    }
  })();
  await sleep(1_000);
  const [before, start] = [looked, monotonic()];
  await sleep(ms);
  const rate = ((looked - before) * 1_000) / (monotonic() - start);
  over.abort();
  await following;
  return rate;
}

async function measureIngest(cluster: BenchCluster, repeats: number): Promise<Record<string, Summary>> {
  const found: Record<string, number[]> = {};
  const cameras = Array.from({ length: 60 }, (_, index) => `c${index}`);
  for (let repeat = 0; repeat < repeats; repeat++) {
    const prefix = await cluster.prefix();
    const kafka = { brokers: [cluster.server.address], client: 'platformatic', prefix, tls: null, sasl: null } as const;
    const topics = { partitions: PARTITIONS, replication: 1, frames_max_age_s: 300, frames_max_bytes: 1e9 };
    const fleet = new IngestFleet({ type: 'kafka', kafka: { ...kafka, topics } });
    try {
      await fleet.start();
      await fleet.addCameras(...cameras);
      const agents = ['a', 'b', 'c'];
      for (const agent of agents) fleet.launch(agent);
      await fleet.seen(cameras, agents, 300_000);
      await until(() => agents.every((agent) => (fleet.owned().get(agent)?.length ?? 0) === 20), 120_000);
      await fleet.seen(cameras, agents, 120_000);
      const orphans = fleet.owned().get('b') ?? [];
      const others = cameras.filter((camera) => !orphans.includes(camera));
      const killedAt = performance.now();
      await fleet.kill('b');
      await until(() => !fleet.owned().has('b'), 120_000);
      add(found, 'until all cameras of the dead agent have another owner, s', (performance.now() - killedAt) / 1_000);
      await fleet.seen(orphans, ['a', 'c'], 120_000);
      add(found, 'until all cameras of the dead agent are seen again, s', (performance.now() - killedAt) / 1_000);
      const silence = Math.max(...others.map((camera) => fleet.longestGapMs(camera, killedAt)));
      add(found, 'longest silence of another camera, s', silence / 1_000);
      add(found, 'epochs with two agents', fleet.violations().length);
    } finally {
      await fleet.stop();
    }
  }
  return mapValues(found, (name) => name);
}

async function measureEmbedded(cluster: BenchCluster, repeats: number): Promise<Record<string, Summary>> {
  const found: Record<string, number[]> = {};
  const jpeg = await FrameLoad.picture();
  const overKafka = async (): Promise<EngineCost> => engineCost(await cluster.bus(), cluster.server.pid, jpeg);
  const embedded = async (): Promise<EngineCost> => {
    const broker = await new LocalBroker().start();
    try {
      return await engineCost({ engine: 'local', dataDir: broker.dataDir }, broker.pid, jpeg);
    } finally {
      broker.end();
    }
  };
  // Code is compiled, the broker's above all.
  await overKafka();
  for (let repeat = 0; repeat < repeats; repeat++) {
    const now: Record<string, EngineCost> = {};
    const turns = [async () => (now['embedded'] = await embedded()), async () => (now['Kafka'] = await overKafka())];
    for (const turn of repeat % 2 === 0 ? turns : turns.reverse()) await turn();
    for (const [name, cost] of Object.entries(now)) {
      add(found, `ms of CPU a frame, all processes, ${name}`, cost.cpuMs);
      add(found, `ms of CPU a frame, the bus alone, ${name}`, cost.busCpuMs);
      add(found, `resident memory of the bus, MB, ${name}`, cost.busMb);
    }
    const ratio = (of: (cost: EngineCost) => number): number =>
      of(now['Kafka'] as EngineCost) / of(now['embedded'] as EngineCost);
    add(
      found,
      'times as much CPU over Kafka, all processes',
      ratio(({ cpuMs }) => cpuMs),
    );
    add(
      found,
      'times as much memory over Kafka, the bus',
      ratio(({ busMb }) => busMb),
    );
  }
  return mapValues(found, (name) => name);
}

interface EngineCost {
  cpuMs: number;
  busCpuMs: number;
  busMb: number;
}

/** What a frame costs from its sending to the rules: in this process, in the bus's, `pid`, and in the processors'. */
async function engineCost(at: BusAt, pid: number, jpeg: Buffer): Promise<EngineCost> {
  const bus = await openBus(at);
  const [replica] = replicas(at, 1, ALL, 1);
  if (!replica) throw new Error('no replica');
  const load = new FrameLoad(bus, ONE_MACHINE.cameras, jpeg);
  const look = () => {
    const { user, system } = process.cpuUsage();
    const own = (user + system) / 1e6 + replica.cost.cpuSeconds;
    return { own, broker: cpuSeconds(pid), frames: load.sent };
  };
  try {
    await replica.ready;
    load.start(ONE_MACHINE.perSecond);
    await sleep(LOOK_MS);
    const before = look();
    await sleep(2 * LOOK_MS);
    const after = look();
    const frames = after.frames - before.frames;
    const busCpuMs = ((after.broker - before.broker) * 1_000) / frames;
    const cpuMs = busCpuMs + ((after.own - before.own) * 1_000) / frames;
    return { cpuMs, busCpuMs, busMb: residentBytes(pid) / 1e6 };
  } finally {
    load.stop();
    replica.end();
    await bus.close();
  }
}

async function soak(cluster: BenchCluster, minutes: number): Promise<Record<string, Summary>> {
  const cameras = 1_000;
  const at = await cluster.bus();
  const bus = await openBus(at);
  const running = replicas(at, 2, ALL, 1);
  const load = new FrameLoad(bus, cameras, await FrameLoad.picture());
  const lags: number[] = [];
  const memory: number[] = [];
  try {
    await Promise.all(running.map(({ ready }) => ready));
    load.start(cameras);
    const end = performance.now() + minutes * 60_000;
    while (performance.now() < end) {
      await sleep(5_000);
      lags.push((await bus.lag()).reduce((sum, { lag }) => sum + lag, 0));
      memory.push(running.reduce((sum, { cost }) => sum + cost.rssMb, 0));
    }
    const cpu = running.reduce((sum, { cost }) => sum + cost.cpuSeconds, 0);
    return {
      'frames sent a second': summary([load.sent / (minutes * 60)]),
      'frames refused': summary([load.refused]),
      'records of lag, all groups': summary(lags),
      'resident memory of the processors, MB, second half': summary(memory.slice(memory.length >> 1)),
      'ms of CPU a frame, processors': summary([(cpu * 1_000) / load.sent]),
    };
  } finally {
    load.stop();
    for (const replica of running) replica.end();
    await bus.close();
  }
}

async function killOne(cluster: BenchCluster, kind: Kind): Promise<{ gapMs: number; servedMs: number }> {
  const prefix = await cluster.prefix();
  const members: BenchChild[] = [];
  const { connectKafkaBus } = await import('../runtime/bus/kafka/connect.ts');
  const options = { brokers: [cluster.server.address], client: 'platformatic', prefix, clientId: 'bench' } as const;
  const bus = await connectKafkaBus(options);
  const producer = bus.producer();
  const keys = keyOfEach(PARTITIONS);
  const sending = setInterval(() => {
    for (const key of keys) void producer.send('tracks.v1', { key, value: Buffer.from('x') }).catch(() => undefined);
  }, EACH_MS);
  try {
    for (let index = 0; index < 3; index++) {
      const member = cluster.child(prefix).give({ do: 'consume', kind, count: 0, group: 'g', topic: 'tracks.v1' });
      members.push(member);
      await member.ready;
    }
    const all = new Set(Array.from({ length: PARTITIONS }, (_, partition) => partition));
    // Everybody has his share when each reads something and together they read all.
    const recent = (member: BenchChild): Set<number> =>
      new Set(member.came.filter(([, at]) => at > monotonic() - 1_000).map(([partition]) => partition));
    await until(() => {
      const shares = members.map(recent);
      const sum = shares.reduce((total, share) => total + share.size, 0);
      return shares.every((share) => share.size > 0) && sum === all.size;
    });
    await sleep(QUIET_MS);
    const dying = members[1];
    if (!dying) throw new Error('no member');
    const his = recent(dying);
    const killedAt = dying.kill();
    const others = members.filter((member) => member !== dying);
    const isServed = (partition: number): boolean =>
      others.some((member) => member.came.some(([of, at]) => of === partition && at > killedAt));
    await until(() => [...his].every(isServed), WATCH_MS[kind]);
    await sleep(QUIET_MS);
    const deliveries = others.flatMap(({ came }) => came).sort(([, a], [, b]) => a - b);
    const firstOf = (partition: number): number =>
      deliveries.find(([of, at]) => of === partition && at > killedAt)?.[1] ?? Number.POSITIVE_INFINITY;
    const servedMs = Math.max(...[...his].map(firstOf)) - killedAt;
    const gapMs = Math.max(
      ...[...all].filter((each) => !his.has(each)).map((each) => longestGap(deliveries, each, killedAt)),
    );
    return { gapMs, servedMs };
  } finally {
    clearInterval(sending);
    for (const member of members) member.kill();
    await bus.close();
  }
}

function longestGap(deliveries: readonly [number, number][], partition: number, from: number): number {
  const times = deliveries.filter(([of, at]) => of === partition && at > from - 1_000).map(([, at]) => at);
  return Math.max(0, ...times.slice(1).map((at, index) => at - (times[index] ?? at)));
}

const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean, limitMs = 60_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${limitMs / 1000} s`);
    await sleep(50);
  }
}

function add(to: Record<string, number[]>, name: string, value: number): void {
  to[name] = [...(to[name] ?? []), value];
}

function mapValues(of: Record<string, number[]>, name: (key: string) => string): Record<string, Summary> {
  return Object.fromEntries(Object.entries(of).map(([key, values]) => [name(key), summary(values)]));
}

function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return { median, least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN };
}

function print(part: string, of: Record<string, Summary>): void {
  console.log(part);
  for (const [name, { median, least, most }] of Object.entries(of)) {
    const text = [median, least, most].map((value) => value.toFixed(value < 10 ? 2 : 0));
    console.log(`  ${name.padEnd(60)} ${text[0]} (${text[1]}-${text[2]})`);
  }
}
