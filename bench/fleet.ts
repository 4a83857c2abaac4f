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
 *   each hop, of a still picture, of an empty scene and while somebody is there.
 * - `soak`: frames of 1,000 cameras at one a second through detection (stand-in), cleanup and rules, for ten minutes:
 *   lag, memory at its middle and end, CPU a camera. Not among the default parts.
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
import { type Found, summary } from './fleet/summary.ts';

const PARTITIONS = 12;

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
  const results: Record<string, Found> = {};
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

function print(part: string, of: Found): void {
  console.log(part);
  for (const [name, { median, least, most }] of Object.entries(of)) {
    const text = [median, least, most].map((value) => value.toFixed(value < 10 ? 2 : 0));
    console.log(`  ${name.padEnd(60)} ${text[0]} (${text[1]}-${text[2]})`);
  }
}
