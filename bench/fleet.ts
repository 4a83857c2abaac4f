/**
 * usage: npm run bench -- fleet [--only bus,groups] [--repeats N] [--json]
 *
 * The bus on Kafka against what it is compared with, by turns on one broker of its own.
 * - `bus`: frames of 50 KB through the bus, produced and consumed, per CPU second of the two processes; the peer is
 *   a plain kafkajs producer (ten a batch) and its `eachBatch` consumer. The broker's own CPU is left out: it is the
 *   same for all. Bar: twice as many.
 * - `groups`: three members, one is killed. How long the partitions that were not the dead one's had no record,
 *   against a kafkajs group with the same session (6 s) and heartbeat (1 s); and how long until the dead one's
 *   partitions had one again, against a group of the newer protocol (KIP-848) as a default broker has it.
 *   Bars: ten times shorter; 10 s.
 */
import { parseArgs } from 'node:util';
import { type Kind, reached } from './fleet/child.ts';
import { type BenchChild, BenchCluster } from './fleet/cluster.ts';

const FRAME_BYTES = 50_000;
const FRAMES = 2_000;
const BATCH = 10;
const PARTITIONS = 12;
const RATE_PER_S = 240;
const QUIET_MS = 3_000;
/** A record of each partition comes this often; a gap is what is longer. */
const WATCH_MS: Readonly<Record<Kind, number>> = {
  ours: 15_000,
  'ours-kafkajs': 15_000,
  kafkajs: 15_000,
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
      only: { type: 'string', default: 'bus,groups' },
      repeats: { type: 'string', default: '5' },
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
    // 45 s and more each: a few tell enough.
    if (repeat < 2) add(served, 'kip848', (await killOne(cluster, 'kip848')).servedMs / 1000);
  }
  const shorter = (gaps['kafkajs'] ?? []).map((gap, index) => gap / (gaps['ours']?.[index] ?? Number.NaN));
  return {
    ...mapValues(gaps, (name) => `longest gap of the others' partitions, ${name}, s`),
    'times shorter than kafkajs': summary(shorter),
    ...mapValues(served, (name) => `until the dead one's partitions are read, ${name}, s`),
  };
}

async function killOne(cluster: BenchCluster, kind: Kind): Promise<{ gapMs: number; servedMs: number }> {
  const prefix = await cluster.prefix();
  const members: BenchChild[] = [];
  const { connectKafkaBus } = await import('../runtime/bus/kafka/connect.ts');
  const options = { brokers: [cluster.server.address], client: 'platformatic', prefix, clientId: 'bench' } as const;
  const bus = await connectKafkaBus(options);
  const producer = bus.producer();
  let number = 0;
  const sending = setInterval(() => {
    const key = `yard/cam-${number++ % 96}`;
    void producer.send('tracks.v1', { key, value: Buffer.from('x') }).catch(() => undefined);
  }, 1_000 / RATE_PER_S);
  try {
    for (let index = 0; index < 3; index++) {
      const member = cluster.child(prefix).give({ do: 'consume', kind, count: 0, group: 'g', topic: 'tracks.v1' });
      members.push(member);
      await member.ready;
    }
    const all = reached(PARTITIONS);
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
