import { afterEach, beforeEach, expect, it } from 'vitest';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { encodeJson } from '../runtime/messages/codec.ts';
import { cameraKey } from '../runtime/messages/topics.ts';
import type { Coverage } from '../runtime/messages/types.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { toTimestamp } from '../runtime/time.ts';
import { cameraRecord } from '../test/ingest/camera_record.ts';
import { until } from '../test/wait.ts';
import { WatchedCameras } from './watched.ts';

let bus: Bus;
let metrics: PrometheusMetrics;
let watched: WatchedCameras;

beforeEach(() => {
  bus = openMemoryBus();
  metrics = new PrometheusMetrics();
  watched = new WatchedCameras({
    ...{ bus, metrics, site: 'yard', clock: systemClock, log: silentLogger },
    clockOffsetMs: () => 5_000,
  });
});
afterEach(async () => {
  await watched.stop();
  await bus.close();
});

it('says up to when a camera was watched, on the clock of this machine', async () => {
  const producer = bus.producer();
  const key = cameraKey('yard', 'gate');
  const camera = cameraRecord({ camera: 'gate', url: 'rtsp://127.0.0.1/gate', detect_within_s: 600 });
  await producer.send('cameras.v1', { key, value: encodeJson(camera) });
  await watched.start();
  const says = (words: string): Promise<unknown> =>
    until(words, async () => (await metrics.registry.metrics()).includes(words));
  await says('camera_watched{camera="gate"} 0');
  expect(await metrics.registry.metrics()).not.toContain('camera_watched_timestamp_seconds{');

  // A camera whose agent's clock is 5 s ahead.
  const to = Math.floor(Date.now() / 1_000) * 1_000;
  const coverage: Coverage = {
    ...{ site: 'yard', camera: 'gate', watched: true, reason: null },
    from: toTimestamp(to - 10_000),
    to: toTimestamp(to + 5_000),
  };
  await until('what was watched to be heard', async () => {
    await producer.send('coverage.v1', { key, value: encodeJson(coverage) });
    return (await metrics.registry.metrics()).includes('camera_watched{camera="gate"} 1');
  });
  await says(`camera_watched_timestamp_seconds{camera="gate"} ${to / 1_000}\n`);

  await producer.send('cameras.v1', { key, value: null });
  await until('the camera to be forgotten', async () => !(await metrics.registry.metrics()).includes('"gate"'));
});

it('goes on with what it knew when a record cannot be read, and starts where there is one', async () => {
  const producer = bus.producer();
  const junk = (camera: string): Promise<unknown> =>
    producer.send('cameras.v1', { key: cameraKey('yard', camera), value: encodeJson({ surprise: 1 }) });
  const add = (camera: string): Promise<unknown> => {
    const value = encodeJson(cameraRecord({ camera, url: `rtsp://127.0.0.1/${camera}` }));
    return producer.send('cameras.v1', { key: cameraKey('yard', camera), value });
  };
  const expects = (cameras: number): Promise<unknown> =>
    until(`${cameras} cameras`, async () =>
      (await metrics.registry.metrics()).includes(`cameras_expected ${cameras}\n`),
    );
  await junk('spoiled');
  await add('gate');
  await watched.start();
  await expects(1);
  await junk('gate');
  // In the partition of the junk as well: whoever stopped at it would not see this one.
  for (const camera of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) await add(camera);
  await expects(9);
});
