import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { digestOf, newToken } from '../../../runtime/access/token.ts';
import type { Mute } from '../../../runtime/messages/types.ts';
import { makeCertificate } from '../../../simulator/rtsp/certificate.ts';
import { until } from '../../../test/wait.ts';
import { TestConsole } from '../testing.ts';
import type { IncidentPage } from '../views.ts';
import { withAccount } from './account_file.ts';
import type { Role } from './roles.ts';

interface OpenApi {
  security: unknown[];
  components: { securitySchemes: unknown };
  paths: Record<string, Record<string, { description: string; security?: unknown[]; responses: object }>>;
}

const TOKENS: Record<string, string> = Object.fromEntries(['vic', 'ola', 'ada'].map((name) => [name, newToken()]));
const token = (name: string): string => TOKENS[name] ?? '';
const ROLE_OF: [string, Role][] = [
  ['vic', 'viewer'],
  ['ola', 'operator'],
  ['ada', 'admin'],
];
const accountsText = (names = ROLE_OF): string =>
  names.reduce(
    (text, [name, role]) => withAccount(text, { name, role, digest: digestOf(token(name)), created: null }),
    '',
  );

const bearer = (name: string): Record<string, string> => ({ authorization: `Bearer ${token(name)}` });
const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const login = (base: string, name: string, headers = {}): Promise<Response> =>
  post(`${base}/api/v1/session`, { token: token(name) }, headers);
const bodyOf = async <T>(response: Promise<Response>): Promise<T> => (await (await response).json()) as T;
const cookieOf = (response: Response): string => response.headers.getSetCookie()[0]?.split(';')[0] ?? '';

const JUDGE = '/api/v1/incidents/seen/acknowledge';
const MUTE = { rule: 'person-on-road', reason: 'works', until: new Date(Date.now() + 60_000).toISOString() };

const others: TestConsole[] = [];
/** A console beside the common one, until the end of the test. */
async function create(): Promise<TestConsole> {
  const other = await TestConsole.create();
  others.push(other);
  return other;
}
afterEach(async () => {
  for (const other of others.splice(0)) await other.end();
});

let yard: TestConsole;
let base: string;
beforeAll(async () => {
  yard = await TestConsole.create();
  const accounts = { file: await yard.write('tokens.yaml', accountsText()) };
  base = await yard.start({ bind: { host: '0.0.0.0', port: 0 }, accounts });
  await yard.incident('seen');
});
afterAll(() => yard.end());

describe('who is nobody', () => {
  test.each([
    '/api/v1/cameras',
    '/api/v1/cameras/gate/snapshot.jpg',
    '/api/v1/incidents',
    '/api/v1/incidents/seen/evidence/clip',
    '/api/v1/mutes',
    '/api/v1/events',
    '/api/v1/session',
    '/openapi.json',
    '/anything',
    '//',
    '/app.js/..%2fapi/v1/cameras',
  ])('does not get %s', async (path) => {
    const response = await fetch(base + path);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await response.json()).toEqual({ error: expect.stringContaining('log in at /login') });
  });

  test('changes nothing', async () => {
    expect((await post(base + JUDGE, { by: 'Eve' })).status).toBe(401);
    expect((await post(`${base}/api/v1/mutes`, { ...MUTE, by: 'Eve' })).status).toBe(401);
    expect((await fetch(`${base}/api/v1/mutes/x?by=Eve`, { method: 'DELETE' })).status).toBe(401);
  });

  test('gets the pages to log in with, and the answers for probes', async () => {
    for (const path of ['/', '/login', '/app.css', '/app.js', '/cameras.js', '/login.js', '/healthz', '/readyz']) {
      expect((await fetch(base + path)).status, path).toBe(200);
    }
  });

  test.each([
    ['nonsense', 'Bearer nonsense'],
    ['the hash of a token', `Bearer ${digestOf(token('ada')).toString('hex')}`],
    ['a token cut short', `Bearer ${token('ada').slice(0, -1)}`],
    ['another scheme', `Basic ${Buffer.from(`ada:${token('ada')}`).toString('base64')}`],
  ])('stays so with %s', async (_what, authorization) => {
    expect((await fetch(`${base}/api/v1/cameras`, { headers: { authorization } })).status).toBe(401);
  });
});

