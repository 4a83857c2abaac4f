import type { Came, Kind } from './child.ts';
import type { BenchChild, BenchCluster } from './cluster.ts';
import { add, type Found, mapValues, monotonic, type Summary, sleep, summary, until } from './summary.ts';

/** Each partition has a record so often: what is longer is a gap, and not the load. */
const EACH_MS = 20;
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
  const still: Record<string, number[]> = {};
  const served: Record<string, number[]> = {};
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const kind of ['ours', 'kafkajs', 'kafkajs-default'] as const) {
      const { gapMs, stillMs, servedMs } = await killOne(cluster, kind);
      add(gaps, kind, gapMs / 1000);
      add(still, kind, stillMs / 1000);
      add(served, kind, servedMs / 1000);
    }
    // 45 s and more each: a few tell enough.
    if (repeat < 2) add(served, 'kip848', (await killOne(cluster, 'kip848')).servedMs / 1000);
  }
  const shorter = (than: string): Summary =>
    summary((gaps[than] ?? []).map((gap, index) => gap / (gaps['ours']?.[index] ?? Number.NaN)));
  return {
    ...mapValues(gaps, (name) => `longest gap of the others' partitions, ${name}, s`),
    ...mapValues(still, (name) => `the same before the kill, ${name}, s`),
    'times shorter than kafkajs as it comes': shorter('kafkajs-default'),
    'times shorter than kafkajs with our session and heartbeat': shorter('kafkajs'),
    ...mapValues(served, (name) => `until the dead one's partitions are read, ${name}, s`),
  };
}

async function killOne(
  cluster: BenchCluster,
  kind: Kind,
): Promise<{ gapMs: number; stillMs: number; servedMs: number }> {
  const prefix = await cluster.prefix();
  const members: BenchChild[] = [];
  // A process of its own: what this one has to hear and count would hold the records up.
  const sender = cluster.child(prefix).give({
    do: 'trickle',
    everyMs: EACH_MS,
    partitions: cluster.partitions,
    topic: 'tracks.v1',
  });
  try {
    await sender.ready;
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
    const spared = deliveries.filter(([partition]) => !his.has(partition));
    const gapMs = longestWait(spared, killedAt, Number.POSITIVE_INFINITY);
    return { gapMs, stillMs: longestWait(spared, killedAt - QUIET_MS, killedAt), servedMs };
  } finally {
    for (const child of [sender, ...members]) child.kill();
  }
}

/**
 * How long a record that came first between two times had waited at most. Each partition has a new one every few
 * milliseconds, so this is how long nobody read it; but a pause of the sender, who has the same cores, is not taken for
 * one of the readers. @param deliveries in order
 */
function longestWait(deliveries: readonly Came[], from: number, to: number): number {
  const newest = new Map<number, number>();
  let most = 0;
  for (const [partition, at, sent] of deliveries) {
    // What comes again after a change of the group waited for nobody.
    if (sent <= (newest.get(partition) ?? 0)) continue;
    newest.set(partition, sent);
    if (at > from && at <= to) most = Math.max(most, at - sent);
  }
  return most;
}
