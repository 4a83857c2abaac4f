import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { type Answer, HookServer } from './hook_server.ts';
import { type Attempt, post, retryAfterMs } from './post.ts';

let server: HookServer;
beforeEach(async () => {
  server = new HookServer();
  await server.start();
});
afterEach(() => server.stop());

function attempt(over: Partial<Attempt> = {}): Attempt {
  const { url } = server;
  const signal = new AbortController().signal;
  const headers = { 'Idempotency-Key': 'id/1' };
  return { url, headers, body: '{"incident":{}}', timeoutMs: 10_000, clock: systemClock, signal, ...over };
}

it.each<[Answer, object]>([
  [200, { kind: 'delivered' }],
  [204, { kind: 'delivered' }],
  [400, { kind: 'refused', reason: 'http_4xx', detail: 'HTTP 400' }],
  [401, { kind: 'refused' }],
  [404, { kind: 'refused' }],
  [410, { kind: 'refused' }],
  [408, { kind: 'failed', reason: 'http_4xx' }],
  [425, { kind: 'failed' }],
  [429, { kind: 'failed', retryAfterMs: 0 }],
  [500, { kind: 'failed', reason: 'http_5xx', detail: 'HTTP 500' }],
  [503, { kind: 'failed' }],
  [
    { status: 503, headers: { 'Retry-After': '7' } },
    { kind: 'failed', retryAfterMs: 7_000 },
  ],
  ['drop', { kind: 'failed', reason: 'unreachable', detail: 'ECONNRESET' }],
])('takes the answer %j for what it is', async (answer, expected) => {
  server.answer = () => answer;
  expect(await post(attempt())).toMatchObject(expected);
  expect(server.received).toMatchObject([{ method: 'POST', path: '/hook', body: '{"incident":{}}' }]);
});

it('follows no redirect', async () => {
  const other = new HookServer();
  await other.start();
  server.answer = () => ({ status: 307, headers: { Location: other.url } });
  expect(await post(attempt())).toMatchObject({ kind: 'failed', reason: 'http_3xx' });
  expect(other.received).toEqual([]);
  await other.stop();
});

it('waits no longer than it may, for an answer or for a connection to be served', async () => {
  server.answer = () => 'hang';
  expect(await post(attempt({ timeoutMs: 50 }))).toMatchObject({ kind: 'failed', reason: 'timeout' });
});

it('believes the status of an answer that does not end', async () => {
  const sockets: Socket[] = [];
  const endless = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{');
  });
  await new Promise<void>((resolve) => endless.listen(0, '127.0.0.1', resolve));
  const address = endless.address();
  const port = address && typeof address === 'object' ? address.port : 0;
  expect(await post(attempt({ url: `http://127.0.0.1:${port}/` }))).toEqual({ kind: 'delivered' });
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => endless.close(resolve));
});

it('says why nobody can be reached, without the address', async () => {
  await server.stop();
  const outcome = await post(attempt());
  expect(outcome).toEqual({ kind: 'failed', reason: 'unreachable', detail: 'ECONNREFUSED', retryAfterMs: 0 });
  expect(await post(attempt({ url: 'http://no-such-host.invalid/x' }))).toMatchObject({ reason: 'unreachable' });
});

it('gives up when told to', async () => {
  server.answer = () => 'hang';
  const giveUp = new AbortController();
  const outcome = post(attempt({ signal: giveUp.signal }));
  giveUp.abort();
  expect(await outcome).toEqual({ kind: 'abandoned' });
  expect(await post(attempt({ signal: giveUp.signal }))).toEqual({ kind: 'abandoned' });
});

it('refuses what is no request', async () => {
  expect(await post(attempt({ headers: { 'Idempotency-Key': 'a\nb' } }))).toMatchObject({ kind: 'refused' });
});

it.each([
  [undefined, 0],
  ['5', 5_000],
  ['99999999', 3_600_000],
  ['soon', 0],
  ['-3', 0],
  ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
  ['Thu, 01 Jan 2025 00:00:30 GMT', 0],
])('reads Retry-After: %s', (header, expected) => {
  expect(retryAfterMs(header, Date.UTC(2026, 0, 1))).toBe(expected);
});
