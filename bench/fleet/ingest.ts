import { IngestFleet } from '../../test/fleet/ingest_fleet.ts';
import type { BenchCluster } from './cluster.ts';
import { add, type Found, mapValues, until } from './summary.ts';

export async function measureIngest(cluster: BenchCluster, repeats: number): Promise<Found> {
  const found: Record<string, number[]> = {};
  const cameras = Array.from({ length: 60 }, (_, index) => `c${index}`);
  for (let repeat = 0; repeat < repeats; repeat++) {
    const prefix = await cluster.prefix();
    const kafka = { brokers: [cluster.server.address], client: 'platformatic', prefix, tls: null, sasl: null } as const;
    const topics = { partitions: cluster.partitions, replication: 1, frames_max_age_s: 300, frames_max_bytes: 1e9 };
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
