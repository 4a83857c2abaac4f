/** Every way in which `up` ends: asked to, by the clock, and killed with nobody left to ask. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { until } from '../wait.ts';
import { EndedSite, isUp } from './ends.ts';

describe.skipIf(!HAS_TEST_DATA)('the end of up', { timeout: 300_000 }, () => {
  let server: RtspServer;
  let site: EndedSite;

  beforeAll(async () => {
    server = await startRtspServer({
      streams: [{ path: '/cam', source: { kind: 'pattern', width: 320, height: 180, fps: 5 } }],
    });
    site = await EndedSite.make({
      cameras: { gate: { url: server.url('/cam') } },
      rules: [{ id: 'anybody', type: 'zone_entry' }],
    });
  }, 120_000);
  afterAll(async () => {
    await site?.remove();
    await server?.stop();
  });

  const plays = async (): Promise<boolean> => (await server.clients()) > 0;

  test('SIGTERM', async () => {
    const command = site.up();
    await until('the camera to play', plays);
    await until('it to run', () => isUp(command));
    command.signal('SIGTERM');
    const ended = await command.ended();
    expect([ended.code, ended.signal]).toEqual([0, null]);
    await site.left(command, ended);
  });

  test('the time that it was given', async () => {
    const command = site.up('--for', '5s');
    let began = performance.now();
    await until('it to run', async () => {
      const now = performance.now();
      // What it has written by now is read: it began no earlier than the last look that found nothing.
      await new Promise((resolve) => setImmediate(resolve));
      if (isUp(command)) return true;
      began = now;
      return false;
    });
    const ended = await command.ended();
    // A timer may be a moment early.
    expect(performance.now() - began).toBeGreaterThan(4_990);
    expect([ended.code, ended.signal]).toEqual([0, null]);
    await site.left(command, ended);
  });

  test('SIGKILL of the supervisor: its roles end by themselves, the next one starts', async () => {
    const killed = site.up();
    await until('the camera to play', plays);
    await until('it to run', () => isUp(killed));
    await until('the camera process, four roles and the supervisor', () => killed.left().length === 6);
    killed.signal('SIGKILL');
    const began = performance.now();
    // Two seconds by their own clocks; the limit is for a machine that is busy with other tests.
    await until('the others to end', () => killed.left().length === 0);
    console.log(`the last role ended ${((performance.now() - began) / 1000).toFixed(1)} s after its supervisor`);
    expect((await killed.ended()).signal).toBe('SIGKILL');
    await until('the camera to be let go', async () => !(await plays()));

    const next = site.up();
    await until('the camera to play', plays);
    await until('it to run', () => isUp(next));
    next.interrupt();
    const ended = await next.ended();
    expect([ended.code, ended.signal]).toEqual([0, null]);
    await site.left(next, ended);
  });
});
