import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { CameraRecord, Incident } from '../../runtime/messages/types.ts';
import { noMetrics } from '../../runtime/metrics.ts';
import { PrometheusMetrics } from '../../runtime/prometheus.ts';
import type { RefusedEdit } from '../../runtime/refused_edit.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import { EmbeddedStateStore } from '../../runtime/stores/state/embedded.ts';
import { sampleIncident, sampleStatus } from '../../runtime/stores/state/samples.ts';
import { toTimestamp } from '../../runtime/time.ts';
import { Browser } from '../../test/browser.ts';
import { until } from '../../test/wait.ts';
import { Console } from './console.ts';
import type { CameraView, IncidentPage, SiteView } from './views.ts';

const SITE = 'yard';
const camera = (id: string): CameraRecord => ({
  site: SITE,
  camera: id,
  configHash: 'c',
  url: `rtsp://127.0.0.1/${id}`,
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
  // Not put at risk by a slow machine.
  detect_within_s: 60,
});

let dir: string;
let bus: Bus;
let state: EmbeddedStateStore;
let objects: LocalObjectStore;
let console_: Console;
let base: string;
const metrics = new PrometheusMetrics();

/** Does what the state sink does with feedback: the console must see its own POSTs come true. */
async function sinkFeedback(signal: AbortSignal): Promise<void> {
  for await (const message of bus.tail('feedback.v1', 'earliest', { signal })) {
    await state.apply([{ kind: 'feedback', feedback: parseMessage('feedback.v1', message) }]);
  }
}

/** What the supervisor would have written. */
let refusedEdit: RefusedEdit | null = null;

const stopSink = new AbortController();

async function announce(incident: Incident): Promise<void> {
  await state.apply([{ kind: 'incident', incident }]);
  await bus.producer().send('incidents.v1', { key: `${SITE}/${incident.camera}`, value: encodeJson(incident) });
}

async function putPicture(incident: Incident): Promise<void> {
  const jpeg = await sharp({ create: { width: 320, height: 180, channels: 3, background: '#446655' } })
    .jpeg()
    .toBuffer();
  const key = `${SITE}/${incident.camera}/2026-01-01/${incident.id}/annotated.jpg`;
  const sha256 = sha256Hex(jpeg);
  await objects.put(key, jpeg, { contentType: 'image/jpeg', sha256 });
  const { captureTime } = incident.peak;
  await state.apply([
    {
      kind: 'evidence',
      evidence: {
        incident: incident.id,
        site: SITE,
        camera: incident.camera,
        revision: incident.revision,
        kind: 'annotated',
        key,
        sha256,
        bytes: jpeg.length,
        from: captureTime,
        to: captureTime,
        complete: true,
        reason: null,
      },
    },
  ]);
}

const incidentOf = (id: string, over: Partial<Incident> = {}): Incident =>
  sampleIncident({ id, site: SITE, camera: 'gate', rule: 'person-on-road', ...over });

/** Both cameras say that all is well; only of one the rules have seen anything lately. */
async function hear(): Promise<void> {
  const now = Date.now();
  const fresh = { site: SITE, reason: null, since: toTimestamp(now), updatedAt: toTimestamp(now) };
  const span = (from: number, to: number) => ({ from: toTimestamp(now + from), to: toTimestamp(now + to) });
  const covered = { site: SITE, watched: true, reason: null };
  await state.apply([
    { kind: 'status', status: sampleStatus({ ...fresh, camera: 'crane', state: 'active', watched: true }) },
    { kind: 'coverage', coverage: { ...covered, camera: 'crane', ...span(-600_000, -500_000) } },
    { kind: 'status', status: sampleStatus({ ...fresh, camera: 'gate', state: 'idle', watched: false }) },
    { kind: 'coverage', coverage: { ...covered, camera: 'gate', ...span(-60_000, 0) } },
  ]);
}
let hearing: NodeJS.Timeout | undefined;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-console-'));
  bus = openMemoryBus();
  state = new EmbeddedStateStore(dir);
  objects = new LocalObjectStore(join(dir, 'evidence'));
  await objects.start();
  for (const id of ['gate', 'crane']) {
    await bus.producer().send('cameras.v1', { key: `${SITE}/${id}`, value: encodeJson(camera(id)) });
  }
  void sinkFeedback(stopSink.signal);
  console_ = new Console(
    { bus, site: SITE, log: silentLogger, metrics, clock: systemClock },
    { bind: { host: '127.0.0.1', port: 0 }, version: '1.2.3', state, objects, refusedEdit: async () => refusedEdit },
  );
  await console_.start();
  base = console_.address ?? '';
});

