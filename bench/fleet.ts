/**
 * usage: npm run bench -- fleet [--only bus,groups,detect,ingest,embedded,hops,soak] [--repeats N] [--minutes M] [--json]
 *
 * The bus on Kafka against what it is compared with, by turns on one broker of its own.
 * - `bus`: frames of 50 KB through the bus, produced and consumed, per CPU second of the two processes; the peer is
 *   a plain kafkajs producer (ten a batch) and its `eachBatch` consumer. The broker's own CPU is left out: it is the
 *   same for all. Bar: twice as many.
 * - `groups`: three members, one is killed. How long a record of the partitions that were not the dead one's waited
 *   at most, against an eager kafkajs group as it comes (session 30 s, heartbeat 3 s) and one with our session (6 s) and
 *   heartbeat (1 s): once with members that have just joined, whose heartbeats fall together, and once as in a group
 *   that has run for long, where they lie anywhere (each member is busy for a random time between one heartbeat and
 *   two, once). And how long until the dead one's partitions had one again, against a group of the newer protocol
 *   (KIP-848) as a default broker has it.
 *   Bars: ten times shorter than kafkajs as it comes, long running; 10 s.
 * - `detect`: frames looked at a second with 1, 2 and 3 replicas of `process` whose detector sleeps as long as a GPU
 *   would take, with more frames than they can serve; share of what so many times one replica would serve. Bar: 90 %.
 * - `ingest`: three agents with sixty cameras (stand-ins, each a process); one agent is killed with its cameras. How
 *   long until all of them are seen again elsewhere, and the longest silence of the others. Bar: 15 s.
 * - `embedded`: one machine's load (twenty cameras, three frames a second each, detector a stand-in) through detection,
 *   cleanup and rules, over the local bus and over Kafka on the same machine by turns: CPU of all processes a frame,
 *   and memory of the one that is the bus.
 * - `hops`: the whole system with four cameras over RTSP (720p25, 2 Mbit/s), Redis and S3: CPU and bytes of a camera at
 *   each hop, the stores among them, of a still picture, of an empty scene and while somebody is there.
 * - `soak`: frames of 1,000 cameras at one a second through detection (stand-in), cleanup and rules, for ten minutes:
 *   lag, memory at its middle and end, CPU a camera.
 * Where a figure has a bar it stands beside it, with whether the median reached it; one that did not ends with 1.
 */
import { parseArgs } from 'node:util';
import { measureBus } from './fleet/bus.ts';
import { BenchCluster } from './fleet/cluster.ts';
import { measureDetection } from './fleet/detect.ts';
import { measureEmbedded } from './fleet/embedded.ts';
import { measureGroups } from './fleet/groups.ts';
import { measureHops } from './fleet/hops.ts';
import { measureIngest } from './fleet/ingest.ts';
import { soak } from './fleet/soak.ts';
import { type Found, type Summary, summary } from './fleet/summary.ts';

const PARTITIONS = 12;

type Measure = (cluster: BenchCluster, how: { repeats: number; minutes: number }) => Promise<Found>;

const PARTS: Record<string, Measure> = {
  bus: (cluster, { repeats }) => measureBus(cluster, repeats),
  groups: (cluster, { repeats }) => measureGroups(cluster, repeats),
  detect: (cluster, { repeats }) => measureDetection(cluster, repeats),
  ingest: (cluster, { repeats }) => measureIngest(cluster, repeats),
  embedded: (cluster, { repeats }) => measureEmbedded(cluster, repeats),
  hops: async (cluster) => {
    const hops = await measureHops(cluster.server, 30_000);
    return Object.fromEntries(Object.entries(hops).map(([name, value]) => [name, summary([value])]));
  },
  soak: (cluster, { minutes }) => soak(cluster, minutes),
};

/** By the name of the figure: what its median is to reach. */
const BARS: Record<string, { atLeast: number } | { atMost: number }> = {
  'times a plain kafkajs, ours': { atLeast: 2 },
  'times a plain kafkajs, as a fleet runs': { atLeast: 2 },
  'times shorter than kafkajs as it comes, long running': { atLeast: 10 },
  "until the dead one's partitions are read, ours, s": { atMost: 10 },
  'share of 2 times one replica': { atLeast: 0.9 },
  'share of 3 times one replica': { atLeast: 0.9 },
  'until all cameras of the dead agent are seen again, s': { atMost: 15 },
  'epochs with two agents': { atMost: 0 },
  'times as much CPU over Kafka, all processes': { atLeast: 1 },
  'times as much memory over Kafka, the bus': { atLeast: 1 },
};

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: Object.keys(PARTS).join() },
      repeats: { type: 'string', default: '5' },
      minutes: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  });
  const wanted = values.only.split(',');
  const unknown = wanted.filter((part) => !Object.hasOwn(PARTS, part));
  if (unknown.length > 0) {
    console.error(`--only: there is no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);
    process.exitCode = 2;
    return;
  }
  const how = { repeats: Number(values.repeats), minutes: Number(values.minutes) };
  const cluster = await new BenchCluster(PARTITIONS).start();
  const results: Record<string, Found> = {};
  try {
    for (const [part, measure] of Object.entries(PARTS)) {
      if (!wanted.includes(part)) continue;
      const found = await measure(cluster, how);
      results[part] = found;
      // At once: what was measured is not lost with a part that fails an hour later.
      if (!values.json) print(part, found);
    }
  } finally {
    await cluster.stop();
  }
  if (values.json) console.log(JSON.stringify(results));
}

function print(part: string, of: Found): void {
  console.log(part);
  for (const [name, found] of Object.entries(of)) {
    const { median, least, most } = found;
    const text = [median, least, most].map((value) => value.toFixed(value < 10 ? 2 : 0));
    console.log(`  ${name.padEnd(72)} ${text[0]} (${text[1]}-${text[2]})${verdict(name, found)}`);
  }
}

function verdict(name: string, { median }: Summary): string {
  const bar = BARS[name];
  if (!bar) return '';
  const isReached = 'atLeast' in bar ? median >= bar.atLeast : median <= bar.atMost;
  if (!isReached) process.exitCode = 1;
  const text = 'atLeast' in bar ? `at least ${bar.atLeast}` : `at most ${bar.atMost}`;
  return `  ${text}: ${isReached ? 'reached' : 'NOT REACHED'}`;
}
