/** Live state in Redis under everything that `up` runs: away for a minute, then emptied. Nothing is lost either time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SiteView } from '../../dashboards/console/views.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA, ONE_BY_ONE } from '../data.ts';
import { residentBytes } from '../processes.ts';
import { RedisServer } from '../services/redis.ts';
import { until } from '../wait.ts';
import { Receiver } from './receiver.ts';
import { banksman, Up } from './up.ts';
import { BusWatch, metricSum } from './watch_bus.ts';

const AWAY_MS = 60_000;
const PASSWORD = 'correct horse battery staple';

describe.skipIf(!HAS_TEST_DATA)('state in Redis', () => {
  const redis = new RedisServer({ password: PASSWORD });
  const receiver = new Receiver();
  let server: RtspServer;
  let up: Up;
  let watch: BusWatch;
  let incidents: Incident[];

  beforeAll(async () => {
    await Promise.all([redis.start(), receiver.start()]);
    server = await startRtspServer({
      streams: [
        {
          path: '/gate',
          source: {
            kind: 'file',
            scenes: {
              empty: [{ file: ONE_BY_ONE, fromS: 0, toS: 5 }],
              person: [{ file: ONE_BY_ONE, fromS: 30, toS: 34 }],
            },
            scene: 'empty',
            encode: { width: 640, height: 360, fps: 10, keyInt: 10, bitrateKbps: 1000 },
          },
        },
      ],
    });
    up = await Up.start(
      {
        detect: { workers: 1 },
        cameras: { gate: { url: server.url('/gate'), sampling: { active_fps: 5, width_px: 640 } } },
        rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'], hold_s: 1, cool_down_s: 0 }],
        state: { store: 'redis', redis: { url: redis.url, password: '${REDIS_PASSWORD}' } },
        alerts: { webhooks: [{ id: 'ops', url: receiver.url }] },
      },
      { REDIS_PASSWORD: PASSWORD },
    );
    watch = await BusWatch.connect(up);
    incidents = watch.follow('incidents.v1');
    await until('the camera to be watched', async () => /camera_watched\{camera="gate"\} 1/.test(await up.metrics()));
  }, 180_000);

  afterAll(async () => {
    await watch?.close();
    await up?.[Symbol.asyncDispose]();
    await Promise.all([server?.stop(), receiver.stop(), redis.stop()]);
  });

  /** Somebody comes and goes. @returns the incident's id. */
  async function visit(): Promise<string> {
    const known = new Set(incidents.map(({ id }) => id));
    await server.scene('/gate', 'person');
    const { id } = await until('an incident', () => incidents.find((one) => !known.has(one.id)));
    await server.scene('/gate', 'empty');
    await until('it to be closed', () => incidents.some((one) => one.id === id && one.state === 'closed'));
    return id;
  }

  /** Until the index has exactly these, closed and with their evidence. */
  async function stored(ids: readonly string[]): Promise<void> {
    await until('all of them in the index', async () => {
      const all = await up.incidents();
      const whole = all.filter(({ state, evidence }) => state === 'closed' && evidence.length >= 3);
      return all.length === ids.length && ids.every((id) => whole.some((one) => one.id === id));
    });
  }

  const site = async (): Promise<SiteView> => {
    const response = await fetch(`${up.console}/api/v1/cameras`);
    return (await response.json()) as SiteView;
  };

  test('it is away for a minute: messages go out, the console says so, and all comes in after', async () => {
    const ids = [await visit()];
    await stored(ids);
    const sink = up.role('sink')?.pid ?? 0;
    const before = residentBytes(sink);
    await redis.kill();
    const gone = performance.now();
    ids.push(await visit());
    await until('the console to say so', async () => (await site()).stateStore?.code === 'REDIS_UNREACHABLE');
    expect((await site()).cameras).toMatchObject([{ id: 'gate', watched: false, reason: 'REDIS_UNREACHABLE' }]);
    const asked = await banksman(['incidents', '-c', up.configPath], up.env);
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining('[REDIS_UNREACHABLE]')]);
    ids.push(await visit());
    await sleep(Math.max(0, AWAY_MS - (performance.now() - gone)));
    // Nobody was kept from hearing of it.
    for (const id of ids) await until('the message', () => receiver.received.some(({ key }) => key === `${id}/1`));
    expect(metricSum(await up.metrics(), 'store_available', { store: 'state' })).toBe(0);

    await redis.start();
    await stored(ids);
    await until('the console to be well', async () => {
      const { stateStore, cameras } = await site();
      return stateStore === null && cameras[0]?.watched;
    });
    const text = await up.metrics();
    expect(metricSum(text, 'store_available', { store: 'state' })).toBe(1);
    expect(metricSum(text, 'role_restarts_total')).toBe(0);
    expect(metricSum(text, 'state_rebuilds_total')).toBe(0);
    expect(residentBytes(sink) - before).toBeLessThan(64 * 1024 * 1024);
    for (const [key, times] of receiver.counts()) expect([key, times]).toEqual([key, 1]);
    // Said once, and once that it is over; never the password.
    expect(up.output.match(/the state store fails/g)).toHaveLength(1);
    expect(up.output).not.toContain(PASSWORD);
  }, 300_000);

  test('it is emptied: what topics have is in it again', async () => {
    const before = await up.incidents();
    expect(before.length).toBeGreaterThan(0);
    await redis.command('FLUSHALL');
    await stored(before.map(({ id }) => id));
    await until('the console to be well', async () => (await site()).stateStore === null);
    expect(await up.incidents()).toEqual(before);
    expect(metricSum(await up.metrics(), 'state_rebuilds_total')).toBeGreaterThan(0);
    await visit();
  }, 300_000);
});
