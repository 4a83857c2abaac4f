/** What it costs to give Prometheus the metrics of a thousand cameras. Alone on the machine, as the long tests run. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { noMetrics } from '../runtime/metrics.ts';
import { metricSum } from '../test/system/watch_bus.ts';
import { MetricsServer } from './metrics_server.ts';
import { RoleProcess } from './role_process.ts';

const CAMERAS = 1_000;
const SCRAPE_BAR_MS = 300;
const LOOP_BAR_MS = 20;
/** Whatever else runs on the machine makes a scrape longer, never shorter: the best of so many counts. */
const TRIES = 50;

/** A scraper on a thread of its own: what it costs is not what is measured. */
const SCRAPER = `
  const { parentPort, workerData } = require('node:worker_threads');
  parentPort.on('message', async () => {
    const start = performance.now();
    const text = await (await fetch(workerData)).text();
    parentPort.postMessage({ ms: performance.now() - start, text });
  });`;

const seriesIn = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

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