afterAll(async () => {
  clearInterval(hearing);
  stopSink.abort();
  await console_.stop();
  await bus.close();
  await state.close();
  await rm(dir, { recursive: true, force: true });
});

const get = async <T>(path: string): Promise<T> => {
  const response = await fetch(base + path);
  expect(response.status, path).toBe(200);
  const body = (await response.json()) as T;
  return body;
};
const post = (path: string, body: unknown): Promise<Response> =>
  fetch(base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('cameras', () => {
  test('a configured camera of which nothing was heard is there, and not watched', async () => {
    const { site, version, cameras } = await get<SiteView>('/api/v1/cameras');
    expect({ site, version }).toEqual({ site: SITE, version: '1.2.3' });
    expect(cameras.map((one) => one.id)).toEqual(['crane', 'gate']);
    expect(cameras[0]).toMatchObject({ state: 'connecting', watched: false, snapshot: null, openIncidents: 0 });
  });

  test('watched follows what went through the rules, never what the camera says', async () => {
    hearing = setInterval(() => void hear(), 1_000);
    const cameras = await until('what was heard', async () => {
      const { cameras: now } = await get<SiteView>('/api/v1/cameras');
      return now.some(({ watched }) => watched) && now;
    });
    expect(cameras.map(({ id, state: now, watched }) => [id, now, watched])).toEqual([
      ['crane', 'active', false],
      ['gate', 'idle', true],
    ]);
    expect(cameras.map(({ mend }) => mend)).toEqual([null, null]);
  });

  test('the last picture is served with its capture time; without one the answer is 404', async () => {
    expect((await fetch(`${base}/api/v1/cameras/crane/snapshot.jpg`)).status).toBe(404);
    const captureTime = toTimestamp(Date.now());
    await state.apply([
      { kind: 'picture', site: SITE, camera: 'gate', captureTime, jpeg: Buffer.from([0xff, 0xd8, 1, 2]) },
    ]);
    const response = await fetch(`${base}/api/v1/cameras/gate/snapshot.jpg`);
    expect(response.headers.get('content-type')).toBe('image/jpeg');
    expect(response.headers.get('x-capture-time')).toBe(captureTime);
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([0xff, 0xd8, 1, 2]);
  });

  test('coverage answers for any interval, and what nobody recorded is not watched', async () => {
    const { intervals } = await get<{ intervals: { watched: boolean; reason: string | null }[] }>(
      '/api/v1/cameras/gate/coverage?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z',
    );
    expect(intervals).toMatchObject([{ watched: false, reason: 'no_record' }]);
    expect((await fetch(`${base}/api/v1/cameras/gate/coverage?from=2020-01-02&to=2020-01-01`)).status).toBe(400);
    expect((await fetch(`${base}/api/v1/cameras/gate/coverage?from=noon&to=2020-01-01`)).status).toBe(400);
  });
});

describe('incidents', () => {
  test('are listed newest first, filtered and paged', async () => {
    for (let n = 0; n < 5; n += 1) {
      await announce(
        incidentOf(`page-${n}`, {
          camera: 'crane',
          openedAt: toTimestamp(Date.UTC(2026, 0, 1, 12, n)),
          state: 'closed',
        }),
      );
    }
    const first = await get<IncidentPage>('/api/v1/incidents?camera=crane&limit=3');
    expect(first.incidents.map(({ id }) => id)).toEqual(['page-4', 'page-3', 'page-2']);
    const second = await get<IncidentPage>(
      `/api/v1/incidents?camera=crane&limit=3&cursor=${encodeURIComponent(first.next ?? '')}`,
    );
    expect(second.incidents.map(({ id }) => id)).toEqual(['page-1', 'page-0']);
    expect(second.next).toBeNull();
    expect((await get<IncidentPage>('/api/v1/incidents?camera=crane&state=open')).incidents).toEqual([]);
    expect((await fetch(`${base}/api/v1/incidents?limit=0`)).status).toBe(400);
    expect((await fetch(`${base}/api/v1/incidents?cursor=nonsense`)).status).toBe(400);
    expect((await fetch(`${base}/api/v1/incidents/none`)).status).toBe(404);
  });

  test('evidence is served by kind with its checksum', async () => {
    const incident = incidentOf('with-picture');
    await announce(incident);
    expect((await fetch(`${base}/api/v1/incidents/with-picture/evidence/annotated`)).status).toBe(404);
    await putPicture(incident);
    const response = await fetch(`${base}/api/v1/incidents/with-picture/evidence/annotated`);
    expect(response.headers.get('content-type')).toBe('image/jpeg');
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(response.headers.get('etag')).toBe(`"${sha256Hex(bytes)}"`);
    expect((await fetch(`${base}/api/v1/incidents/with-picture/evidence/secrets`)).status).toBe(400);
  });

  test('a judgement needs a name, is stored, and is in the answer', async () => {
    await announce(incidentOf('judged'));
    expect((await post('/api/v1/incidents/judged/acknowledge', { note: 'who?' })).status).toBe(400);
    expect((await post('/api/v1/incidents/judged/acknowledge', '{')).status).toBe(400);
    expect((await post('/api/v1/incidents/none/reject', { by: 'Ada' })).status).toBe(404);
    const answer = await post('/api/v1/incidents/judged/reject', { by: 'Ada', note: 'a scarecrow' });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ id: 'judged', rejected: { by: 'Ada', note: 'a scarecrow' } });
    const stored = await get<Incident>('/api/v1/incidents/judged');
    expect(stored.rejected).toMatchObject({ by: 'Ada' });
  });

  test('how long nobody judged it is measured, once', async () => {
    const measured = async (): Promise<string> => metrics.registry.metrics();
    await announce(incidentOf('waits', { severity: 'low', openedAt: toTimestamp(Date.now() - 200_000) }));
    for (const action of ['acknowledge', 'reject']) {
      expect((await post(`/api/v1/incidents/waits/${action}`, { by: 'Ada' })).status).toBe(200);
    }
    expect(await measured()).toContain('time_to_acknowledge_seconds_count{severity="low"} 1\n');
    expect(await measured()).toContain('time_to_acknowledge_seconds_bucket{le="120",severity="low"} 0\n');
  });
});

