/** `up` is ended at moments that nobody chose, its start and its end included. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../simulator/random.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { processes } from '../processes.ts';
import { until } from '../wait.ts';
import { EndedSite, isUp } from './ends.ts';

const ROUNDS = 24;
/** Some hit the start, some what runs. */
const LONGEST_MS = 6_000;

describe.skipIf(!HAS_TEST_DATA)('the end of up at any moment', () => {
  const random = new Random();
  let server: RtspServer;
  let site: EndedSite;

  beforeAll(async () => {
    console.log(`seed ${random.seed}`);
    server = await startRtspServer({
      streams: [{ path: '/cam', source: { kind: 'pattern', width: 320, height: 180, fps: 5 } }],
    });
    site = await EndedSite.make({
      cameras: { gate: { url: server.url('/cam') } },
      rules: [{ id: 'anybody', type: 'zone_entry' }],
    });
  });
  afterAll(async () => {
    await site?.remove();
    await server?.stop();
  });

  test('leaves no process and no lock, and the next one starts', async () => {
    const said: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const how = random.pick(['Ctrl-C', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const);
      const command = site.up();
      const afterMs = random.between(0, LONGEST_MS);
      await sleep(afterMs);
      const wasUp = isUp(command);
      const nothingYet = command.output === '';
      if (how === 'Ctrl-C') command.interrupt();
      else command.signal(how);
      const began = performance.now();
      const ended = await command.ended();
      await until('nothing to be left', () => command.left().length === 0, 30_000).catch((error: unknown) => {
        const left = command.left().map((pid) => processes().find((one) => one.pid === pid));
        throw new Error(`${String(error)} ${how} at ${afterMs}: ${JSON.stringify(left)}\n${command.output}`);
      });
      const name = how === 'Ctrl-C' ? 'SIGINT' : how;
      const ms = Math.round(performance.now() - began);
      said.push(`${how} at ${Math.round(afterMs)}${wasUp ? ' (up)' : ''}: ${ended.signal ?? ended.code} in ${ms} ms`);
      if (how === 'SIGKILL') continue;
      // Before it listens for signals it has nothing to put in order.
      if (nothingYet && ended.signal === name) continue;
      expect([ended.code, ended.signal], said.at(-1)).toEqual([0, null]);
      await site.left(command, ended);
    }
    console.log(said.join('\n'));
    const last = site.up('--for', '1s');
    const ended = await last.ended();
    expect([ended.code, ended.signal]).toEqual([0, null]);
    await site.left(last, ended);
  });
});
