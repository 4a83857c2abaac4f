/**
 * Credentials appear nowhere: a camera with Digest, one whose password is wrong, a webhook with a
 * signature; then everything that the product says, writes or shows is searched.
 */
import { createHash, createHmac } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { CameraView, SiteView } from '../../dashboards/console/views.ts';
import { TOPICS } from '../../runtime/messages/topics.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA, VTEST } from '../data.ts';
import { until } from '../wait.ts';
import { Receiver } from './receiver.ts';
import { banksman, Up } from './up.ts';
import { BusWatch } from './watch_bus.ts';

const USER = 'yard-viewer';
// What breaks URLs, shells, headers and regular expressions.
const PASSWORD = "Zq7@gate#/?:&%25+ $HOME'(x)";
const WRONG = 'Wr0ng@pass/word#9';
const HOOK_SECRET = 'hook:S1gning/Key+42=';
const HOOK_TOKEN = 'T0ken0fTheHook';

/** Every way in which a secret can be written by accident. */
function forms(): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, secret] of Object.entries({ PASSWORD, WRONG, HOOK_SECRET })) {
    found.set(name, secret);
    found.set(`${name} in a URL`, encodeURIComponent(secret));
    found.set(`${name} in a path`, encodeURI(secret));
    found.set(`${name} in JSON`, JSON.stringify(secret).slice(1, -1));
    found.set(`${name} in base64`, Buffer.from(secret).toString('base64').replace(/=+$/, ''));
    for (const user of [USER, 'intruder']) {
      const pair = `${user}:${secret}`;
      found.set(`${name} with ${user} for Basic`, Buffer.from(pair).toString('base64').replace(/=+$/, ''));
    }
    // What Digest makes of it serves as well as the password itself.
    found.set(`${name} hashed`, createHash('sha256').update(secret).digest('hex'));
  }
  return found;
}

