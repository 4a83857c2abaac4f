import { request } from 'node:http';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeClock, systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { PrometheusMetrics } from '../../runtime/prometheus.ts';
import { cameraRecord } from '../../test/ingest/camera_record.ts';
import { until } from '../../test/wait.ts';
import { Counters } from '../counters.ts';
import { type CameraMedia, type LiveSource, MAX_VIEWERS } from './camera_media.ts';
import { LiveFeed } from './feed.ts';
import { MediaServer, type MediaServerOptions } from './server.ts';
import { CODEC, TestViewer, unit } from './testing.ts';
import { MAX_WAITING_BYTES, Viewer } from './viewer.ts';

vi.setConfig({ testTimeout: 120_000 });
const TOKEN = 'a-fleet-token-long-enough';
const GATE = cameraRecord({ camera: 'gate', url: 'rtsp://unused' });
const MASKED = { ...GATE, privacy_masks: [[[0, 0] as [number, number], [1, 0], [1, 1]] as [number, number][]] };

let metrics: PrometheusMetrics;
let servers: MediaServer[];
let viewers: TestViewer[];

beforeEach(() => {
  metrics = new PrometheusMetrics();
  servers = [];
  viewers = [];
});
afterEach(async () => {
  for (const viewer of viewers) viewer.end();
  for (const server of servers) await server.stop();
});

async function start(options: Partial<MediaServerOptions> = {}): Promise<MediaServer> {
  const server = new MediaServer({
    ...{ advertise: null, fleetToken: null, clock: systemClock, metrics, log: silentLogger },
    bind: { host: '127.0.0.1', port: 0 },
    ...options,
  });
  await server.start();
  servers.push(server);
  return server;
}

/** A camera process of this process. */
class Source implements LiveSource {
  readonly live = new PassThrough({ highWaterMark: 64 * 2 ** 20 });
  isWatched = false;
  readonly #feed = new LiveFeed(new Counters(), () => this.live);
  readonly #runId: string;

  constructor(runId = 'run-1') {
    this.#runId = runId;
  }

  watch(on: boolean): void {
    this.isWatched = on;
    this.#feed.watch(on);
  }

