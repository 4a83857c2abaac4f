/** Eight cameras and one detector: what is processed stays fresh, what is not is counted, memory is flat. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Detections, Tracks } from '../../runtime/messages/types.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA, VTEST } from '../data.ts';
import { residentBytes } from '../processes.ts';
import { until } from '../wait.ts';
import { Up } from './up.ts';
import { BusWatch, metricSum } from './watch_bus.ts';

const CAMERAS = 8;
/** Heaps and caches are full well before the half, from which on memory is judged. */
const RUN_MS = 120_000;
/** Frames older than this are shed; `max_frame_age_s` of the site file. */
const MAX_AGE_MS = 2_000;
/** From the end of one look to its record on the bus, on a loaded machine. */
const RECORD_MS = 1_000;
/** Those under way when the machine stalls take so much longer: 19 in 20 must keep the bounds. */
const SHARE = 0.95;
/** Of the last half, where memory is judged: a leak is in each of them, garbage that waits is not. */
const WINDOWS_S = [
  [60, 90],
  [75, 105],
  [90, 120],
] as const;

describe.skipIf(!HAS_TEST_DATA)('more cameras than detection can serve', () => {
  let server: RtspServer;
  let up: Up;
  let watch: BusWatch;
  const names = Array.from({ length: CAMERAS }, (_, n) => `cam${n + 1}`);

  beforeAll(async () => {
    server = await startRtspServer({
      streams: [
        {
          path: '/yard',
          source: {
            kind: 'file',
            segments: [{ file: VTEST, fromS: 0, toS: 40 }],
            encode: { fps: 10, keyInt: 10, bitrateKbps: 1000 },
          },
        },
      ],
    });
    up = await Up.start({
      detect: { workers: 1, max_frame_age_s: MAX_AGE_MS / 1000 },
      // Full well before the half: afterwards it grows no more.
      bus: { frames: { max_bytes: '16MB' } },
      defaults: { sampling: { active_fps: 10, idle_fps: 2, width_px: 480 } },
      // The test server plays one path to all; the product asks for an URL each.
      cameras: Object.fromEntries(names.map((name) => [name, { url: `${server.url('/yard')}?${name}` }])),
      rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'], detect_within_s: 5 }],
    });
    watch = await BusWatch.connect(up);
    await until('all to be watched', async () => metricSum(await up.metrics(), 'camera_watched') === CAMERAS);
  }, 300_000);

  afterAll(async () => {
    await watch?.close();
    await up?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  test('ages stay bounded, every camera has its share, sheds are counted, memory is flat', async () => {
    /** Capture to the record on the bus, ms. */
    const looked = new Map<string, number[]>();
    const tracked: number[] = [];
    /** Age of a frame when the look before it was recorded: the one worker began with it no sooner. How long a look takes is the machine's affair. */
    const begun: number[] = [];
    let before = Number.NaN;
    const since = Date.now();
    watch.each('detections.v1', 'latest', ({ value, timestamp }) => {
      if (value === null) return;
      const record = JSON.parse(value.toString('utf8')) as Detections;
      if (record.shed !== null) return;
      const ages = looked.get(record.camera) ?? [];
      ages.push(timestamp - Date.parse(record.captureTime));
      looked.set(record.camera, ages);
      if (!Number.isNaN(before)) begun.push(before - Date.parse(record.captureTime));
      before = timestamp;
    });
    watch.each('tracks.v1', 'latest', ({ value, timestamp }) => {
      if (value === null) return;
      const record = JSON.parse(value.toString('utf8')) as Tracks;
      if (record.kind === 'looked') tracked.push(timestamp - Date.parse(record.from));
    });
    const pids = up.family().map(({ pid }) => pid);
    const memory: { at: number; mb: number }[] = [];
    await until(
      'the end of the run',
      () => {
        const mb = pids.reduce((sum, pid) => sum + residentBytes(pid), 0) / 2 ** 20;
        memory.push({ at: (Date.now() - since) / 1000, mb });
        return Date.now() - since >= RUN_MS;
      },
      RUN_MS * 2,
      1_000,
    );
    const text = await up.metrics();

    const ages = [...looked.values()].flat();
    const perSecond = ages.length / (RUN_MS / 1000);
    const sheds = metricSum(text, 'frames_shed_total');
    const half = memory.filter(({ at }) => at > RUN_MS / 2000);
    const growth = Math.min(
      ...WINDOWS_S.map(([from, to]) => slope(memory.filter(({ at }) => at >= from && at <= to)) || 0),
    );
    const lag = await until('detection to keep up', async () => {
      const now = metricSum(await up.metrics(), 'bus_lag_records', { group: 'detect' });
      return now < CAMERAS * 64 ? { now } : null;
    });
    console.log(
      `${perSecond.toFixed(1)} looks/s; age p50 ${quantile(ages, 0.5)} p99 ${quantile(ages, 0.99)} worst ${Math.max(...ages)} ms; ` +
        `at its begin p95 ${quantile(begun, SHARE)} ms; tracks p50 ${quantile(tracked, 0.5)} p99 ${quantile(tracked, 0.99)} ms; ${sheds} shed; lag ${lag.now}; ` +
        `${half.at(-1)?.mb.toFixed(0)} MB, ${growth.toFixed(2)} MB/s at least in the last half`,
    );
    expect(quantile(begun, SHARE)).toBeLessThan(MAX_AGE_MS + RECORD_MS);
    expect(quantile(ages, 0.5)).toBeLessThan(MAX_AGE_MS);
    expect(quantile(tracked, SHARE)).toBeLessThan(Math.max(MAX_AGE_MS, quantile(ages, SHARE)) + 2 * RECORD_MS);
    // Fair: nobody is starved for another.
    expect([...looked.keys()].sort()).toEqual(names);
    for (const [camera, each] of looked) {
      expect(each.length, camera).toBeGreaterThan(ages.length / CAMERAS / 3);
    }
    expect(sheds).toBeGreaterThan(0);
    // Small enough to tell a leak from a heap that breathes: frames alone are 4 MB a second.
    expect(growth).toBeLessThan(0.5);
    expect(metricSum(text, 'role_restarts_total')).toBe(0);
    expect(metricSum(text, 'camera_restarts_total')).toBe(0);
    await until('all to be watched', async () => metricSum(await up.metrics(), 'camera_watched') === CAMERAS);
    const now = up.family().map(({ pid }) => pid);
    expect(
      pids.filter((pid) => !now.includes(pid)),
      'processes that ended of it',
    ).toEqual([]);
    await until('no other process', () => up.family().length === pids.length);
  });
});

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Least squares, MB a second. */
function slope(points: readonly { at: number; mb: number }[]): number {
  const mean = (of: (point: { at: number; mb: number }) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const at = mean((point) => point.at);
  const mb = mean((point) => point.mb);
  const covariance = mean((point) => (point.at - at) * (point.mb - mb));
  return covariance / mean((point) => (point.at - at) ** 2);
}
