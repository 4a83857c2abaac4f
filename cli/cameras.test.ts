/** `banksman cameras` as a person calls it, on a bus that this test hosts, with one real ingest agent. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { LocalBusServer } from '../runtime/bus/local/server.ts';
import type { AgentView, OwnedCamera } from '../runtime/fleet/view.ts';
import { RtspStub } from '../test/fleet/rtsp_stub.ts';
import { banksman, type CommandResult } from '../test/system/up.ts';
import { until } from '../test/wait.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const dir = mkdtempSync(join(tmpdir(), 'banksman-cameras-'));
const site = join(dir, 'site.yaml');
const file = join(dir, 'cameras.yaml');
const server = new LocalBusServer({ dataDir: join(dir, 'data') });
const rtsp = new RtspStub();

beforeAll(async () => {
  mkdirSync(join(dir, 'data'));
  await rtsp.start();
  await server.start();
  writeFileSync(site, 'site: yard\ndata_dir: ./data\ncameras: {}\nrules: [{ id: any, type: zone_entry }]\n');
});
afterAll(async () => {
  await server.stop();
  await rtsp.stop();
  rmSync(dir, { recursive: true, force: true });
});

const cameras = (...args: string[]): Promise<CommandResult> =>
  banksman(['cameras', ...args, '-c', site], { NO_COLOR: '1' });

it('shows what a file changes, asks, and applies it; adds and removes single cameras', async () => {
  writeFileSync(file, `cameras:\n  gate: { url: "${rtsp.url('/gate')}" }\n  road: { url: "${rtsp.url('/road')}" }\n`);
  const dry = await cameras('apply', '-f', file, '--dry-run');
  expect(dry).toMatchObject({ code: 0, stderr: '' });
  expect(dry.stdout).toContain('camera gate added\n  camera road added\n  rule any added\n3 records, ');
  // Nobody is there to be asked.
  expect(await cameras('apply', '-f', file)).toMatchObject({ code: 2, stderr: expect.stringContaining('Add --yes') });
  const applied = await cameras('apply', '-f', file, '--yes');
  expect(applied.stdout).toContain('applied\nbanksman up goes by its own site file');
  expect((await cameras('apply', '-f', file, '--yes')).stdout).toBe('nothing to change\n');

  const added = await cameras(
    'add',
    'north',
    '--url',
    rtsp.url('/north'),
    '--password-env',
    'NORTH',
    '--username-env',
    'USR',
    '-y',
  );
  expect(added.stdout).toContain('camera north added\n  rule any changed: cameras\n2 records, ');
  const wrong = await cameras('add', 'west', '--url', 'http://10.0.0.1/', '-y');
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/^cameras.west.url: .*rtsp/) });
  expect(await cameras('remove', 'nobody', '-y')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no camera nobody'),
  });
  expect((await cameras('remove', 'north', '-y')).stdout).toContain('camera north removed');

  writeFileSync(file, 'cameras:\n  gate: { ur: x }\n');
  const mistake = await cameras('apply', '-f', file, '-y');
  expect(mistake).toMatchObject({ code: 2, stderr: expect.stringContaining(`${file}:2:11: error:`) });
});

it('lists cameras and agents, and drains one only where others are', async () => {
  const busAddress = { type: 'local', socket: server.socketPath };
  const options = { agentId: 'ingest-1', dataDir: join(dir, 'agent'), busAddress, skewMs: -30_000 };
  mkdirSync(options.dataDir);
  const nobody: OwnedCamera[] = JSON.parse((await cameras('list', '--json')).stdout);
  expect(nobody.map(({ camera, reason }) => [camera, reason])).toEqual([
    ['gate', 'CAMERA_UNOWNED'],
    ['road', 'CAMERA_UNOWNED'],
  ]);
  const agent = fork(join(import.meta.dirname, '../test/fleet/agent_process.ts'), [JSON.stringify(options)], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  try {
    const owned = await until('it to have both', async () => {
      const list: OwnedCamera[] = JSON.parse((await cameras('list', '--json')).stdout);
      return list.every(({ state }) => state === 'idle') && list;
    });
    expect(owned.map(({ camera, agent: of, reason }) => [camera, of, reason])).toEqual([
      ['gate', 'ingest-1', null],
      ['road', 'ingest-1', null],
    ]);
    const [view]: AgentView[] = JSON.parse((await cameras('agents', '--json')).stdout);
    expect(view).toMatchObject({ agent: 'ingest-1', state: 'running', leads: true, cameras: 2 });
    expect(view?.reason).toBe('AGENT_CLOCK_OFFSET');
    expect(await cameras('drain', '--agent', 'ingest-1')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no other agent could take its cameras'),
    });
    expect(await cameras('drain', '--agent', 'ingest-2')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean ingest-1?'),
    });
  } finally {
    const gone = once(agent, 'exit');
    agent.kill('SIGKILL');
    await gone;
  }
});
