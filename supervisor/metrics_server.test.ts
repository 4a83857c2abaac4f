import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { MetricsServer, type MetricsServerOptions } from './metrics_server.ts';

const TOKEN = 'a-fleet-token-long-enough';
const metrics = new PrometheusMetrics();
metrics.set('cameras_expected', 3);

let dir: string;
let server: MetricsServer | undefined;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-metrics-'));
});
afterEach(async () => {
  await server?.stop();
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

async function start(options: Partial<MetricsServerOptions>): Promise<string> {
  server = new MetricsServer({
    bind: { host: '0.0.0.0', port: 0 },
    open: false,
    fleetToken: null,
    clock: systemClock,
    collect: async () => [await Array.fromAsync(metrics.slices())],
    ready: () => true,
    ...options,
  });
  await server.start();
  return (server.address ?? '').replace('0.0.0.0', '127.0.0.1');
}

const scrape = async (address: string, token?: string): Promise<{ status: number; text: string; headers: Headers }> => {
  const response = await fetch(`${address}/metrics`, token ? { headers: { authorization: `Bearer ${token}` } } : {});
  return { status: response.status, text: await response.text(), headers: response.headers };
};

test('beyond this machine it does not listen without a guard', async () => {
  await expect(start({})).rejects.toMatchObject({ code: 'CONFIG_BIND_REFUSED', where: 'metrics.bind 0.0.0.0:0' });
});

test('on loopback nobody is asked, token or not', async () => {
  const address = await start({ bind: { host: '127.0.0.1', port: 0 }, fleetToken: { text: TOKEN } });
  expect((await scrape(address)).text).toContain('banksman_cameras_expected 3');
});

test('open means open, where the network guards it', async () => {
  expect((await scrape(await start({ open: true }))).status).toBe(200);
});

test('with a fleet token it answers whoever shows it; probes are not asked', async () => {
  const address = await start({ fleetToken: { text: TOKEN } });
  const none = await scrape(address);
  expect(none).toMatchObject({ status: 401, text: expect.stringContaining('Authorization: Bearer') });
  expect(none.headers.get('www-authenticate')).toMatch(/^Bearer/);
  const wrong = await scrape(address, TOKEN.replace('long', 'much'));
  expect(wrong).toMatchObject({ status: 401, text: expect.not.stringContaining('banksman_') });
  const right = await scrape(address, TOKEN);
  expect(right).toMatchObject({ status: 200, text: expect.stringContaining('banksman_cameras_expected 3') });
  for (const probe of ['/healthz', '/readyz']) expect((await fetch(address + probe)).status).toBe(200);
});

test('guessing is slowed down: 429 says how long, and the right token waits as well', async () => {
  const address = await start({ fleetToken: { text: TOKEN } });
  for (let n = 0; n < 10; n += 1) expect((await scrape(address, `guess-${n}`)).status).toBe(401);
  const { status, text, headers } = await scrape(address, TOKEN);
  expect({ status, text }).toMatchObject({ status: 429, text: expect.stringMatching(/try again in \d+ s/) });
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
});

test('a token of a file may be changed while it runs', async () => {
  const file = join(dir, 'fleet');
  await writeFile(file, 'the-first-fleet-token\n');
  let skipped = 0;
  const clock: Clock = { ...systemClock, monotonic: () => performance.now() + skipped };
  const address = await start({ fleetToken: { file }, clock });
  expect((await scrape(address, 'the-first-fleet-token')).status).toBe(200);
  await writeFile(file, 'the-second-fleet-token\n');
  skipped = 10_000;
  expect((await scrape(address, 'the-second-fleet-token')).status).toBe(200);
  expect((await scrape(address, 'the-first-fleet-token')).status).toBe(401);
  await rm(file);
  skipped = 20_000;
  expect((await scrape(address, 'the-second-fleet-token')).status).toBe(200);
});

test('a token that is missing or short is told at the start', async () => {
  vi.stubEnv('METRICS_TEST_TOKEN', '');
  await expect(start({ fleetToken: { env: 'METRICS_TEST_TOKEN' } })).rejects.toMatchObject({
    code: 'CONFIG_SECRET_MISSING',
    where: 'METRICS_TEST_TOKEN',
  });
  vi.stubEnv('METRICS_TEST_TOKEN', 'short');
  const short = start({ fleetToken: { env: 'METRICS_TEST_TOKEN' } });
  await expect(short).rejects.toMatchObject({
    code: 'CONFIG_SECRET_MISSING',
    mend: expect.stringContaining('openssl'),
  });
});
