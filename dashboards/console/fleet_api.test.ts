import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { CameraControl } from '../../config/control.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { AgentRecord } from '../../runtime/messages/types.ts';
import { until } from '../../test/wait.ts';
import { TestConsole } from './testing.ts';

const LIMIT_MS = 60_000;
let page: TestConsole;
let address: string;

beforeEach(async () => {
  page = await TestConsole.create();
  const siteFile = await page.write('site.yaml', 'site: yard\ncameras: {}\nrules: [{ id: any, type: zone_entry }]\n');
  address = await page.start({ control: new CameraControl({ bus: page.bus, siteFile }) });
});
afterEach(() => page.end());

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${address}/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}

it('adds, changes and removes a camera, and applies a file; a dry run changes nothing', async () => {
  const url = 'rtsp://10.0.0.11/live';
  const dry = await call('PUT', '/cameras/gate?dryRun=true', { url });
  expect(dry).toMatchObject({
    status: 200,
    body: { changes: ['camera gate added', 'rule any added'], applied: false },
  });
  expect((await call('PUT', '/cameras/gate', { url })).body).toMatchObject({ records: 2, applied: true });
  await until('the camera', async () => (await call('GET', '/cameras')).body['cameras'] !== undefined);
  const wrong = await call('PUT', '/cameras/gate', { url, zone: {} });
  expect(wrong).toMatchObject({
    status: 400,
    body: { problems: [{ code: 'CONFIG_UNKNOWN_KEY', path: 'cameras.gate.zone' }] },
  });

  const many = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`c${i}`, { url: `${url}/${'x'.repeat(200)}/${i}` }]),
  );
  const text = stringify({ cameras: { ...many, gate: { url } } });
  expect(text.length).toBeGreaterThan(64 * 1024);
  const applied = await call('POST', '/cameras/apply', { text });
  expect(applied).toMatchObject({ status: 200, body: { applied: true } });
  expect(applied.body['changes']).toHaveLength(301);

  expect((await call('DELETE', '/cameras/nobody')).status).toBe(404);
  await until('the last', async () => (await call('DELETE', '/cameras/c299?dryRun=true')).status === 200);
  expect((await call('DELETE', '/cameras/c299')).body['changes']).toEqual([
    'camera c299 removed',
    'rule any changed: cameras',
  ]);
  const { cameras } = (await call('GET', '/owners')).body as { cameras: { camera: string; reason: string }[] };
  expect(cameras).toHaveLength(300);
  expect(new Set(cameras.map(({ reason }) => reason))).toEqual(new Set(['CAMERA_UNOWNED']));
});

it('takes changes by several people at once: a rule holds for every camera that was added', async () => {
  const ids = Array.from({ length: 8 }, (_, i) => `gate-${i}`);
  const put = (id: string): Promise<Answer> => call('PUT', `/cameras/${id}`, { url: 'rtsp://10.0.0.11/live' });
  const answers = await Promise.all(ids.map(put));
  expect(answers.map(({ status, body }) => [status, body['applied']])).toEqual(ids.map(() => [200, true]));
  const rules = page.bus.table('rules.v1');
  await rules.start();
  const rule = parseMessage('rules.v1', rules.get('yard/any') ?? expect.fail('no rule'));
  expect(rule.cameras.toSorted()).toEqual(ids);
  await rules.stop();
});

it('shows agents with their clocks and drains them', async () => {
  const producer = page.bus.producer();
  let seq = 0;
  const say = async (): Promise<unknown> => {
    const record: AgentRecord = {
      ...{ site: 'yard', agent: 'a', at: new Date(Date.now() + 30_000).toISOString(), seq: seq++, state: 'running' },
      ...{ leads: true, capacity: 4, cameras: { gate: { epoch: 1, cpu: 0.25 } } },
    };
    return producer.send('agents.v1', { key: 'yard/a', value: encodeJson(record) });
  };
  const agents = async (): Promise<unknown> => {
    await say();
    return (await call('GET', '/agents')).body['agents'];
  };
  await expect
    .poll(agents, { timeout: LIMIT_MS })
    .toMatchObject([
      { agent: 'a', state: 'running', leads: true, cameras: 1, cpu: 0.25, reason: 'AGENT_CLOCK_OFFSET' },
    ]);
  expect((await call('POST', '/agents/nobody/drain', {})).status).toBe(404);
  // It is forgotten five seconds after its last word, also where this test was not run for so long.
  const saying = async (method: string, path: string, body?: unknown): Promise<number> => {
    await say();
    return (await call(method, path, body)).status;
  };
  await expect.poll(() => saying('POST', '/agents/a/drain', {}), { timeout: LIMIT_MS }).toBe(204);
  await expect.poll(agents, { timeout: LIMIT_MS }).toMatchObject([{ agent: 'a', state: 'draining' }]);
  await expect.poll(() => saying('DELETE', '/agents/a/drain'), { timeout: LIMIT_MS }).toBe(204);
  await expect.poll(agents, { timeout: LIMIT_MS }).toMatchObject([{ agent: 'a', state: 'running' }]);
});
