/** Live state in Redis under everything that `up` runs: away for a minute, then emptied. Nothing is lost either time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SiteView } from '../../dashboards/console/views.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { residentBytes } from '../processes.ts';
import { RedisServer } from '../services/redis.ts';
import { until } from '../wait.ts';
import { Doorway } from './doorway.ts';
import { Receiver } from './receiver.ts';
import { banksman } from './up.ts';
import { metricSum } from './watch_bus.ts';

const AWAY_MS = 60_000;
const PASSWORD = 'correct horse battery staple';

describe.skipIf(!HAS_TEST_DATA)('state in Redis', () => {
  const redis = new RedisServer({ password: PASSWORD });
  const receiver = new Receiver();
  let doorway: Doorway;

  beforeAll(async () => {
    await Promise.all([redis.start(), receiver.start()]);
    doorway = await Doorway.start({
      site: {
        state: { store: 'redis', redis: { url: redis.url, password: '${REDIS_PASSWORD}' } },
        alerts: { webhooks: [{ id: 'ops', url: receiver.url }] },
      },
      env: { REDIS_PASSWORD: PASSWORD },
    });
  }, 180_000);

  afterAll(async () => {
    await doorway?.[Symbol.asyncDispose]();
    await Promise.all([receiver.stop(), redis.stop()]);
  });

  /** Until the index has exactly these, closed and with their evidence. */
  async function stored(ids: readonly string[]): Promise<void> {
    await until('all of them in the index', async () => {
      const all = await doorway.up.incidents();
      const whole = all.filter(({ state, evidence }) => state === 'closed' && evidence.length >= 3);
      return all.length === ids.length && ids.every((id) => whole.some((one) => one.id === id));
    });
  }

  const site = async (): Promise<SiteView> => {
    const response = await fetch(`${doorway.up.console}/api/v1/cameras`);
    return (await response.json()) as SiteView;
  };

  test('it is away for a minute: messages go out, the console says so, and all comes in after', async () => {
    const { up } = doorway;
    const ids = [(await doorway.visit()).id];
    await stored(ids);
    const sink = up.role('sink')?.pid ?? 0;
    const before = residentBytes(sink);
    await redis.kill();
    const gone = performance.now();
    ids.push((await doorway.visit()).id);
    await until('the console to say so', async () => (await site()).stateStore?.code === 'REDIS_UNREACHABLE');
    await expect
      .poll(async () => (await site()).cameras, { timeout: 60_000 })
      .toMatchObject([{ id: 'gate', watched: false, reason: 'REDIS_UNREACHABLE' }]);
    const asked = await banksman(['incidents', '-c', up.configPath], up.env);
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining('[REDIS_UNREACHABLE]')]);
    ids.push((await doorway.visit()).id);
    await sleep(Math.max(0, AWAY_MS - (performance.now() - gone)));
    // Nobody was kept from hearing of it.
    for (const id of ids) await until('the message', () => receiver.received.some(({ key }) => key === `${id}/1`));
    await until(
      'the store to be away',
      async () => metricSum(await up.metrics(), 'store_available', { store: 'state' }) === 0,
    );

    await redis.start();
    await stored(ids);
    await until('the console to be well', async () => {
      const { stateStore, cameras } = await site();
      return stateStore === null && cameras[0]?.watched;
    });
    const text = await until('the store to be there', async () => {
      const said = await up.metrics();
      return metricSum(said, 'store_available', { store: 'state' }) === 1 && said;
    });
    expect(metricSum(text, 'role_restarts_total')).toBe(0);
    expect(metricSum(text, 'state_rebuilds_total')).toBe(0);
    expect(residentBytes(sink) - before).toBeLessThan(64 * 1024 * 1024);
    for (const [key, times] of receiver.counts()) expect([key, times]).toEqual([key, 1]);
    // Said once, not at each attempt, and once that it is over; never the password. A machine that stalls for the four
    // seconds in which Redis must answer has it said once more.
    const said = up.output.match(/the state store fails/g)?.length ?? 0;
    expect(said).toBeGreaterThanOrEqual(1);
    expect(said).toBeLessThanOrEqual(3);
    expect(up.output).not.toContain(PASSWORD);
  }, 300_000);

  test('it is emptied: what topics have is in it again', async () => {
    const { up } = doorway;
    const before = await up.incidents();
    expect(before.length).toBeGreaterThan(0);
    await redis.command('FLUSHALL');
    await stored(before.map(({ id }) => id));
    await until('the console to be well', async () => (await site()).stateStore === null);
    expect(await up.incidents()).toEqual(before);
    expect(metricSum(await up.metrics(), 'state_rebuilds_total')).toBeGreaterThan(0);
    await doorway.visit();
  }, 300_000);
});
