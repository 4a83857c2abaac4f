import { cpuSeconds, residentBytes } from '../../test/processes.ts';
import type { BenchCluster } from './cluster.ts';
import { type BusAt, LocalBroker, openBus } from './engine.ts';
import { ALL, FrameLoad, replicas } from './load.ts';
import { add, type Found, mapValues, sleep } from './summary.ts';

/** What one machine is given to compare the two engines by: cameras, and frames of them all a second. */
const ONE_MACHINE = { cameras: 20, perSecond: 60 };
const LOOK_MS = 8_000;

export async function measureEmbedded(cluster: BenchCluster, repeats: number): Promise<Found> {
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
