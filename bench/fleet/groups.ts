import type { Came, Kind } from './child.ts';
import type { BenchChild, BenchCluster } from './cluster.ts';
import { add, type Found, mapValues, monotonic, type Summary, sleep, summary, until } from './summary.ts';

/** Each partition has a record so often: what is longer is a gap, and not the load. */
const EACH_MS = 20;
const QUIET_MS = 3_000;
/** How often a member tells that it lives. */
const HEARTBEAT_MS: Readonly<Record<Kind, number>> = {
  ours: 1_000,
  'ours-kafkajs': 1_000,
  kafkajs: 1_000,
  'kafkajs-default': 3_000,
  kip848: 5_000,
};
/**
 * Members that have just joined were all answered in the same moment, and so learn at nearly the same moment that one
 * is dead. In a group that has run for hours they learn it at any moment of the time between two heartbeats.
 */
type Age = 'just joined' | 'long running';
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
    for (const age of ['just joined', 'long running'] as const) {
      for (const kind of ['ours', 'kafkajs', 'kafkajs-default'] as const) {
        const { gapMs, stillMs, servedMs } = await killOne(cluster, kind, age);
        add(gaps, `${kind}, ${age}`, gapMs / 1000);
        add(still, `${kind}, ${age}`, stillMs / 1000);
        add(served, kind, servedMs / 1000);
      }
    }
    // 45 s and more each: a few tell enough.
    if (repeat < 2) add(served, 'kip848', (await killOne(cluster, 'kip848', 'just joined')).servedMs / 1000);
  }
  const shorter = (than: string, age: Age): Summary =>
    summary((gaps[`${than}, ${age}`] ?? []).map((gap, index) => gap / (gaps[`ours, ${age}`]?.[index] ?? Number.NaN)));
  return {
    ...mapValues(gaps, (name) => `longest gap of the others' partitions, ${name}, s`),
    ...mapValues(still, (name) => `the same before the kill, ${name}, s`),
    'times shorter than kafkajs as it comes, long running': shorter('kafkajs-default', 'long running'),
    'times shorter than kafkajs as it comes, just joined': shorter('kafkajs-default', 'just joined'),
    'times shorter than kafkajs with our session and heartbeat, long running': shorter('kafkajs', 'long running'),
    'times shorter than kafkajs with our session and heartbeat, just joined': shorter('kafkajs', 'just joined'),
    ...mapValues(served, (name) => `until the dead one's partitions are read, ${name}, s`),
  };
}

async function killOne(
  cluster: BenchCluster,
  kind: Kind,
  age: Age,
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
    if (age === 'long running') await spread(members, HEARTBEAT_MS[kind]);
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
 * Each member is busy with one record for any time between one heartbeat and two: a client that sends heartbeats
 * between its records sends the next one right after, so that afterwards theirs lie anywhere.
 */
async function spread(members: readonly BenchChild[], heartbeatMs: number): Promise<void> {
  for (const member of members) member.keepBusy({ busyMs: heartbeatMs * (1 + Math.random()) });
  // A second more: what waited for them comes, and is no gap of the quiet time that follows.
  await sleep(2 * heartbeatMs + 1_000);
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