describe('mutes', () => {
  test('need an end, a reason and a name; are listed; can be ended', async () => {
    const until_ = toTimestamp(Date.now() + 60_000);
    const mute = { rule: 'person-on-road', until: until_, reason: 'works tonight', by: 'Ada' };
    expect((await post('/api/v1/mutes', { ...mute, rule: null })).status).toBe(400);
    expect((await post('/api/v1/mutes', { ...mute, until: toTimestamp(Date.now() - 1) })).status).toBe(400);
    expect((await post('/api/v1/mutes', { ...mute, reason: '' })).status).toBe(400);
    const made = await post('/api/v1/mutes', mute);
    expect(made.status).toBe(201);
    const { id } = (await made.json()) as { id: string };
    expect(await get('/api/v1/mutes')).toMatchObject({ mutes: [{ id, rule: 'person-on-road', camera: null }] });
    const ended = await fetch(`${base}/api/v1/mutes/${id}?by=Ada`, { method: 'DELETE' });
    expect(ended.status).toBe(204);
    expect(await get('/api/v1/mutes')).toEqual({ mutes: [] });
  });
});

describe('safety of the server', () => {
  test('another site in the same browser reaches nothing', async () => {
    const evil = await new Promise<number>((resolve, reject) => {
      const outgoing = request(`${base}/api/v1/cameras`, { headers: { host: 'evil.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      outgoing.on('error', reject).end();
    });
    expect(evil).toBe(403);
    const body = JSON.stringify({ by: 'Eve' });
    const foreign = await fetch(`${base}/api/v1/incidents/judged/reject`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'http://evil.example' },
      body,
    });
    expect(foreign.status).toBe(403);
    const form = await fetch(`${base}/api/v1/incidents/judged/reject`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body,
    });
    expect(form.status).toBe(415);
    const huge = await post('/api/v1/mutes', { reason: 'x'.repeat(200_000) });
    expect(huge.status).toBe(413);
  });

  test('a taken port and an open address are refused with their code', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const address = blocker.address();
    const port = address && typeof address === 'object' ? address.port : 0;
    const deps = { bus, site: SITE, log: silentLogger, metrics: noMetrics, clock: systemClock };
    const rest = { version: '', state, objects, refusedEdit: async () => null };
    const taken = new Console(deps, { bind: { host: '127.0.0.1', port }, ...rest });
    await expect(taken.start()).rejects.toMatchObject({ code: 'PORT_TAKEN' });
    await taken.stop();
    const open = new Console(deps, { bind: { host: '0.0.0.0', port: 0 }, ...rest });
    await expect(open.start()).rejects.toMatchObject({ code: 'CONFIG_BIND_REFUSED' });
    await open.stop();
    await new Promise((resolve) => blocker.close(resolve));
  });

  test('the OpenAPI document names every path', async () => {
    const document = await get<{ openapi: string; paths: Record<string, unknown> }>('/openapi.json');
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).sort()).toEqual([
      '/api/v1/agents',
      '/api/v1/agents/{id}/drain',
      '/api/v1/cameras',
      '/api/v1/cameras/apply',
      '/api/v1/cameras/{id}',
      '/api/v1/cameras/{id}/coverage',
      '/api/v1/cameras/{id}/snapshot.jpg',
      '/api/v1/incidents',
      '/api/v1/incidents/categories',
      '/api/v1/incidents/{id}',
      '/api/v1/incidents/{id}/acknowledge',
      '/api/v1/incidents/{id}/evidence/{kind}',
      '/api/v1/incidents/{id}/reject',
      '/api/v1/mutes',
      '/api/v1/mutes/{id}',
      '/api/v1/owners',
      '/api/v1/session',
    ]);
  });
});