describe('roles', () => {
  test.each(ROLE_OF)('%s (%s) reads', async (name, role) => {
    expect((await fetch(`${base}/api/v1/cameras`, { headers: bearer(name) })).status).toBe(200);
    const me = await fetch(`${base}/api/v1/session`, { headers: bearer(name) });
    expect(await me.json()).toEqual({ name, role });
  });

  test('a viewer judges and mutes nothing', async () => {
    for (const response of [
      await post(base + JUDGE, {}, bearer('vic')),
      await post(base + JUDGE.replace('acknowledge', 'reject'), {}, bearer('vic')),
      await post(`${base}/api/v1/mutes`, MUTE, bearer('vic')),
      await fetch(`${base}/api/v1/mutes/x`, { method: 'DELETE', headers: bearer('vic') }),
    ]) {
      expect(response.status).toBe(403);
      expect(await response.json()).toEqual({ error: 'this needs the role operator; vic is viewer' });
    }
    const { incidents } = await bodyOf<IncidentPage>(fetch(`${base}/api/v1/incidents`, { headers: bearer('vic') }));
    expect(incidents[0]).toMatchObject({ id: 'seen', acknowledged: null, rejected: null });
  });

  test('what is no operator’s work is an admin’s', async () => {
    const call = (method: string, path: string) => fetch(base + path, { method, headers: bearer('ola') });
    expect((await post(`${base}/api/v1/cameras/apply`, {}, bearer('ola'))).status).toBe(403);
    expect((await post(`${base}/api/v1/agents/a/drain`, {}, bearer('ola'))).status).toBe(403);
    expect((await call('PUT', '/api/v1/cameras/gate')).status).toBe(403);
    expect((await call('DELETE', '/api/v1/cameras/gate')).status).toBe(403);
    expect((await post(`${base}/api/v1/nothing`, {}, bearer('ada'))).status).toBe(404);
  });

  test('an operator judges in the name of the account, whatever the request says', async () => {
    const answer = await post(base + JUDGE, { by: 'The Boss', note: 'on my way' }, bearer('ola'));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ acknowledged: { by: 'ola', note: 'on my way' } });
    const mute = await bodyOf<Mute>(post(`${base}/api/v1/mutes`, { ...MUTE, by: 'The Boss' }, bearer('ola')));
    expect(mute).toMatchObject({ by: 'ola' });
    const ended = await fetch(`${base}/api/v1/mutes/${mute.id}?by=Boss`, { method: 'DELETE', headers: bearer('ada') });
    expect(ended.status).toBe(204);
  });

  test('who did what, and who tried, is in the log, without any token', async () => {
    await post(base + JUDGE, {}, bearer('vic'));
    await post(base + JUDGE, {}, bearer('ola'));
    expect(yard.audit()).toContainEqual(
      expect.objectContaining({ level: 'warn', account: 'vic', address: '127.0.0.1', path: JUDGE, status: 403 }),
    );
    expect(yard.audit()).toContainEqual(
      expect.objectContaining({ level: 'info', account: 'ola', method: 'POST', path: JUDGE, status: 200 }),
    );
    for (const secret of Object.values(TOKENS)) expect(JSON.stringify(yard.log)).not.toContain(secret);
  });
});