  /** Key pictures are those in capitals. */
  push(marks: string, bytes = 0): void {
    for (const mark of marks) {
      const time = { timeMs: 1_700_000_000_000, estimated: false, runId: this.#runId };
      this.#feed.unit(unit(mark, { key: mark !== mark.toLowerCase(), bytes }), time);
    }
  }
}

function watch(media: CameraMedia, headers: Record<string, string> = {}): TestViewer {
  const viewer = new TestViewer(`${media.url}/live`, headers);
  viewers.push(viewer);
  return viewer;
}

async function joined(media: CameraMedia): Promise<TestViewer> {
  const viewer = watch(media);
  await until('it to watch', () => viewer.isOpen);
  return viewer;
}

const marks = (viewer: TestViewer): string => viewer.marks.join('');
const metric = async (name: string): Promise<string> =>
  (await metrics.registry.metrics()).split(`# HELP ${name} `)[1] ?? '';

describe('live video', () => {
  it('reaches all that watch, each from a key picture on, and comes from the camera only while somebody does', async () => {
    const media = (await start()).open(GATE, 7);
    const source = new Source();
    media.attach(source);
    source.push('AbCd');
    expect(source.isWatched).toBe(false);
    const first = await joined(media);
    await until('the group so far', () => marks(first) === 'Cd');
    source.push('e');
    const second = await joined(media);
    await until('the same for who comes later', () => marks(second) === 'Cde');
    source.push('F');
    await until('both to go on', () => marks(first) === 'CdeF' && marks(second) === 'CdeF');
    expect(first.seen[0]).toMatchObject({
      text: { type: 'stream', codec: CODEC, width: 320, height: 180, runId: 'run-1', camera: 'gate', epoch: 7 },
    });
    expect([first, second].map(({ descriptions }) => descriptions.length)).toEqual([1, 1]);
    expect(await metric('banksman_live_viewers')).toContain('{camera="gate"} 2');

    first.end();
    second.socket.close();
    await until('nobody to watch', () => !source.isWatched);
    expect(await metric('banksman_live_viewers')).toContain('{camera="gate"} 0');
    source.push('g');
    const third = await joined(media);
    await until('the group so far', () => marks(third) === 'Fg');
  });

  it('goes on with the next session of the camera, which it tells of', async () => {
    const media = (await start()).open(GATE, 7);
    const viewer = await joined(media);
    const source = new Source();
    media.attach(source);
    source.push('Ab');
    await until('the first session', () => marks(viewer) === '|Ab');
    media.detach();
    source.push('c');
    const next = new Source('run-2');
    media.attach(next);
    expect(next.isWatched).toBe(true);
    next.push('De');
    await until('the next session', () => marks(viewer) === '|Ab|De');
    expect(viewer.descriptions.map(({ runId }) => runId)).toEqual(['run-1', 'run-2']);
  });

  it('is left out for who is slow, up to a key picture, counted; nobody else notices', async () => {
    const media = (await start()).open(GATE, 7);
    const source = new Source();
    media.attach(source);
    const [slow, quick] = [await joined(media), await joined(media)];
    slow.socket.pause();
    const bytes = 400_000;
    source.push('A', bytes);
    const shed = async (): Promise<number> =>
      Number(/reason="viewer_slow"} (\d+)/.exec(await metric('banksman_live_units_shed_total'))?.[1] ?? 0);
    // What the system takes for it is not known; its queue is bounded.
    let pushed = 1;
    while ((await shed()) === 0) {
      expect(pushed * bytes).toBeLessThan(10 * MAX_WAITING_BYTES);
      source.push('b', bytes);
      pushed += 1;
      await until('the quick one to have it', () => quick.units.length === pushed);
    }
    source.push('c');
    await until('what follows to be missed as well', async () => (await shed()) === 2);
    slow.socket.resume();
    await until('it to have caught up', () => slow.units.length === pushed - 1);
    source.push('d');
    source.push('E');
    source.push('f');
    await until('it to go on', () => marks(slow).endsWith('|Ef'));
    expect(marks(slow)).toBe(`|A${'b'.repeat(pushed - 2)}|Ef`);
    expect(marks(quick)).toBe(`|A${'b'.repeat(pushed - 1)}cdEf`);
    expect(await shed()).toBe(3);
  });

  it('ends for all when the camera is not run here any more, and is not found after that', async () => {
    const server = await start();
    const media = server.open(GATE, 7);
    const source = new Source();
    media.attach(source);
    const viewer = await joined(media);
    media.close();
    await until('the end', () => viewer.closed);
    expect(viewer.closed).toEqual([4404, 'MEDIA_NOT_HERE']);
    expect(source.isWatched).toBe(false);
    const late = watch(media);
    await until('an answer', () => late.refused);
    expect(late.refused).toEqual([404, expect.stringContaining('"code":"MEDIA_NOT_HERE"')]);
    expect(await metric('banksman_live_viewers')).not.toContain('gate');
  });

  it('ends when the agent does', async () => {
    const server = await start();
    const viewer = await joined(server.open(GATE, 7));
    await server.stop();
    await until('the end', () => viewer.closed);
    expect(viewer.closed?.[0]).toBe(1001);
  });

  it('ends for who takes nothing for half a minute', async () => {
    const clock = new FakeClock();
    const media = (await start({ clock })).open(GATE, 7);
    const [gone, there] = [await joined(media), await joined(media)];
    // It reads nothing, so it answers nothing.
    gone.socket.pause();
    const answers = vi.spyOn(Viewer.prototype, 'heard');
    for (let n = 0; n < 5; n += 1) {
      const before = answers.mock.calls.length;
      await clock.advance(10_000);
      await until('the one that is there to answer', () => answers.mock.calls.length > before);
    }
    answers.mockRestore();
    await until('the other to be gone', async () => (await metric('banksman_live_viewers')).includes('} 1'));
    expect(there.isOpen).toBe(true);
  });
});

