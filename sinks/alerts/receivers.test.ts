/** The whole sink with a channel of several receivers, of which a server takes some. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ChannelOf, ChannelPolicy } from '../../config/site_alerts.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { SmtpServer } from '../../test/services/smtp.ts';
import { until } from '../../test/wait.ts';
import { publish, readAll, type TestDeps, testDeps } from '../testing.ts';
import { AlertsSink } from './alerts.ts';
import { samplePolicy } from './channels/testing.ts';

const [ADA, GRACE] = ['ada@yard.example', 'grace@yard.example'];
const PASSWORD = 'BANKSMAN_TEST_RECEIVERS_PASSWORD';
const LIMIT_MS = 15_000;

let folder: string;
let deps: TestDeps;
let server: SmtpServer;
let sink: AlertsSink;

async function run(over: Partial<ChannelPolicy> = {}): Promise<void> {
  const channel: ChannelOf<'email'> = {
    ...samplePolicy({ timeout_s: 60, ...over }),
    ...{ type: 'email', host: '127.0.0.1', port: server.port, tls: 'starttls', ca_file: server.certFile },
    ...{ username: { text: 'banksman' }, password: { env: PASSWORD }, from: 'banksman@yard.example', to: [ADA, GRACE] },
  };
  const retry = { minMs: 200, maxMs: 400 };
  sink = new AlertsSink(deps, { webhooks: [], channels: [channel], version: '1', onError: () => undefined, retry });
  await sink.start();
}

/** What somebody has, in order. */
const mailsOf = (address: string): (string | undefined)[] =>
  server.mails.filter(({ to }) => to.includes(address)).map(({ headers }) => headers.get('message-id'));
const has = (address: string, ...ids: string[]) =>
  until(`${ids} at ${address}`, () => ids.every((id) => mailsOf(address).includes(id)), LIMIT_MS, 10);

const opened = sampleIncident({ id: 'i' });
const closed: Incident = {
  ...opened,
  ...{ revision: 2, transition: 'closed', state: 'closed', closeReason: 'left', updatedAt: at(9), closedAt: at(9) },
};
const [FIRST, LAST] = ['<i/1@yard.banksman>', '<i/2@yard.banksman>'];

beforeEach(async () => {
  process.env[PASSWORD] = 'a-password';
  folder = await mkdtemp(join(tmpdir(), 'banksman-receivers-'));
  deps = testDeps(folder);
  server = new SmtpServer({ user: 'banksman', password: 'a-password' });
  await server.start();
});
afterEach(async () => {
  await sink.stop();
  await server.remove();
  await deps.bus.close();
  await rm(folder, { recursive: true });
  delete process.env[PASSWORD];
});

it.each([
  ['each by itself', {}],
  ['in groups', { group_wait_s: 0.01 }],
])('who is taken later gets it later, nobody twice, and nobody waits: %s', async (_how, over) => {
  server.codesFor.set(GRACE, [451, 451, 451]);
  await run(over);
  await publish(deps.bus, 'incidents.v1', opened);
  await has(ADA, FIRST);
  await publish(deps.bus, 'incidents.v1', closed);
  await has(ADA, LAST);
  await has(GRACE, FIRST, LAST);
  expect(mailsOf(ADA)).toEqual([FIRST, LAST]);
  expect(mailsOf(GRACE)).toHaveLength(2);
  const failed = { channel: 'ops', reason: 'smtp_4xx' };
  await until('both noted', () => deps.metrics.value('alerts_sent_total', { channel: 'ops' }) === 2, LIMIT_MS, 10);
  expect(deps.metrics.value('alerts_failed_total', failed)).toBe(3);
});

it('who is never taken leaves a letter, and the others are told', async () => {
  server.codesFor.set(GRACE, [550, 550]);
  await run();
  await publish(deps.bus, 'incidents.v1', opened);
  const letters = await until('a letter', async () => {
    const found = await readAll(deps.bus, 'dead-letters.v1');
    return found.length > 0 && found;
  });
  expect(letters).toMatchObject([{ reason: 'ALERT_REFUSED', headers: { 'idempotency-key': 'i/1' } }]);
  expect(JSON.stringify(letters)).not.toContain(GRACE);
  await publish(deps.bus, 'incidents.v1', closed);
  await has(GRACE, LAST);
  expect(mailsOf(ADA)).toEqual([FIRST, LAST]);
});

it('over a restart who is left gets it; then the others get it once more', async () => {
  server.codesFor.set(GRACE, Array(10_000).fill(451));
  await run();
  await publish(deps.bus, 'incidents.v1', opened);
  await has(ADA, FIRST);
  await until('it noted', () => deps.metrics.value('alerts_sent_total', { channel: 'ops' }) === 1, LIMIT_MS, 10);
  await sink.stop();
  server.codesFor.clear();
  await run();
  await has(GRACE, FIRST);
  expect(mailsOf(ADA)).toEqual([FIRST, FIRST]);
  expect(mailsOf(GRACE)).toEqual([FIRST]);
});
