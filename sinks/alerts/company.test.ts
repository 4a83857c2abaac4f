/** The whole sink with a mail server and a site file that says nothing of grouping: how many messages a burst is. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadSite } from '../../config/load.ts';
import { FakeClock } from '../../runtime/clock.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { SmtpServer } from '../../test/services/smtp.ts';
import { until } from '../../test/wait.ts';
import { publish, type TestDeps, testDeps } from '../testing.ts';
import { AlertsSink } from './alerts.ts';

const PASSWORD = 'BANKSMAN_TEST_COMPANY_PASSWORD';
const LIMIT_MS = 30_000;
const START = Date.parse(at(0));
/** Longest attempt that a site file allows: time that is moved on must not end one. */
const TIMEOUT_S = 120;

let folder: string;
let clock: FakeClock;
let deps: TestDeps;
let server: SmtpServer;
let sink: AlertsSink;

/** As the site file has it; nothing but the mail server is said. */
async function run(): Promise<void> {
  const path = join(folder, 'site.yaml');
  await writeFile(
    path,
    `site: yard
cameras: { gate: { url: "rtsp://127.0.0.1/x" } }
alerts:
  channels:
    - { id: ops, type: email, host: 127.0.0.1, port: ${server.port}, ca_file: "${server.certFile}", timeout_s: ${TIMEOUT_S},
        username: banksman, password: "\${${PASSWORD}}", from: banksman@yard.example, to: [ada@yard.example] }
`,
  );
  const loaded = await loadSite(path);
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  const { channels } = loaded.config.alerts;
  const retry = { minMs: 10, maxMs: 50 };
  sink = new AlertsSink(deps, { webhooks: [], channels, version: '1', onError: () => undefined, retry });
  await sink.start();
}

const down = (n: number, over: Partial<Incident> = {}): Incident => ({
  ...sampleIncident({ id: `down-${n}`, camera: `camera-${n}`, rule: 'camera-down', zone: null }),
  ...{ type: 'camera_offline', severity: 'medium' },
  ...over,
});
const back = (n: number): Incident =>
  down(n, { revision: 2, transition: 'closed', state: 'closed', closeReason: 'left', closedAt: at(90) });
const from = (first: number, past: number) => Array.from({ length: past - first }, (_, n) => first + n);

/** Keys that a mail says, one a line; cameras lie in several partitions, which nothing orders. */
const keysOf = ({ body }: { body: string }): string[] => {
  return body
    .split('\n')
    .filter((line) => /^\S+\/\d+$/.test(line))
    .sort();
};

const waiting = (where = 'TRUE') =>
  new Promise<number>((resolve) => {
    const db = new DatabaseSync(join(folder, 'alerts.db'), { readOnly: true });
    resolve(db.prepare(`SELECT 1 FROM messages WHERE status = 'pending' AND ${where}`).all().length);
    db.close();
  });
const untilWaiting = (count: number) =>
  until(`${count} waiting`, async () => (await waiting()) === count, LIMIT_MS, 10);

/** Moves time on, far slower than the machine's, until a condition holds. @returns ms of it */
async function passUntil(what: string, condition: () => boolean): Promise<number> {
  const begun = clock.now();
  const step = async (): Promise<boolean> => {
    if (condition()) return true;
    await clock.advance(1);
    return false;
  };
  await until(what, step, LIMIT_MS, 5);
  return clock.now() - begun;
}

beforeEach(async () => {
  process.env[PASSWORD] = 'a-password';
  folder = await mkdtemp(join(tmpdir(), 'banksman-company-'));
  clock = new FakeClock(START);
  deps = testDeps(folder, { clock });
  server = new SmtpServer({ user: 'banksman', password: 'a-password' });
  await server.start();
  await run();
});
afterEach(async () => {
  const stopped = sink.stop();
  await clock.advance(5_000);
  await stopped;
  await server.remove();
  await deps.bus.close();
  await rm(folder, { recursive: true });
  delete process.env[PASSWORD];
});

it('forty cameras behind one dead switch are one mail with forty members, and one when they are back', async () => {
  for (const first of [0, 10, 20, 30]) {
    await publish(deps.bus, 'incidents.v1', ...from(first, first + 10).map((n) => down(n)));
    await untilWaiting(first + 10);
    await clock.advance(2_000);
  }
  expect(server.mails).toEqual([]);
  await clock.advance(8_000);
  await until('a mail', () => server.mails.length > 0, LIMIT_MS, 10);
  await untilWaiting(0);
  // With its × it is an encoded word.
  expect(server.mails[0]?.headers.get('subject')).toMatch(/40_messages.*camera-down/);
  expect(server.mails.map(keysOf)).toEqual([
    from(0, 40)
      .map((n) => `down-${n}/1`)
      .sort(),
  ]);

  await publish(deps.bus, 'incidents.v1', ...from(0, 40).map(back));
  await untilWaiting(40);
  await clock.advance(16_000);
  await until('their end', () => server.mails.length > 1, LIMIT_MS, 10);
  await untilWaiting(0);
  expect(server.mails.map((mail) => keysOf(mail).length)).toEqual([40, 40]);
});

it('a person in a zone goes at once, past the cameras that wait for company', async () => {
  await publish(deps.bus, 'incidents.v1', ...from(0, 5).map((n) => down(n)));
  await untilWaiting(5);
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'person' }));
  const ms = await passUntil('the person', () => server.mails.length > 0);
  // Nothing but what gathers a burst, and that a real server takes its time.
  expect(ms).toBeLessThan(15_000);
  expect(server.mails.map(keysOf)).toEqual([['person/1']]);
  expect(await waiting(`incident LIKE 'down-%'`)).toBe(5);
});

it('what comes while a message is on its way goes as one after it', async () => {
  server.hang(true);
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'first' }));
  await until(
    'it on its way',
    async () => {
      await clock.advance(20);
      return (await waiting('batch IS NOT NULL')) === 1;
    },
    LIMIT_MS,
    5,
  );
  const rest = from(0, 39).map((n) => sampleIncident({ id: `next-${n}`, camera: `camera-${n}` }));
  await publish(deps.bus, 'incidents.v1', ...rest);
  await untilWaiting(40);
  server.hang(false);
  await clock.advance(TIMEOUT_S * 1000);
  const others = () => server.mails.map(keysOf).filter((keys) => !keys.includes('first/1'));
  await passUntil('both mails', () => others().length > 0 && server.mails.length > others().length);
  await untilWaiting(0);
  expect(others()).toEqual([rest.map(({ id }) => `${id}/1`).sort()]);
});
