import { Redis } from 'ioredis';
import { startRtspServer } from '../../simulator/rtsp/server.ts';
import { VISITOR } from '../../test/data.ts';
import { cpuSeconds, family, processes, residentBytes } from '../../test/processes.ts';
import type { KafkaServer } from '../../test/services/kafka.ts';
import { RedisServer } from '../../test/services/redis.ts';
import { S3Server } from '../../test/services/s3.ts';
import { onKafka } from '../../test/system/on_kafka.ts';
import { type SiteObject, Up } from '../../test/system/up.ts';
import { BusWatch, metricSum } from '../../test/system/watch_bus.ts';
import { until } from '../../test/wait.ts';
import { sleep } from './summary.ts';

const CAMERAS = ['a', 'b', 'c', 'd'];
const SETTLE_MS = 15_000;
const SCENES = { still: 'still picture', empty: 'empty scene', person: 'somebody there' };
const TOPICS = ['frames.v1', 'observations.v1', 'detections.v1', 'tracks.v1', 'incidents.v1', 'coverage.v1'];

/** Figures by name: of a camera, but for memory, which is of a process. */
export type Hops = Record<string, number>;

/**
 * What a camera costs at each hop of the whole system on Kafka, Redis and S3: first of a still picture, then of an empty
 * scene, whose film starts anew every five seconds and moves for that, then while somebody walks about, looked at five
 * times a second.
 */
export async function measureHops(kafka: KafkaServer, ms: number): Promise<Hops> {
  await using parts = new AsyncDisposableStack();
  const rtsp = await startRtspServer({ streams: CAMERAS.map(stream) });
  parts.defer(() => rtsp.stop());
  const [redis, s3] = await Promise.all([new RedisServer().start(), S3Server.start()]);
  parts.defer(() => redis.stop());
  parts.defer(() => s3.stop());
  const { bus, address, makeTopics } = onKafka(kafka);
  const site: SiteObject = {
    bus,
    state: { store: 'redis', redis: { url: redis.url } },
    evidence: { store: 's3', s3: { bucket: 'evidence', endpoint: s3.endpoint } },
    detect: { workers: 1 },
    cameras: Object.fromEntries(
      CAMERAS.map((id) => [id, { url: rtsp.url(`/${id}`), sampling: { active_fps: 5, width_px: 960 } }]),
    ),
    rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'] }],
  };
  const up = parts.use(await Up.start(site, {}, (dir) => makeTopics(dir, site)));
  const watch = await BusWatch.connect(up, address);
  parts.defer(() => watch.close());
  const bytes = new Map<string, number>(TOPICS.map((topic) => [topic, 0]));
  for (const topic of TOPICS) {
    watch.each(topic, 'latest', ({ key, value, headers }) => {
      const size = key.length + (value?.length ?? 0) + Object.entries(headers).join('').length;
      bytes.set(topic, (bytes.get(topic) ?? 0) + size);
    });
  }
  await until('all cameras to be watched', async () => {
    return metricSum(await up.metrics(), 'camera_watched', {}) === CAMERAS.length;
  });
  const client = new Redis(redis.url);
  parts.defer(() => client.disconnect());
  const stores = async (): Promise<Record<string, number>> => ({
    'Redis, KB taken in': (await netBytes(client, 'input')) / 1_000,
    'Redis, KB given out': (await netBytes(client, 'output')) / 1_000,
    'S3, KB of evidence written': metricSum(await up.metrics(), 'evidence_bytes_total', {}) / 1_000,
  });
  const found: Hops = {};
  for (const [scene, what] of Object.entries(SCENES)) {
    for (const camera of CAMERAS) await rtsp.scene(`/${camera}`, scene);
    await sleep(SETTLE_MS);
    for (const topic of TOPICS) bytes.set(topic, 0);
    // Of now: a camera process that was started anew meanwhile is another one.
    const pids = { ...pidsOf(up), kafka: [kafka.pid], redis: pidsAt(redis.port), S3: pidsAt(s3.port) };
    const [before, storesBefore] = [cost(pids), await stores()];
    await sleep(ms);
    const [after, storesAfter] = [cost(pids), await stores()];
    const perCamera = CAMERAS.length * (ms / 1_000);
    for (const [name, { cpu, mb }] of Object.entries(after)) {
      found[`${what}: ${name}, ms of CPU a second and camera`] = ((cpu - (before[name]?.cpu ?? 0)) * 1_000) / perCamera;
      found[`${what}: ${name}, resident MB a process`] = mb;
    }
    for (const [name, kb] of Object.entries(storesAfter)) {
      found[`${what}: ${name} a second and camera`] = (kb - (storesBefore[name] ?? 0)) / perCamera;
    }
    for (const [topic, size] of bytes) found[`${what}: ${topic}, KB a second and camera`] = size / 1_000 / perCamera;
  }
  return found;
}

function stream(camera: string) {
  const scenes = { still: [{ pattern: 'smpte75', seconds: 120 }], ...VISITOR };
  const encode = { width: 1280, height: 720, fps: 25, keyInt: 50, bitrateKbps: 2000 };
  return { path: `/${camera}`, source: { kind: 'file' as const, scenes, scene: 'empty', encode } };
}

function pidsOf(up: Up): Record<string, number[]> {
  const all = family(up.pid);
  const of = (...words: string[]): number[] =>
    all.filter(({ args }) => words.every((word) => args.some((arg) => arg.endsWith(word)))).map(({ pid }) => pid);
  return {
    'camera process': of('ingest/camera.ts'),
    agent: of('cli.ts', 'ingest'),
    'detection, cleanup and rules': of('cli.ts', 'process'),
    sinks: of('cli.ts', 'sink'),
  };
}

/** Over the network, whoever spoke with it. */
async function netBytes(client: Redis, way: 'input' | 'output'): Promise<number> {
  return Number(new RegExp(`total_net_${way}_bytes:(\\d+)`).exec(await client.info('stats'))?.[1]);
}

/** Servers that were started for this port. */
function pidsAt(port: number): number[] {
  return processes().flatMap(({ pid, args }) => (args.join(' ').includes(`:${port}`) ? [pid] : []));
}

function cost(pids: Record<string, number[]>): Record<string, { cpu: number; mb: number }> {
  return Object.fromEntries(
    Object.entries(pids).map(([name, of]) => {
      const mb = of.reduce((sum, pid) => sum + residentBytes(pid), 0) / 1e6 / Math.max(1, of.length);
      return [name, { cpu: of.reduce((sum, pid) => sum + cpuSeconds(pid), 0), mb }];
    }),
  );
}
