/** Consoles on a shared state store: what each of them sees, and what they show while the store is away. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import type { CameraRecord } from '../../runtime/messages/types.ts';
import { noMetrics } from '../../runtime/metrics.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import { RedisStateStore } from '../../runtime/stores/state/redis.ts';
import { RedisStateReader } from '../../runtime/stores/state/redis_reader.ts';
import { redisOptions } from '../../runtime/stores/state/redis_testing.ts';
import { sampleIncident, sampleStatus } from '../../runtime/stores/state/samples.ts';
import { toTimestamp } from '../../runtime/time.ts';
import { RedisServer } from '../../test/services/redis.ts';
import { until } from '../../test/wait.ts';
import { Console } from './console.ts';
import type { SiteView } from './views.ts';

const SITE = 'yard';
const LIMIT_MS = 60_000;
const gate: CameraRecord = {
  site: SITE,
  camera: 'gate',
  configHash: 'c',
  url: 'rtsp://127.0.0.1/gate',
  record_url: null,
  username: null,
  password: null,
  transport: 'tcp',
  tls: { verify: true, ca_file: null },
  sampling: { idle_fps: 0.5, active_fps: 5, width_px: 960 },
  motion: { open_share: 0.01, close_share: 0.005, threshold: 12, hold_s: 2 },
  model: 'yolox-nano',
  regions: 'full',
  zones: {},
  lines: {},
  ignore_masks: [],
  privacy_masks: [],
  filters: {},
  suppress_static: true,
  detect_within_s: 3600,
};

let folder: string;
let bus: Bus;
let server: RedisServer;
let store: RedisStateStore;
let ends: (() => Promise<unknown>)[];

async function startConsole(): Promise<string> {
  const state = new RedisStateReader(redisOptions({ url: server.url }));
  const objects = new LocalObjectStore(join(folder, 'evidence'));
  await objects.start();
  const page = new Console(
    { bus, site: SITE, log: silentLogger, metrics: noMetrics, clock: systemClock },
    { bind: { host: '127.0.0.1', port: 0 }, version: '1', state, objects, refusedEdit: async () => null },
  );
  ends.push(() => state.close());
  ends.push(() => page.stop());
  await page.start();
  return page.address ?? '';
}

/** Data of every event of this kind from now on. */
async function follow(base: string, kind: string): Promise<unknown[]> {
  const abort = new AbortController();
  const response = await fetch(`${base}/api/v1/events`, { signal: abort.signal });
  const told: unknown[] = [];
  const reading = (async () => {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const event = text.slice(0, end);
        text = text.slice(end + 2);
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data !== undefined && event.includes(`event: ${kind}\n`)) told.push(JSON.parse(data));
      }
    }
  })();
  ends.push(async () => {
    abort.abort();
    await reading.catch(() => undefined);
  });
  return told;
}

const get = (url: string): Promise<Response> => fetch(url);
const site = async (base: string): Promise<SiteView> => {
  const response = await get(`${base}/api/v1/cameras`);
  expect(response.status).toBe(200);
  return (await response.json()) as SiteView;
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-console-state-'));
  ends = [];
  bus = openMemoryBus();
  await bus.producer().send('cameras.v1', { key: `${SITE}/gate`, value: encodeJson(gate) });
  server = await new RedisServer().start();
  store = new RedisStateStore(redisOptions({ url: server.url }));
  await store.healing.confirm();
  const now = toTimestamp(Date.now());
  await store.apply([
    { kind: 'status', status: sampleStatus({ updatedAt: now, since: now, state: 'active' }) },
    {
      kind: 'coverage',
      coverage: { site: SITE, camera: 'gate', from: now, to: now, watched: true, reason: null },
    },
    { kind: 'incident', incident: sampleIncident() },
  ]);
}, 60_000);
afterEach(async () => {
  for (const end of ends.toReversed()) await end();
  await store.close();
  await bus.close();
  await server.stop();
  await rm(folder, { recursive: true });
}, 60_000);

it('every console hears of what is stored, whoever stored it', async () => {
  const bases = [await startConsole(), await startConsole()];
  const told = await Promise.all(bases.map((base) => follow(base, 'incident')));
  await store.apply([{ kind: 'incident', incident: sampleIncident({ revision: 2, peopleMax: 4 }) }]);
  for (const incidents of told) {
    await until(
      'the second revision',
      () => incidents.find((one) => Reflect.get(Object(one), 'revision') === 2),
      LIMIT_MS,
    );
  }
}, 120_000);

it('shows what it can while the store is away, marked, and all of it again afterwards', async () => {
  const base = await startConsole();
  // A machine that stalls for the store's four seconds makes it look away for a moment.
  await expect
    .poll(() => site(base), { timeout: LIMIT_MS })
    .toMatchObject({
      stateStore: null,
      cameras: [{ watched: true, state: 'active' }],
    });
  await expect.poll(async () => (await get(`${base}/readyz`)).text(), { timeout: LIMIT_MS }).toBe('ready\n');
  const news = await follow(base, 'site');

  await server.kill();
  await expect
    .poll(() => site(base), { timeout: LIMIT_MS })
    .toMatchObject({
      stateStore: { state: 'away', code: 'REDIS_UNREACHABLE' },
      // What was known last, and never green.
      cameras: [{ id: 'gate', state: 'active', watched: false, reason: 'REDIS_UNREACHABLE', openIncidents: 1 }],
    });
  const ready = await get(`${base}/readyz`);
  expect([ready.status, await ready.text()]).toEqual([
    200,
    expect.stringMatching(/^degraded: state store away REDIS_/),
  ]);
  expect((await get(`${base}/healthz`)).status).toBe(200);
  const incidents = await get(`${base}/api/v1/incidents`);
  expect([incidents.status, await incidents.json()]).toEqual([
    503,
    { error: expect.stringContaining('Redis does not answer') },
  ]);
  await until(
    'the page to be told',
    () => news.some((one) => JSON.stringify(one).includes('REDIS_UNREACHABLE')),
    LIMIT_MS,
  );

  // It is on the bus, and comes true when the store is back.
  const mute = await fetch(`${base}/api/v1/mutes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ camera: 'gate', until: toTimestamp(Date.now() + 60_000), reason: 'works', by: 'ada' }),
  });
  expect(mute.status).toBe(201);

  await server.start();
  await expect
    .poll(() => site(base), { timeout: LIMIT_MS })
    .toMatchObject({
      stateStore: null,
      cameras: [{ watched: true, openIncidents: 1 }],
    });
  await until('the incident', async () => (await get(`${base}/api/v1/incidents/incident-1`)).status === 200, LIMIT_MS);
}, 180_000);

it('says that a store that lost its records is being filled again', async () => {
  const base = await startConsole();
  await until('the store to be well', async () => (await site(base)).stateStore === null, LIMIT_MS);
  await server.command('FLUSHALL');
  await until('the console to notice', async () => (await site(base)).stateStore?.state === 'rebuilding', LIMIT_MS);
  await store.healing.confirm();
  await until('it to be over', async () => (await site(base)).stateStore === null, LIMIT_MS);
}, 120_000);