describe.skipIf(!HAS_TEST_DATA)('secrets', { timeout: 600_000 }, () => {
  let server: RtspServer;
  let receiver: Receiver;
  let up: Up;
  let watch: BusWatch;
  /** What was said, by where. */
  const said = new Map<string, string | Buffer>();
  const hookUrl = (): string => `${receiver.url}/${HOOK_TOKEN}`;

  beforeAll(async () => {
    receiver = new Receiver();
    await receiver.start();
    server = await startRtspServer({
      auth: { user: USER, password: PASSWORD, method: 'digest' },
      streams: [
        {
          path: '/yard',
          source: {
            kind: 'file',
            segments: [{ file: VTEST, fromS: 0, toS: 40 }],
            encode: { fps: 10, keyInt: 10, bitrateKbps: 1000 },
          },
        },
      ],
    });
    const env = { YARD_PASSWORD: PASSWORD, HOOK_SECRET, BANKSMAN_LOG_LEVEL: 'trace' };
    up = await Up.start(
      {
        detect: { workers: 1 },
        cameras: {
          yard: { url: server.url('/yard'), username: USER, password: '${YARD_PASSWORD}', sampling: { active_fps: 4 } },
          refused: { url: `${server.url('/yard')}?sub=1`, username: 'intruder', password_file: './wrong-password' },
          unset: { url: `${server.url('/yard')}?sub=2`, username: USER, password: '${NOT_SET_ANYWHERE}' },
        },
        rules: [{ id: 'anybody', type: 'zone_entry', cameras: ['yard'], classes: ['person'] }],
        alerts: { webhooks: [{ id: 'ops', url: hookUrl(), secret: '${HOOK_SECRET}' }] },
      },
      env,
      (dir) => writeFile(join(dir, 'wrong-password'), `${WRONG}\n`),
    );
    watch = await BusWatch.connect(up);
  }, 300_000);

  afterAll(async () => {
    await watch?.close();
    await up?.[Symbol.asyncDispose]();
    await Promise.all([server?.stop(), receiver?.stop()]);
  });

  const view = async (): Promise<CameraView[]> => {
    const response = await fetch(`${up.console}/api/v1/cameras`);
    return ((await response.json()) as SiteView).cameras;
  };

  test('are used: the camera plays, the wrong one is refused, the webhook is signed', async () => {
    await until('the states', async () => {
      const states = Object.fromEntries((await view()).map(({ id, state, reason }) => [id, reason ?? state]));
      return (
        states['yard'] === 'active' &&
        states['refused'] === 'RTSP_UNAUTHORIZED' &&
        states['unset'] === 'CONFIG_SECRET_MISSING'
      );
    });
    const message = await until('a message', () => receiver.received[0]);
    const [, at, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(message.headers['banksman-signature'])) ?? [];
    expect(mac).toBe(createHmac('sha256', HOOK_SECRET).update(`${at}.${message.body}`).digest('hex'));
    await until('the evidence', async () => (await up.incidents()).some(({ evidence }) => evidence.length >= 3));
  });

  test('are not told by commands that are used wrongly', async () => {
    const url = server.url('/yard');
    const withUser = url.replace('rtsp://', `rtsp://${USER}:${encodeURIComponent(PASSWORD)}@`);
    const raw = url.replace('rtsp://', `rtsp://${USER}:${PASSWORD}@`);
    const site = join(up.dir, 'wrong.yaml');
    const text = await readFile(up.configPath, 'utf8');
    const inFile = (camera: Record<string, unknown>): string => {
      const whole: { cameras: Record<string, unknown> } = parse(text);
      return JSON.stringify({ ...whole, cameras: { yard: camera } }, null, 1);
    };
    const mistakes = [
      inFile({ url: withUser }),
      inFile({ url: raw }),
      inFile({ url, username: USER, password: PASSWORD }),
      inFile({ url, username: USER, password: { value: PASSWORD } }),
      inFile({ url, username: USER, pasword: PASSWORD }),
      `site: t\ncameras:\n  yard:\n    url: ${url}\n    password: ${PASSWORD}: x\n`,
      `site: t\ncameras:\n  yard:\n    url: ${url}\n    password: "${PASSWORD}\n`,
      JSON.stringify(
        { ...parse(text), alerts: { webhooks: [{ id: 'ops', url: hookUrl(), secret: HOOK_SECRET }] } },
        null,
        1,
      ),
    ];
    for (const [n, mistake] of mistakes.entries()) {
      await writeFile(site, mistake);
      const result = await banksman(['check', '-c', site], up.env);
      expect(result.code, mistake).toBe(2);
      said.set(`check of mistake ${n}`, result.stdout + result.stderr);
      if (n === 1 || n === 2) {
        const json = await banksman(['check', '-c', site, '--json'], up.env);
        const started = await banksman(['up', '-c', site, '--for', '1s'], up.env);
        expect([json.code, started.code]).toEqual([2, 2]);
        said.set(`check --json of mistake ${n}`, json.stdout + json.stderr);
        said.set(`up with mistake ${n}`, started.stdout + started.stderr);
      }
    }
    const env = { ...up.env, BANKSMAN_PASSWORD: WRONG };
    const probes = await Promise.all([
      banksman(['probe', url, '--username', 'prober', '--timeout', '5s'], env),
      banksman(['probe', raw.replace(USER, 'prober'), '--timeout', '5s'], env),
      banksman(['probe', withUser.replace('/yard', '/nowhere'), '--timeout', '5s'], env),
      banksman(['probe', withUser.replace('rtsp', 'http'), '--timeout', '5s', '--json'], env),
    ]);
    for (const [n, { code, stdout, stderr }] of probes.entries()) {
      expect(code, stdout + stderr).not.toBe(0);
      said.set(`probe ${n}`, stdout + stderr);
    }
    // The edit of a running site file, told on the console too.
    await writeFile(up.configPath, mistakes[2] ?? '');
    const refused = await until('the edit to be refused', async () => {
      const response = await fetch(`${up.console}/api/v1/cameras`);
      const body = await response.text();
      return (JSON.parse(body) as SiteView).refusedEdit !== null && body;
    });
    said.set('GET /api/v1/cameras after a wrong edit', refused);
    await writeFile(up.configPath, text);
    nothingIn(said);
  });

  test('are in no log, metric, answer, topic, file of data_dir, message or process list', async () => {
    // Reconnection and a cut session are when addresses are talked about.
    await server.disconnect();
    await until('it to be back', async () => (await view()).find(({ id }) => id === 'yard')?.state === 'active');

    said.set('output and log', up.output);
    expect(up.output, 'the log is the full one').toContain('RTSP_UNAUTHORIZED');
    said.set('metrics', await up.metrics());
    const [incident] = await up.incidents();
    for (const path of [
      ...['/', '/app.js', '/openapi.json', '/api/v1/cameras', '/api/v1/incidents', '/api/v1/mutes', '/api/v1/none'],
      `/api/v1/incidents/${incident?.id}`,
      `/api/v1/incidents/${incident?.id}/evidence/record`,
      `/api/v1/cameras/yard/coverage?from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z`,
    ]) {
      const response = await fetch(up.console + path);
      said.set(`GET ${path}`, await response.text());
    }
    said.set('events', await firstEvents());
    for (const command of ['status', 'incidents']) {
      const plain = await banksman([command, '-c', up.configPath], up.env);
      said.set(command, plain.stdout + plain.stderr);
    }
    let records = 0;
    for (const { name } of Object.values(TOPICS)) {
      const texts: string[] = [];
      for await (const message of watch.bus.tail(name, 'earliest', { stopAtEnd: true })) {
        records += 1;
        texts.push(message.key, JSON.stringify(message.headers), message.value?.toString('latin1') ?? '');
      }
      said.set(name, texts.join('\n'));
    }
    expect(records).toBeGreaterThan(50);
    expect(said.get('cameras.v1'), 'the search reads what is there').toContain(USER);
    for (const { pid } of up.family()) {
      said.set(`arguments of ${pid}`, await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => ''));
    }
    for (const { body, headers } of receiver.received)
      said.set(`message ${headers['idempotency-key']}`, body + JSON.stringify(headers));
    nothingIn(said, HOOK_TOKEN);

    const files = await readdir(up.dataDir, { recursive: true, withFileTypes: true });
    const kept = new Map<string, Buffer>();
    for (const file of files) {
      if (!file.isFile()) continue;
      // It runs on meanwhile: what it took away since holds nothing any more.
      const bytes = await readFile(join(file.parentPath, file.name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      if (bytes) kept.set(file.name, bytes);
    }
    expect([...kept.keys()]).toEqual(expect.arrayContaining(['bus.db', 'alerts.db', 'refused-credentials.json']));
    nothingIn(kept);
  });

  /** The first events that a page gets. */
  async function firstEvents(): Promise<string> {
    const abort = new AbortController();
    const response = await fetch(`${up.console}/api/v1/events`, { signal: abort.signal });
    let text = '';
    if (response.body) {
      for await (const chunk of response.body) {
        text += Buffer.from(chunk).toString('utf8');
        if (text.includes('event: camera')) break;
      }
    }
    abort.abort();
    return text;
  }
});

function nothingIn(said: ReadonlyMap<string, string | Buffer>, ...more: string[]): void {
  const leaks: string[] = [];
  for (const [where, what] of said) {
    // A topic may have had no record, a file may be a lock.
    if (typeof what === 'string' && !where.endsWith('.v1'))
      expect(what.length, `nothing was gathered of ${where}`).toBeGreaterThan(0);
    for (const [form, secret] of [...forms(), ...more.map((one): [string, string] => [one, one])]) {
      if (what.includes(secret)) leaks.push(`${form} in ${where}`);
    }
  }
  expect(leaks).toEqual([]);
}
