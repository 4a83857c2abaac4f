import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadSite } from '../config/load.ts';
import { sampleIncident } from '../runtime/stores/state/samples.ts';
import { AlertsSink } from '../sinks/alerts/alerts.ts';
import { HttpReceiver, SHAPES } from '../sinks/alerts/channels/testing_http.ts';
import { publish, testDeps } from '../sinks/testing.ts';
import { until } from '../test/wait.ts';
import { mendOf, redeliver, test } from './alerts.ts';

let folder: string;
let config: string;
let chat: HttpReceiver;
let push: HttpReceiver;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-cli-alerts-'));
  config = join(folder, 'site.yaml');
  chat = new HttpReceiver(SHAPES.slack);
  push = new HttpReceiver(SHAPES.ntfy);
  await Promise.all([chat.start(), push.start()]);
  vi.stubEnv('CHAT_URL', `${chat.url}/services/x`);
  vi.stubEnv('PUSH_TOKEN', 'a-token');
  await writeFile(
    config,
    `site: yard
cameras: { gate: { url: "rtsp://127.0.0.1/x", zones: { road: [[0, 0], [1, 0], [1, 1]] } } }
rules: [{ id: person-on-road, type: zone_entry, zone: road }]
alerts:
  channels:
    - { id: chat, type: slack, url: "\${CHAT_URL}", group_wait_s: 30, zones: [road] }
    - { id: push, type: ntfy, url: "${push.url}", topic: yard, token: "\${PUSH_TOKEN}" }
`,
  );
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await Promise.all([chat.stop(), push.stop()]);
  await rm(folder, { recursive: true });
});

async function said(work: Promise<number>): Promise<{ text: string; code: number }> {
  const lines: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  const code = await work;
  return { text: lines.join(''), code };
}

it('test sends over each channel, and says which one does not work and why', async () => {
  expect(await said(test({ config }))).toEqual({ text: 'ok      chat (slack)\nok      push (ntfy)\n', code: 0 });
  expect((await push.taken())[0]?.text).toMatch(/^This is a test: yard reaches you over the channel push/);
  push.refuse(true);
  expect(await said(test({ config }))).toEqual({
    text: expect.stringMatching(/failed {2}push \(ntfy\): HTTP 403\n {10}It does not want this: check address, token/),
    code: 1,
  });
  expect(await said(test({ config, channel: 'chat', json: true }))).toEqual({
    text: '[{"channel":"chat","type":"slack","ok":true,"detail":null,"mend":null}]\n',
    code: 0,
  });
  await expect(test({ config, channel: 'chatt' })).rejects.toThrow(/no channel chatt/);
});

it.each([
  ['tls', /ca_file/],
  ['smtp_login', /username and password/],
  ['login', /username and password/],
  ['unreadable', /address/],
  ['configuration', /file/],
  ['smtp_5xx', /from/],
  ['invalid', /address/],
])('says what to do about %s', (reason, what) => {
  expect(mendOf(reason)).toMatch(what);
});

it('redeliver tries again what was given up, of the channel that is named or of all', async () => {
  expect(await said(redeliver({ config }))).toEqual({ text: 'nothing was given up\n', code: 0 });
  const loaded = await loadSite(config);
  if ('problems' in loaded) throw new Error('the site file is wrong');
  const { data_dir, alerts } = loaded.config;
  const deps = testDeps(data_dir);
  const start = async (): Promise<AlertsSink> => {
    const channels = alerts.channels.filter(({ id }) => id === 'push');
    const sink = new AlertsSink(deps, { webhooks: [], channels, version: '1', onError: () => undefined });
    await sink.start();
    return sink;
  };
  push.refuse(true);
  const first = await start();
  await publish(deps.bus, 'incidents.v1', sampleIncident());
  const failed = { topic: 'incidents.v1', reason: 'ALERT_REFUSED' };
  await until('the letter', () => deps.metrics.value('dead_letters_total', failed) === 1);
  await first.stop();
  push.refuse(false);
  expect(await said(redeliver({ config, channel: 'chat' }))).toMatchObject({ text: 'nothing was given up\n' });
  expect(await said(redeliver({ config }))).toEqual({
    text: 'push: 1 message will be tried again within a minute\n',
    code: 0,
  });
  const second = await start();
  await until('the message', async () => (await push.taken()).some(({ keys }) => keys.includes('incident-1/1')));
  await second.stop();
  await deps.bus.close();
});
