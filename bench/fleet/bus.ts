import type { BenchCluster } from './cluster.ts';
import { add, type Found, mapValues } from './summary.ts';

const FRAME_BYTES = 50_000;
const FRAMES = 2_000;
const BATCH = 10;

export async function measureBus(cluster: BenchCluster, repeats: number): Promise<Found> {
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
