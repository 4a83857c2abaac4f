import { afterEach, expect, test, vi } from 'vitest';
import { loadSiteText } from '../config/load.ts';
import type { SiteConfig } from '../config/site.ts';
import { systemClock } from '../runtime/clock.ts';
import { type Component, startAll, stopAll } from '../runtime/lifecycle.ts';
import { silentLogger } from '../runtime/log.ts';
import { freePort } from '../runtime/ports.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { withOwnMetrics } from './own_metrics.ts';

function configOf(more: string): SiteConfig {
  const text = `site: yard\ncameras: { gate: { url: "rtsp://h/s" } }\nrules: [{ id: a, type: zone_entry }]\n${more}`;
  const result = loadSiteText(text, '/site.yaml');
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

const metrics = new PrometheusMetrics();
metrics.set('cameras_expected', 7);
const around = (supervised = false, more = '') => ({ config: configOf(more), supervised, metrics, clock: systemClock });

afterEach(() => vi.unstubAllEnvs());

test('under or beside an `up` the supervisor answers, unless the role has an address of its own', async () => {
  const none: Component[] = [];
  expect(withOwnMetrics(none, around(true))).toBe(none);
  expect(withOwnMetrics(none, around())).toBe(none);
  vi.stubEnv('BANKSMAN_METRICS_BIND', '127.0.0.1:0');
  expect(withOwnMetrics(none, around(true))).toBe(none);
  expect(withOwnMetrics(none, around())).toHaveLength(2);
});

test('in a fleet it answers where the site file says, and tells its prices', async () => {
  const none: Component[] = [];
  const fleet =
    'bus: { type: kafka, kafka: { brokers: ["127.0.0.1:9092"] } }\nstate: { store: redis, redis: { url: "redis://127.0.0.1:6379" } }';
  expect(withOwnMetrics(none, around(false, fleet))).toHaveLength(2);
  expect(withOwnMetrics(none, around(true, fleet))).toBe(none);
  const prices = `${fleet}\nprices: { currency: EUR, cpu_core_month: 20, memory_gib_month: 3, storage_gb_month: 0.05 }`;
  expect(withOwnMetrics(none, around(true, prices))).toBe(none);
  const storage = 'banksman_price{resource="storage_gb_month",currency="EUR"} 0.05';
  // Under a supervisor that is the one who tells, who hears of another site file.
  expect(await metrics.registry.metrics()).not.toContain(storage);
  expect(withOwnMetrics(none, around(false, prices))).toHaveLength(2);
  expect(await metrics.registry.metrics()).toContain(storage);
});

test('alive before the first part starts, ready after the last, not ready while they stop', async () => {
  const port = await freePort();
  vi.stubEnv('BANKSMAN_METRICS_BIND', `127.0.0.1:${port}`);
  const said: string[] = [];
  const ask = async (when: string): Promise<void> => {
    const status = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    said.push(`${when}: ${await status('/healthz')} ${await status('/readyz')}`);
  };
  const part: Component = { name: 'part', start: () => ask('starting'), stop: () => ask('stopping') };
  const components = withOwnMetrics([part], around());
  await startAll(components);
  await ask('running');
  expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain('banksman_cameras_expected 7');
  expect(await stopAll(components, 10_000, silentLogger)).toEqual([]);
  expect(said).toEqual(['starting: 200 503', 'running: 200 200', 'stopping: 200 503']);
});

test('the address is checked, and guarded as that of the site file', async () => {
  vi.stubEnv('BANKSMAN_METRICS_BIND', '9465');
  expect(() => withOwnMetrics([], around())).toThrow(expect.objectContaining({ code: 'USAGE' }));
  vi.stubEnv('BANKSMAN_METRICS_BIND', '0.0.0.0:0');
  await expect(startAll(withOwnMetrics([], around()))).rejects.toMatchObject({ code: 'CONFIG_BIND_REFUSED' });
  const open = withOwnMetrics([], around(false, 'metrics: { open: true }'));
  await startAll(open);
  await stopAll(open, 10_000, silentLogger);
});
