import type { Bus } from '../../runtime/bus/types.ts';
import type { BenchCluster } from './cluster.ts';
import { openBus } from './engine.ts';
import { FrameLoad, replicas } from './load.ts';
import { add, type Found, mapValues, monotonic, sleep } from './summary.ts';

/** As long as a GPU takes for a picture of many regions. */
const SLEEP_MS = 40;
const OVERLOAD = 1.3;
const LOOK_MS = 8_000;
const QUIET_MS = 3_000;

/** Frames looked at a second by replicas that are given more than they can serve. */
export async function measureDetection(cluster: BenchCluster, repeats: number): Promise<Found> {
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
