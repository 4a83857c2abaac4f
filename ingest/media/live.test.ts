/** Live video of cameras that send it, through agents and camera processes as they are. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { busSocketPath } from '../../runtime/bus/local/paths.ts';
import { LocalBusServer } from '../../runtime/bus/local/server.ts';
import { type BusAddress, openBus } from '../../runtime/bus/open.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { CameraRecord } from '../../runtime/messages/types.ts';
import { PrometheusMetrics } from '../../runtime/prometheus.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { Browser } from '../../test/browser.ts';
import { statusOf } from '../../test/fleet/camera_status.ts';
import { cameraRecord } from '../../test/ingest/camera_record.ts';
import { until as untilWithin } from '../../test/wait.ts';
import { IngestAgent } from '../agent.ts';
import { H264Decoder } from '../rtsp/decoder.ts';
import { MediaServer } from './server.ts';
import { TestViewer } from './testing.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });
const PATTERN = { kind: 'pattern', width: 320, height: 180, fps: 10, encode: { keyInt: 10 } } as const;
const until: typeof untilWithin = (what, condition) => untilWithin(what, condition, 90_000);

let dir: string;
let busServer: LocalBusServer;
let busAddress: BusAddress;
let bus: Bus;
let cameras: RtspServer;
let agents: Map<string, { agent: IngestAgent; media: MediaServer; metrics: PrometheusMetrics }>;
let viewers: TestViewer[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'banksman-live-'));
  busServer = new LocalBusServer({ dataDir: dir });
  await busServer.start();
  busAddress = { type: 'local', socket: busSocketPath(dir) };
  bus = await openBus(busAddress, { clientId: 'test', log: silentLogger, onLost: () => undefined });
  cameras = await startRtspServer({ streams: ['/gate', '/road'].map((path) => ({ path, source: PATTERN })) });
  agents = new Map();
  viewers = [];
});
afterEach(async () => {
  for (const viewer of viewers) viewer.end();
  await Promise.all([...agents.keys()].map(end));
  await cameras.stop();
  await bus.close();
  await busServer.stop();
  rmSync(dir, { recursive: true });
});

async function startAgent(agentId: string, alone: boolean): Promise<void> {
  const metrics = new PrometheusMetrics();
  const own = { clock: systemClock, metrics, log: silentLogger };
  const media = new MediaServer({ ...own, bind: { host: '127.0.0.1', port: 0 }, advertise: null, fleetToken: null });
  await media.start();
  const agent = new IngestAgent({
    ...{ bus, busAddress, site: 'yard', agentId, alone, media, ...own },
    dataDir: join(dir, agentId),
    // A machine that starts processes for other tests as well is slow.
    heartbeatLimitMs: 60_000,
    preflightTimeoutMs: 30_000,
  });
  agents.set(agentId, { agent, media, metrics });
  await agent.start();
}

async function end(agentId: string): Promise<void> {
  const found = agents.get(agentId);
  agents.delete(agentId);
  await found?.agent.stop();
  await found?.media.stop();
}

async function put(camera: string, changes: Partial<CameraRecord> = {}): Promise<void> {
  const record = cameraRecord({ camera, url: cameras.url(`/${camera}`), ...changes });
  await bus.producer().send('cameras.v1', { key: cameraKey('yard', camera), value: encodeJson(record) });
}

/** Where the camera's record says that its media is, once it is seen. */
function mediaOf(camera: string): Promise<string> {
  return until(`the media of ${camera}`, async () => {
    const status = await statusOf(bus, camera);
    return (status?.state === 'idle' || status?.state === 'active') && status.media?.url;
  });
}

/** Who serves a camera, seen by a viewer that got a unit. An agent that stood still has its cameras stop and begin. */
function serving(camera: string): Promise<{ agent: string; url: string; viewer: TestViewer }> {
  return until(`units of ${camera}`, async () => {
    const url = await mediaOf(camera);
    const [agent] = [...agents].find(([, { media }]) => url.startsWith(`${media.address}/`)) ?? [];
    const viewer = watch(url);
    await until('an answer', () => viewer.units.length > 0 || viewer.refused || viewer.closed);
    return agent !== undefined && viewer.isOpen && { agent, url, viewer };
  });
}

function watch(url: string): TestViewer {
  const viewer = new TestViewer(`${url}/live`);
  viewers.push(viewer);
  return viewer;
}

/** @returns how many pictures a decoder makes of the units, and the capture time of the first. */
async function decoded(units: TestViewer['units']): Promise<{ pictures: number; firstMs: number }> {
  const decoder = new H264Decoder({ lumaWidth: 160, lumaHeight: 90 });
  let pictures = 0;
  let firstMs = 0;
  decoder.start({
    onFrame: ({ stamp, corrupt }) => {
      if (pictures === 0) firstMs = stamp.timeMs;
      if (!corrupt) pictures += 1;
    },
    onFailure: () => undefined,
  });
  let at = 0;
  for (const { data, timeMs, key } of units) {
    const sent = { data, ptsMs: at++ * 40, arrivalMs: 0, key, discont: false, damaged: false };
    decoder.push(sent, { timeMs, receiveMs: timeMs, estimated: false, key });
  }
  await until('pictures', () => pictures >= units.length - 1);
  decoder.stop();
  return { pictures, firstMs };
}