describe('what is refused', () => {
  it('a camera with privacy masks, at once when it gets them, and no more when it loses them', async () => {
    const media = (await start()).open(GATE, 7);
    const source = new Source();
    media.attach(source);
    const viewer = await joined(media);
    media.configure(MASKED);
    source.push('A');
    await until('the end', () => viewer.closed);
    expect(viewer.closed).toEqual([4403, 'MEDIA_MASKED']);
    expect(viewer.units).toEqual([]);
    expect(source.isWatched).toBe(false);
    const late = watch(media);
    await until('an answer', () => late.refused);
    expect(late.refused).toEqual([403, expect.stringMatching(/"code":"MEDIA_MASKED".*privacy masks.*"mend":"/)]);
    expect(await (await fetch(media.url)).json()).toMatchObject({ live: { refused: 'MEDIA_MASKED' } });
    media.configure(GATE);
    await joined(media);
  });

  it('more viewers than a camera may have', async () => {
    const media = (await start()).open(GATE, 7);
    for (let n = 0; n < MAX_VIEWERS; n += 1) await joined(media);
    const late = watch(media);
    await until('an answer', () => late.refused);
    expect(late.refused).toEqual([503, expect.stringContaining('MEDIA_TOO_MANY_VIEWERS')]);
    viewers[0]?.end();
    await until('room', async () => (await metric('banksman_live_viewers')).includes(`} ${MAX_VIEWERS - 1}`));
    await joined(media);
  });

  it('whoever has no token, beyond this machine', async () => {
    await expect(start({ bind: { host: '0.0.0.0', port: 0 } })).rejects.toMatchObject({
      code: 'CONFIG_BIND_REFUSED',
      where: 'media.bind 0.0.0.0:0',
    });
    const bind = { host: '0.0.0.0', port: 0 };
    const server = await start({ bind, fleetToken: { text: TOKEN } });
    const port = new URL(server.address).port;
    const media = server.open(GATE, 7);
    const live = `http://127.0.0.1:${port}/v1/cameras/gate/live`;
    const asked = async (headers: Record<string, string>): Promise<TestViewer> => {
      const viewer = new TestViewer(live, headers);
      viewers.push(viewer);
      await until('an answer', () => viewer.refused ?? viewer.isOpen);
      return viewer;
    };
    expect((await asked({})).refused).toEqual([401, expect.stringContaining('send the fleet token')]);
    expect((await asked({ authorization: 'Bearer wrong' })).refused).toEqual([401, expect.any(String)]);
    expect((await fetch(live.replace('/live', ''))).status).toBe(401);
    // A browser that shows the token is one that somebody gave it to.
    const right = await asked({ authorization: `Bearer ${TOKEN}`, origin: 'https://viewer.example' });
    expect(right.isOpen).toBe(true);
    expect(media.viewers.size).toBe(1);
  });

  it.each([
    ['of another site', { origin: 'https://evil.example' }, 403],
    ['without a place', { origin: 'null' }, 403],
    ['by a name that was made to mean this machine', { host: 'evil.example' }, 403],
    ['of this machine', { origin: 'http://localhost:8080' }, 200],
  ])('on loopback a page %s: %s', async (_what, headers, status) => {
    const media = (await start()).open(GATE, 7);
    const viewer = watch(media, headers);
    await until('an answer', () => viewer.refused ?? viewer.isOpen);
    expect(viewer.refused?.[0] ?? 200).toBe(status);
    if (status === 403) expect(viewer.refused?.[1]).toContain('MEDIA_FOREIGN_PAGE');
  });

  it('what is no live video', async () => {
    const server = await start();
    const media = server.open(GATE, 7);
    expect(await (await fetch(media.url)).json()).toEqual({
      ...{ site: 'yard', camera: 'gate', epoch: 7 },
      live: { url: `${media.url.replace('http', 'ws')}/live`, refused: null },
    });
    expect((await fetch(`${media.url}/live`)).status).toBe(426);
    expect((await fetch(media.url, { method: 'POST' })).status).toBe(400);
    for (const path of ['/', '/v1/cameras/road/live', '/v1/cameras/%zz/live']) {
      const answer = await fetch(server.address + path);
      expect([answer.status, await answer.json()]).toEqual([404, expect.objectContaining({ code: 'MEDIA_NOT_HERE' })]);
    }
    const wrong = new TestViewer(media.url);
    viewers.push(wrong);
    await until('an answer', () => wrong.refused);
    expect(wrong.refused?.[0]).toBe(400);
  });

  it('who is refused and does not hang up: it holds nothing, nor the end', async () => {
    const server = await start();
    const { hostname, port } = new URL(server.address);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const head = [
      'GET /v1/cameras/nowhere/live HTTP/1.1',
      `Host: ${hostname}:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ];
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    await until('an answer', () => answer.includes('MEDIA_NOT_HERE'));
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    await server.stop();
    socket.destroy();
  });

  it('a viewer that talks, and one that is none', async () => {
    const media = (await start()).open(GATE, 7);
    const viewer = await joined(media);
    viewer.socket.send('x'.repeat(10_000));
    await until('the end', () => viewer.closed);
    expect(viewer.closed?.[0]).toBe(1009);
    const { hostname, port } = new URL(media.url);
    const headers = { connection: 'upgrade', upgrade: 'smoke' };
    const status = new Promise((resolve) => {
      request({ hostname, port, path: '/v1/cameras/gate/live', headers }, ({ statusCode }) =>
        resolve(statusCode),
      ).end();
    });
    expect(await status).toBe(400);
  });
});

describe('its address', () => {
  it('is where it listens, or what it is said to be', async () => {
    expect((await start()).address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await start({ bind: { host: '::1', port: 0 } })).address).toMatch(/^http:\/\/\[::1\]:\d+$/);
    const everywhere = await start({ bind: { host: '0.0.0.0', port: 0 }, fleetToken: { text: TOKEN } });
    expect(everywhere.address).not.toContain('0.0.0.0');
    const proxied = await start({ advertise: 'https://media.yard.example/agent-1/' });
    expect(proxied.open(GATE, 7).url).toBe('https://media.yard.example/agent-1/v1/cameras/gate');
  });

  it('that another has, or that this machine has not, is told', async () => {
    const port = Number(new URL((await start()).address).port);
    const taken = start({ bind: { host: '127.0.0.1', port } });
    await expect(taken).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      where: `media.bind 127.0.0.1:${port}`,
      mend: expect.stringContaining('another port'),
    });
    const elsewhere = start({ bind: { host: '192.0.2.1', port: 0 }, fleetToken: { text: TOKEN } });
    await expect(elsewhere).rejects.toMatchObject({ code: 'CONFIG_INVALID_VALUE', where: 'media.bind 192.0.2.1:0' });
  });
});
