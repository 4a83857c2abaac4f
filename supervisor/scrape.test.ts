/** What Prometheus is given of a thousand cameras, and what giving it costs. */
import { execFileSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { exposition } from '../runtime/exposition.ts';
import { silentLogger } from '../runtime/log.ts';
import { METRICS, noMetrics } from '../runtime/metrics.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { busyCamera, everythingElse } from '../test/busy_camera.ts';
import { metricSum } from '../test/system/watch_bus.ts';
import { MetricsServer } from './metrics_server.ts';
import { RoleProcess } from './role_process.ts';

const CAMERAS = 1_000;
const SCRAPE_BAR_MS = 300;
const LOOP_BAR_MS = 20;
const SERIES_BAR = 150;
/** Whatever else runs on the machine makes a scrape longer, never shorter: the best of so many counts. */
const TRIES = 12;

/** A scraper on a thread of its own: what it costs is not what is measured. */
const SCRAPER = `
  const { parentPort, workerData } = require('node:worker_threads');
  parentPort.on('message', async () => {
    const start = performance.now();
    const text = await (await fetch(workerData)).text();
    parentPort.postMessage({ ms: performance.now() - start, text });
  });`;

async function textOf(...processes: PrometheusMetrics[]): Promise<string> {
  const slices = await Promise.all(processes.map((metrics) => Array.fromAsync(metrics.slices())));
  return (await Array.fromAsync(exposition(slices))).join('');
}

const seriesIn = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

test(`a camera that has everything has ${SERIES_BAR} series at most`, async () => {
  const metrics = new PrometheusMetrics();
  const series = busyCamera(metrics, 'gate');
  expect(series).toBeLessThanOrEqual(SERIES_BAR);
  expect(seriesIn(await textOf(metrics))).toHaveLength(series);
});

test('promtool has nothing to say against names, kinds and format', async () => {
  const metrics = new PrometheusMetrics();
  busyCamera(metrics, 'gate');
  everythingElse(metrics);
  const text = await textOf(metrics);
  for (const name of Object.keys(METRICS)) expect(text).toContain(`# TYPE banksman_${name} `);
  // Throws with what it says where that is not nothing.
  expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');
});

test('is what the library of metrics renders, series by series', async () => {
  const metrics = new PrometheusMetrics();
  busyCamera(metrics, 'gate "north"\\\nyard');
  everythingElse(metrics);
  metrics.set('cameras_expected', Number.POSITIVE_INFINITY);
  expect(seriesIn(await textOf(metrics)).sort()).toEqual(seriesIn(await metrics.registry.metrics()).sort());
});

test('what two processes have stands together and is added up', async () => {
  const [one, other] = [new PrometheusMetrics(), new PrometheusMetrics()];
  one.inc('dead_letters_total', { topic: 'a', reason: 'with space' }, 2);
  one.observe('stage_seconds', 0.3, { stage: 'detect' });
  other.inc('dead_letters_total', { topic: 'a', reason: 'with space' }, 3);
  other.inc('dead_letters_total', { topic: 'b', reason: 'x' });
  other.observe('stage_seconds', 0.7, { stage: 'detect' });
  const text = await textOf(one, other);
  expect(metricSum(text, 'dead_letters_total', { topic: 'a' })).toBe(5);
  expect(metricSum(text, 'dead_letters_total')).toBe(6);
  expect(metricSum(text, 'stage_seconds_count')).toBe(2);
  expect(text).toContain('banksman_stage_seconds_bucket{le="+Inf",stage="detect"} 2\n');
  expect(text.match(/# TYPE banksman_dead_letters_total counter/g)).toHaveLength(1);
  expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');
});

describe(`${CAMERAS} busy cameras`, () => {
  let role: RoleProcess;
  let server: MetricsServer;
  let scraper: Worker;

  beforeAll(async () => {
    const module = fileURLToPath(new URL('../test/busy_role.ts', import.meta.url));
    role = new RoleProcess({
      ...{ role: 'busy', clock: systemClock, log: silentLogger, metrics: noMetrics },
      command: () => ({ module, args: [String(CAMERAS)], env: {} }),
      onLine: (_, line) => console.error(line),
    });
    await role.start();
    server = new MetricsServer({
      ...{ bind: { host: '127.0.0.1', port: 0 }, open: false, fleetToken: null, clock: systemClock },
      collect: async () => [(await role.metrics(10_000)) ?? []],
      ready: () => true,
    });
    await server.start();
    scraper = new Worker(SCRAPER, { eval: true, workerData: `${server.address}/metrics` });
  });
  afterAll(async () => {
    await scraper.terminate();
    await server.stop();
    await role.stop(2_000);
  });

  test(`a scrape takes ${SCRAPE_BAR_MS} ms and no event loop stands still for ${LOOP_BAR_MS} ms`, async () => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const best = { ms: Number.POSITIVE_INFINITY, hereMs: Number.POSITIVE_INFINITY, roleMs: Number.POSITIVE_INFINITY };
    const fits = (): boolean => best.ms <= SCRAPE_BAR_MS && best.hereMs <= LOOP_BAR_MS && best.roleMs <= LOOP_BAR_MS;
    for (let attempt = 0; attempt < TRIES && !fits(); attempt++) {
      delay.reset();
      const scraped = new Promise<{ ms: number; text: string }>((resolve) => scraper.once('message', resolve));
      scraper.postMessage('scrape');
      const { ms, text } = await scraped;
      best.hereMs = Math.min(best.hereMs, delay.max / 1e6);
      best.ms = Math.min(best.ms, ms);
      // It tells of the scrape before, and the first time of the start of its process.
      const longest = metricSum(text, 'process_event_loop_delay_p99_seconds', { role: 'longest' }) * 1_000;
      if (attempt > 0) best.roleMs = Math.min(best.roleMs, longest);
      expect(seriesIn(text).length).toBeGreaterThan(40 * CAMERAS);
    }
    console.log(`best of the scrapes: ${JSON.stringify(best)}`);
    expect(best.ms).toBeLessThanOrEqual(SCRAPE_BAR_MS);
    expect(best.hereMs).toBeLessThanOrEqual(LOOP_BAR_MS);
    expect(best.roleMs).toBeLessThanOrEqual(LOOP_BAR_MS);
  });
});