describe('live video', () => {
  it('can be decoded from its first unit on, and goes on when the camera comes back', async () => {
    await put('gate');
    await startAgent('a', true);
    const url = await mediaOf('gate');
    const status = await statusOf(bus, 'gate');
    const askedAtMs = Date.now();
    const viewer = watch(url);
    await until('some units', () => viewer.units.length >= 15);
    expect(viewer.descriptions).toEqual([
      expect.objectContaining({ type: 'stream', width: 320, height: 180, camera: 'gate', epoch: status?.epoch }),
    ]);
    expect(viewer.descriptions[0]?.codec).toMatch(/^avc1\.[0-9a-f]{6}$/);
    expect(viewer.descriptions[0]?.runId).toBe(status?.runId);
    expect(viewer.units[0]?.key).toBe(true);
    const times = viewer.units.map(({ timeMs }) => timeMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(Math.abs((times[0] ?? 0) - askedAtMs)).toBeLessThan(60_000);
    expect(await decoded(viewer.units.slice(0, 15))).toEqual({
      pictures: expect.any(Number),
      firstMs: expect.closeTo(times[0] ?? 0, 0),
    });

    await cameras.disconnect();
    await until('the next session', () => viewer.descriptions.length === 2);
    const [before, after] = viewer.descriptions.map(({ runId }) => runId);
    expect((after ?? '') > (before ?? '')).toBe(true);
    const from = viewer.seen.findLastIndex((one) => 'text' in one) + 1;
    const first = await until('its first unit', () => viewer.seen[from]);
    expect(first).toMatchObject({ unit: { key: true, discontinuity: true } });
    expect(viewer.isOpen).toBe(true);

    await end('a');
    await until('it to be told that there is none', async () => {
      const ended = await statusOf(bus, 'gate');
      return ended?.state === 'stopped' && ended.media === null;
    });
  });

  it('stays what it is when a camera process dies, and ends with masks or with the camera', async () => {
    await put('gate');
    await startAgent('a', true);
    const url = await mediaOf('gate');
    const viewer = watch(url);
    await until('some units', () => viewer.units.length > 0);
    process.kill(agents.get('a')?.agent.pidOf('gate') ?? 0, 'SIGKILL');
    await until('the next process', () => viewer.descriptions.length === 2);

    const corner: [number, number][] = [
      [0, 0],
      [0.2, 0],
      [0, 0.2],
    ];
    await put('gate', { privacy_masks: [corner] });
    await until('the end', () => viewer.closed);
    expect(viewer.closed).toEqual([4403, 'MEDIA_MASKED']);
    const masked = watch(url);
    await until('an answer', () => masked.refused);
    expect(masked.refused).toEqual([403, expect.stringContaining('"code":"MEDIA_MASKED"')]);

    await put('gate');
    const again = await until('it to be let in', async () => {
      const one = watch(url);
      await until('an answer', () => one.refused ?? one.isOpen);
      return one.isOpen && one;
    });
    await bus.producer().send('cameras.v1', { key: cameraKey('yard', 'gate'), value: null });
    await until('the end', () => again.closed);
    expect(again.closed).toEqual([4404, 'MEDIA_NOT_HERE']);
    expect((await fetch(url)).status).toBe(404);
  });

  it('is shown by a page as the README has it', async () => {
    await put('gate');
    await startAgent('a', true);
    const url = await mediaOf('gate');
    const script = /```js\n(.*?)```/s.exec(readFileSync(join(import.meta.dirname, 'README.md'), 'utf8'))?.[1] ?? '';
    expect(script).toContain('VideoDecoder');
    const given = `const url = '${url}'; const seen = []; const show = (frame) => {
      seen.push([frame.displayWidth, frame.displayHeight, frame.timestamp]); frame.close(); };`;
    const html = `<script>const seenSoFar = () => seen; ${given} ${script}</script>`;
    // WebCodecs are for pages of this machine, or with HTTPS.
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(html);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browser = await Browser.start();
    try {
      const address = server.address();
      const port = address && typeof address === 'object' ? address.port : 0;
      const { page } = await browser.open(`http://127.0.0.1:${port}/`);
      const pictures = await until('pictures', async () => {
        const seen: [number, number, number][] = JSON.parse(await page.evaluate('JSON.stringify(seenSoFar())'));
        return seen.length > 10 && seen;
      });
      expect(pictures[0]?.slice(0, 2)).toEqual([320, 180]);
      expect(Math.abs((pictures[0]?.[2] ?? 0) / 1_000 - Date.now())).toBeLessThan(120_000);
    } finally {
      await browser.close();
      server.close();
      server.closeAllConnections();
    }
  });

  it('of two agents each serves its own; who leaves says so to its viewers', async () => {
    await Promise.all([startAgent('a', false), startAgent('b', false)]);
    await put('gate');
    await put('road');
    const [gate, road] = await until('each to serve one', async () => {
      const found = await Promise.all([serving('gate'), serving('road')]);
      return found[0].agent !== found[1].agent && found;
    });
    const other = agents.get(road.agent)?.media.address;
    expect((await fetch(`${other}/v1/cameras/gate`)).status).toBe(404);

    await end(gate.agent);
    await until('its viewers to be told', () => gate.viewer.closed);
    expect(gate.viewer.closed).toEqual([4404, 'MEDIA_NOT_HERE']);
    const moved = await until('the other to serve it', async () => {
      const found = await serving('gate');
      return found.agent === road.agent && found;
    });
    expect(moved.viewer.descriptions[0]?.['camera']).toBe('gate');
    expect(moved.url).toBe(`${other}/v1/cameras/gate`);
  });
});
