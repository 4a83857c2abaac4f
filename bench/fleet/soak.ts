import type { BenchCluster } from './cluster.ts';
import { openBus } from './engine.ts';
import { ALL, FrameLoad, replicas } from './load.ts';
import { type Found, sleep, summary } from './summary.ts';

export async function soak(cluster: BenchCluster, minutes: number): Promise<Found> {
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
