import { connectKafkaBus } from '../../runtime/bus/kafka/connect.ts';
import type { Kind } from './child.ts';
import type { BenchChild, BenchCluster } from './cluster.ts';
import { keyOfEach } from './keys.ts';
import { add, type Found, mapValues, monotonic, type Summary, sleep, summary, until } from './summary.ts';

/** Each partition has a record so often: what is longer is a gap, and not the load. */
const EACH_MS = 10;
const QUIET_MS = 3_000;
/** How long a dead member's partitions are waited for. */
const WATCH_MS: Readonly<Record<Kind, number>> = {
  ours: 15_000,
  'ours-kafkajs': 15_000,
  kafkajs: 15_000,
  'kafkajs-default': 60_000,
  kip848: 60_000,
};

export async function measureGroups(cluster: BenchCluster, repeats: number): Promise<Found> {
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

async function killOne(cluster: BenchCluster, kind: Kind): Promise<{ gapMs: number; servedMs: number }> {
  const prefix = await cluster.prefix();
  const members: BenchChild[] = [];
  const options = { brokers: [cluster.server.address], client: 'platformatic', prefix, clientId: 'bench' } as const;
  const bus = await connectKafkaBus(options);
  const producer = bus.producer();
  const keys = keyOfEach(cluster.partitions);
  const sending = setInterval(() => {
    for (const key of keys) void producer.send('tracks.v1', { key, value: Buffer.from('x') }).catch(() => undefined);
  }, EACH_MS);
  try {
    for (let index = 0; index < 3; index++) {
      const member = cluster.child(prefix).give({ do: 'consume', kind, count: 0, group: 'g', topic: 'tracks.v1' });
      members.push(member);
      await member.ready;
    }
    const all = new Set(Array.from({ length: cluster.partitions }, (_, partition) => partition));
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
