import type { BenchCluster } from './cluster.ts';
import { add, type Found, mapValues } from './summary.ts';

const FRAME_BYTES = 50_000;
const FRAMES = 2_000;
const BATCH = 10;
const AS_IT_RUNS = 'as a fleet runs';

export async function measureBus(cluster: BenchCluster, repeats: number): Promise<Found> {
  const kinds = ['ours', 'kafkajs', 'ours-kafkajs'] as const;
  const perCpu: Record<string, number[]> = {};
  const ratios: Record<string, number[]> = { ours: [], 'ours-kafkajs': [], [AS_IT_RUNS]: [] };
  for (let repeat = 0; repeat < repeats; repeat++) {
    const now: Record<string, number> = {};
    const seconds: Record<string, { produced: number; consumed: number }> = {};
    for (const kind of repeat % 2 === 0 ? kinds : kinds.toReversed()) {
      const prefix = await cluster.prefix();
      const producer = cluster.child(prefix);
      const what = { kind, count: FRAMES, topic: 'frames.v1' };
      const produced = await producer.give({ do: 'produce', ...what, bytes: FRAME_BYTES, inFlight: BATCH }).done;
      const consumer = cluster.child(prefix);
      const consumed = await consumer.give({ do: 'consume', ...what, group: 'g' }).done;
      for (const child of [producer, consumer]) child.kill();
      seconds[kind] = { produced: produced.cpuSeconds, consumed: consumed.cpuSeconds };
      now[kind] = FRAMES / (produced.cpuSeconds + consumed.cpuSeconds);
      add(perCpu, kind, now[kind] ?? 0);
      add(perCpu, `${kind} producing`, FRAMES / produced.cpuSeconds);
      add(perCpu, `${kind} consuming`, FRAMES / consumed.cpuSeconds);
    }
    // A camera's process publishes through kafkajs, which loads in a third of the time; processors read as `ours`.
    now[AS_IT_RUNS] =
      FRAMES / ((seconds['ours-kafkajs']?.produced ?? Number.NaN) + (seconds['ours']?.consumed ?? Number.NaN));
    for (const kind of ['ours', 'ours-kafkajs', AS_IT_RUNS] as const) {
      ratios[kind]?.push((now[kind] ?? 0) / (now['kafkajs'] ?? 1));
    }
  }
  return {
    ...mapValues(perCpu, (name) => `frames per CPU second, ${name}`),
    ...mapValues(ratios, (name) => `times a plain kafkajs, ${name}`),
  };
}