describe('the page', () => {
  test('shows cameras and incidents live, and judges', { timeout: 300_000 }, async () => {
    const browser = await Browser.start();
    try {
      const { page, errors } = await browser.open(base);
      const gate = page.locator('[data-camera=gate]');
      await gate.waitFor();
      await until('the watched tile to be green', async () => (await gate.getAttribute('class'))?.includes(' watched'));
      const crane = page.locator('[data-camera=crane]');
      expect(await crane.getAttribute('class')).toContain('unwatched');
      await until('what is said of it', async () => (await crane.textContent())?.includes('nobody looks'));

      const notice = page.locator('#refused');
      expect(await notice.isVisible()).toBe(false);
      refusedEdit = { at: toTimestamp(Date.now()), why: 'site.yaml:3:1: <b>no</b>' };
      await notice.getByText('site.yaml:3:1: <b>no</b>').waitFor();
      expect(await get<SiteView>('/api/v1/cameras')).toMatchObject({ refusedEdit });
      refusedEdit = null;
      await notice.waitFor({ state: 'hidden' });

      const incident = incidentOf('live', { openedAt: toTimestamp(Date.now()), rule: '<b>rule</b>' });
      await announce(incident);
      const item = page.locator('[data-incident=live]');
      await item.waitFor();
      expect(await item.textContent()).toContain('<b>rule</b>');
      await putPicture(incident);
      await announce({ ...incident, revision: incident.revision + 1, transition: 'updated', peopleMax: 3 });
      await item.locator('img').waitFor();
      await until('the picture to be drawn', () =>
        item.locator('img').evaluate((img) => (img as unknown as { naturalWidth: number }).naturalWidth === 320),
      );
      expect(await item.textContent()).toContain('3 people');

      await item.getByRole('button', { name: 'Acknowledge' }).click();
      await page.getByLabel('Your name').fill('Ada');
      await page.locator('#judge-submit').click();
      await item.getByText('Acknowledged by Ada').waitFor();

      const other = incidentOf('noisy', { openedAt: toTimestamp(Date.now()), rule: 'wind' });
      await announce(other);
      await page.locator('[data-incident=noisy]').getByRole('button', { name: 'Mute' }).click();
      await page.getByLabel('Reason').fill('storm');
      await page.locator('#judge-submit').click();
      const mutes = page.locator('#mutes');
      await mutes.getByText('No messages of wind at gate').waitFor();
      await mutes.getByRole('button', { name: 'End' }).click();
      expect(await page.getByLabel('Reason').isVisible()).toBe(false);
      await page.locator('#judge-submit').click();
      await until('the mute to be gone', async () => !(await mutes.isVisible()));

      const linked = await browser.open(`${base}/#camera=crane`);
      await linked.page.locator('[data-camera=crane][aria-current=true]').waitFor();
      await linked.page.goto(`${base}/#incident=live`);
      await linked.page.locator('#viewer').getByText('<b>rule</b> at gate').waitFor();
      expect(linked.errors).toEqual([]);
      await linked.page.goto(`${base}/#camera=nowhere`);
      await linked.page.getByText('names the camera nowhere, which is not here').waitFor();

      const { cameras } = await get<{ cameras: CameraView[] }>('/api/v1/cameras');
      expect(cameras.find(({ id }) => id === 'gate')?.openIncidents).toBeGreaterThan(0);
      expect(errors).toEqual([]);

      await console_.stop();
      await page.locator('#alarm').waitFor();
      expect(await page.locator('#alarm').textContent()).toContain('No connection');
    } finally {
      await browser.close();
    }
  });
});