describe('a session', () => {
  test('is a cookie for this site alone, that no script reads', async () => {
    const response = await login(base, 'ola');
    expect(await response.json()).toEqual({ name: 'ola', role: 'operator' });
    const [cookie = ''] = response.headers.getSetCookie();
    expect(cookie).toMatch(/^banksman_session=[A-Za-z0-9_-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain(token('ola'));
    const headers = { cookie: cookieOf(response) };
    expect((await fetch(`${base}/api/v1/cameras`, { headers })).status).toBe(200);
    expect((await post(base + JUDGE, {}, { ...headers, origin: base })).status).toBe(200);
  });

  test('of another site’s page changes nothing', async () => {
    const headers = { cookie: cookieOf(await login(base, 'ola')) };
    const foreign = await post(base + JUDGE, {}, { ...headers, origin: 'http://evil.example' });
    expect(foreign.status).toBe(403);
    expect(await foreign.json()).toEqual({ error: 'foreign origin' });
    expect((await login(base, 'ola', { origin: 'http://evil.example' })).status).toBe(403);
    const form = await fetch(base + JUDGE, { method: 'POST', headers, body: 'note=x' });
    expect(form.status).toBe(415);
  });

  test('ends at logout, for whoever copied the cookie too', async () => {
    const headers = { cookie: cookieOf(await login(base, 'vic')) };
    const out = await fetch(`${base}/api/v1/session`, { method: 'DELETE', headers });
    expect(out.status).toBe(204);
    expect(out.headers.getSetCookie()[0]).toMatch(/^banksman_session=; Max-Age=0/);
    expect((await fetch(`${base}/api/v1/cameras`, { headers })).status).toBe(401);
  });

  test('needs a token', async () => {
    expect((await post(`${base}/api/v1/session`, {})).status).toBe(400);
    const wrong = await post(`${base}/api/v1/session`, { token: 'nonsense' });
    expect(wrong.status).toBe(401);
    expect(wrong.headers.getSetCookie()).toEqual([]);
  });
});

test('guessing is slowed down for that address: 429 says for how long; who is logged in goes on', async () => {
  const other = await create();
  const accounts = { file: await other.write('tokens.yaml', accountsText()) };
  const here = await other.start({ bind: { host: '0.0.0.0', port: 0 }, accounts, trusted_proxies: ['127.0.0.1'] });
  const from = (address: string) => ({ 'x-forwarded-for': `10.9.9.9, ${address}` });
  const session = { cookie: cookieOf(await login(here, 'vic', from('10.0.0.1'))) };
  for (let n = 0; n < 10; n += 1) {
    const response = await post(`${here}/api/v1/session`, { token: `guess ${n}` }, from('10.0.0.1'));
    expect(response.status).toBe(401);
  }
  const refused = await login(here, 'ada', from('10.0.0.1'));
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toEqual({
    error: expect.stringMatching(/^too many wrong tokens from 10\.0\.0\.1; try again in \d+ s$/),
  });
  const program = await fetch(`${here}/api/v1/cameras`, { headers: { ...bearer('ada'), ...from('10.0.0.1') } });
  expect(program.status).toBe(429);
  expect((await fetch(`${here}/api/v1/cameras`, { headers: { ...session, ...from('10.0.0.1') } })).status).toBe(200);
  expect((await login(here, 'ada', from('10.0.0.2'))).status).toBe(200);
});

describe('accounts', () => {
  test('that change hold within seconds: sessions and open events of who was taken back end', {
    timeout: 60_000,
  }, async () => {
    const other = await create();
    const file = await other.write('tokens.yaml', accountsText());
    const here = await other.start({ bind: { host: '0.0.0.0', port: 0 }, accounts: { file } });
    const vic = { cookie: cookieOf(await login(here, 'vic')) };
    const events = await fetch(`${here}/api/v1/events`, { headers: vic });
    expect(events.status).toBe(200);

    // Half saved: those before stay in force.
    await writeFile(file, 'ada: {');
    await until('the refusal in the log', () => other.log.some(({ msg }) => String(msg).includes('were refused')));
    expect((await fetch(`${here}/api/v1/cameras`, { headers: vic })).status).toBe(200);

    await writeFile(
      `${file}.new`,
      accountsText([
        ['ola', 'viewer'],
        ['ada', 'admin'],
      ]),
    );
    await rename(`${file}.new`, file);
    await until('vic to be out', async () => (await fetch(`${here}/api/v1/cameras`, { headers: vic })).status === 401);
    expect((await post(here + JUDGE, {}, bearer('ola'))).status).toBe(403);
    let heard = '';
    for await (const part of events.body ?? []) heard += Buffer.from(part).toString();
    expect(heard).toContain('event: ping');

    await rm(file);
    await until('the loss in the log', () =>
      other.log.some(({ why }) => String(why).includes('no such file of accounts')),
    );
    expect((await fetch(`${here}/api/v1/cameras`, { headers: bearer('ada') })).status).toBe(200);
  });

  test('from the environment, or from the file that a variable names', async () => {
    for (const where of ['ACCESS_TEST', 'ACCESS_TEST_FILE']) {
      const other = await create();
      const file = await other.write('tokens.yaml', accountsText());
      vi.stubEnv(where, where === 'ACCESS_TEST' ? accountsText() : file);
      const here = await other.start({ accounts: { env: 'ACCESS_TEST' } });
      expect((await fetch(`${here}/api/v1/cameras`, { headers: bearer('vic') })).status).toBe(200);
      expect((await fetch(`${here}/api/v1/cameras`)).status, 'on loopback as well').toBe(401);
      vi.unstubAllEnvs();
    }
  });

  test.each([
    ['none', {}, 'CONFIG_BIND_REFUSED', /^console\.bind 0\.0\.0\.0/, /accounts/],
    [
      'in a file that is not there',
      { accounts: { file: '/nowhere/t.yaml' } },
      'CONFIG_ACCOUNTS',
      /nowhere/,
      /tokens add/,
    ],
    [
      'in a variable that is not set',
      { accounts: { env: 'ACCESS_NONE' } },
      'CONFIG_ACCOUNTS',
      /^ACCESS_NONE$/,
      /tokens add/,
    ],
    ['in a file with nobody in it', { accounts: { text: '' } }, 'CONFIG_ACCOUNTS', /accounts/, /tokens add/],
    ['in a file that is wrong', { accounts: { text: 'ada: 1' } }, 'CONFIG_ACCOUNTS', /:1:1$/, /hash/],
    [
      'but a certificate that is not there',
      { accounts: { text: accountsText() }, tls: { cert_file: '/nowhere/c.pem', key_file: '/nowhere/k.pem' } },
      'CONFIG_TLS',
      /console\.tls\.cert_file \/nowhere\/c\.pem/,
      /PEM/,
    ],
  ])('%s: it does not listen', async (_what, options, code, where, mend) => {
    const other = await create();
    const start = other.start({ bind: { host: '0.0.0.0', port: 0 }, ...options });
    await expect(start).rejects.toMatchObject({
      code,
      where: expect.stringMatching(where),
      mend: expect.stringMatching(mend),
    });
  });
});

describe('names that it answers to', () => {
  const asked = (here: string, host: string, path = '/api/v1/cameras', more = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      const outgoing = request(here + path, { headers: { host, ...bearer('vic'), ...more } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      outgoing.on('error', reject).end();
    });

  test('with accounts any, unless they are listed', async () => {
    expect(await asked(base, 'console.site.example')).toBe(200);
    const other = await create();
    const accounts = { file: await other.write('t', accountsText()) };
    const here = await other.start({ accounts, hosts: ['Console.site.example'] });
    expect(await asked(here, 'console.site.example:8080')).toBe(200);
    expect(await asked(here, '127.0.0.1')).toBe(200);
    expect(await asked(here, 'evil.example')).toBe(403);
    expect(await asked(here, 'evil.example', '/login')).toBe(403);
    expect(await asked(here, '10.0.0.7:8080', '/healthz')).toBe(200);
  });

  test('what a proxy says is believed only of one that is trusted', async () => {
    const other = await create();
    const accounts = { file: await other.write('t', accountsText()) };
    const forwarded = { 'x-forwarded-host': 'console.site.example', 'x-forwarded-proto': 'https' };
    const trusted = await other.start({ accounts, hosts: ['console.site.example'], trusted_proxies: ['127.0.0.0/8'] });
    expect(await asked(trusted, 'backend', '/api/v1/cameras', forwarded)).toBe(200);
    const secure = await login(trusted, 'vic', { ...forwarded, origin: 'https://console.site.example' });
    expect(secure.headers.getSetCookie()[0]).toMatch(/; Secure/);
    expect((await login(trusted, 'vic', { ...forwarded, origin: 'http://console.site.example' })).status).toBe(403);
    const untrusted = await login(base, 'vic', { ...forwarded, 'x-forwarded-for': '10.0.0.5' });
    expect(untrusted.headers.getSetCookie()[0]).not.toMatch(/Secure/);
    expect(yard.audit().at(-1)).toMatchObject({ account: 'vic', address: '127.0.0.1' });
  });
});

test('HTTPS: the cookie is for HTTPS alone, and a page of HTTP is another site', { timeout: 60_000 }, async () => {
  const other = await create();
  const { certFile, keyFile } = makeCertificate(other.dir);
  const ca = await readFile(certFile);
  const accounts = { file: await other.write('tokens.yaml', accountsText()) };
  const here = await other.start({ accounts, tls: { cert_file: certFile, key_file: keyFile } });
  expect(here).toMatch(/^https:/);
  const asked = (headers: Record<string, string>): Promise<{ status: number; cookie: string }> =>
    new Promise((resolve, reject) => {
      const url = `${here}/api/v1/session`;
      const sent = { 'content-type': 'application/json', ...headers };
      const outgoing = requestTls(url, { method: 'POST', ca, headers: sent }, (response) => {
        response.resume();
        resolve({ status: response.statusCode ?? 0, cookie: response.headers['set-cookie']?.[0] ?? '' });
      });
      outgoing.on('error', reject).end(JSON.stringify({ token: token('ada') }));
    });
  expect(await asked({ origin: here })).toMatchObject({ status: 200, cookie: expect.stringContaining('; Secure') });
  expect((await asked({ origin: here.replace('https:', 'http:') })).status).toBe(403);

  const mixed = await create();
  const wrong = makeCertificate(mixed.dir);
  const start = mixed.start({ accounts, tls: { cert_file: certFile, key_file: wrong.keyFile } });
  await expect(start).rejects.toMatchObject({ code: 'CONFIG_TLS', message: expect.stringMatching(/mismatch/) });
  await expect(
    mixed.start({ accounts, tls: { cert_file: join(mixed.dir, 'none'), key_file: wrong.keyFile } }),
  ).rejects.toMatchObject({ code: 'CONFIG_TLS' });
});

test('the OpenAPI document says how to show who one is, and which role each operation needs', async () => {
  const document = await bodyOf<OpenApi>(fetch(`${base}/openapi.json`, { headers: bearer('vic') }));
  expect(document.components.securitySchemes).toMatchObject({
    token: { type: 'http', scheme: 'bearer' },
    session: { type: 'apiKey', in: 'cookie', name: 'banksman_session' },
  });
  expect(document.security).toEqual([{ token: [] }, { session: [] }]);
  expect(await bodyOf(fetch(`${base}/openapi.json`, { headers: bearer('ada') })), 'each time').toEqual(document);
  const judge = document.paths['/api/v1/incidents/{id}/acknowledge']?.['post'];
  expect(judge?.description).toBe('Needs the role operator.');
  expect(Object.keys(judge?.responses ?? {})).toEqual(expect.arrayContaining(['401', '403', '429']));
  expect(document.paths['/api/v1/session']?.['post']?.security).toEqual([]);
});

test('on loopback without accounts everything is as it was', async () => {
  const other = await create();
  const here = await other.start({});
  await other.incident('seen');
  expect(await (await fetch(`${here}/api/v1/session`)).json()).toEqual({ name: null, role: 'admin' });
  expect((await post(here + JUDGE, { by: 'Ada' })).status).toBe(200);
  const nobody = await post(here + JUDGE, { note: 'who?' });
  expect(nobody.status).toBe(400);
  expect(await nobody.json()).toEqual({ error: 'by: say who' });
  const document = await bodyOf<OpenApi>(fetch(`${here}/openapi.json`));
  expect(document.security).toContainEqual({});
  expect(other.audit()).toEqual([]);
});
