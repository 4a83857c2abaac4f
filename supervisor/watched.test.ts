import { afterEach, expect, it } from 'vitest';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
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

const bus = openMemoryBus();
const metrics = new PrometheusMetrics();
const watched = new WatchedCameras({
  ...{ bus, metrics, site: 'yard', clock: systemClock, log: silentLogger },
  clockOffsetMs: () => 5_000,
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
