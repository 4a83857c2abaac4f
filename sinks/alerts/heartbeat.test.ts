import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../runtime/clock.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import { silentLogger } from '../../runtime/log.ts';
import { until } from '../../test/wait.ts';
import { CountingMetrics } from '../testing.ts';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.ts';

const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`);
  response.end('ok');
});
let clock: FakeClock;
let metrics: CountingMetrics;
let heartbeat: Heartbeat | undefined;

function begin(
  over: Partial<HeartbeatOptions> = {},
  url: HeartbeatOptions['config']['url'] = { env: 'BANKSMAN_TEST_BEAT' },
) {
  const config = { url, every_s: 60, method: 'GET' as const };
  heartbeat = new Heartbeat({
    config,
    clock,
    metrics,
    log: silentLogger,
    version: '1',
    check: () => undefined,
    ...over,
  });
  heartbeat.start();
}
const counted = (result: string) => metrics.value('alerts_heartbeats_total', { result });

beforeEach(async () => {
  asked.length = 0;
  clock = new FakeClock();
  metrics = new CountingMetrics();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  process.env['BANKSMAN_TEST_BEAT'] = `http://127.0.0.1:${port}/ping/abc`;
});
afterEach(async () => {
  await heartbeat?.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

it('says that it lives, at once and then as often as it was told to', async () => {
  begin();
  await until('the first', () => counted('sent') === 1);
  await clock.advance(60_000);
  await until('the second', () => counted('sent') === 2);
  expect(asked).toEqual(['GET /ping/abc', 'GET /ping/abc']);
});

it('says nothing while messages cannot be kept, and speaks again when they can', async () => {
  let full = true;
  const check = (): void => {
    if (full) throw new BanksmanError('STORE_FULL');
  };
  begin({ check });
  await until('one withheld', () => counted('withheld') === 1);
  expect(asked).toEqual([]);
  full = false;
  await clock.advance(60_000);
  await until('one sent', () => counted('sent') === 1);
});

it('goes on when nobody listens, and when its address is missing', async () => {
  begin({}, { env: 'BANKSMAN_TEST_NO_BEAT' });
  await until('a failure', () => counted('failed') === 1);
  await heartbeat?.stop();
  begin({}, { text: 'http://127.0.0.1:9/' });
  await until('another', () => counted('failed') === 2);
});
