/** `up` used wrongly: what, where, how to mend it; the right exit code; no stack trace; nothing left behind. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { HAS_TEST_DATA, YOLOX_NANO } from '../data.ts';
import { until } from '../wait.ts';
import { banksman, type SiteObject } from './up.ts';
import { Command, type Ended } from './wrong_up.ts';

let dir: string;
let models: string;
let site: string;
const commands: Command[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-usage-'));
  models = join(dir, 'models');
});
afterEach(() => {
  for (const command of commands.splice(0)) command.kill();
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** A site file of its own folder. @returns its path. */
async function write(content: string | SiteObject): Promise<string> {
  const folder = await mkdtemp(join(dir, 'site-'));
  site = join(folder, 'site.yaml');
  const full = {
    site: 'test',
    data_dir: './data',
    console: { bind: '127.0.0.1:0' },
    metrics: { bind: '127.0.0.1:0' },
    // Nothing listens on the discard port: the camera is refused, again and again.
    cameras: { gate: { url: 'rtsp://127.0.0.1:9/stream' } },
    rules: [{ id: 'anybody', type: 'zone_entry' }],
  };
  await writeFile(site, typeof content === 'string' ? content : stringify({ ...full, ...content }));
  return site;
}

function start(args: string[], env: Record<string, string | undefined> = {}): Command {
  const command = new Command(args, { BANKSMAN_MODELS_DIR: models, BANKSMAN_CONFIG: undefined, ...env });
  commands.push(command);
  return command;
}

/** Runs it to its end and holds it to what every refusal must be. */
async function refused(args: string[], env: Record<string, string | undefined> = {}): Promise<Ended> {
  const command = start(args, env);
  const ended = await command.ended();
  expect(command.left(), 'processes left behind').toEqual([]);
  expect(ended.signal).toBeNull();
  expect(ended.stderr, 'a stack trace').not.toMatch(/^\s+at .*\d+:\d+\)?$/m);
  expect(ended.stderr.trim(), 'it says why').not.toBe('');
  return ended;
}

describe('a call that cannot be right', { timeout: 180_000 }, () => {
  test('an unknown option, command, duration, topic or name', async () => {
    const [option, command, duration, topic, only] = await Promise.all([
      refused(['up', '--confg', 'site.yaml']),
      refused(['upp']),
      refused(['up', '--for', 'long']),
      refused(['tail', 'frames.v2']),
      refused(['incidents', '--state', 'over']),
    ]);
    expect(option.stderr).toMatch(/unknown option '--confg'[\s\S]*--config[\s\S]*--help/);
    expect(command.stderr).toMatch(/unknown command 'upp'[\s\S]*Did you mean up\?/);
    expect(duration.stderr).toMatch(/long is not a duration: write 60s, 5m or 1h \[USAGE\]/);
    expect(topic.stderr).toMatch(/frames\.v2: no topic of that name \[BUS_UNKNOWN_TOPIC\]/);
    expect(only.stderr).toMatch(/Allowed choices are open, unobserved, closed/);
    expect([option, command, duration, only].map(({ code }) => code)).toEqual([2, 2, 2, 2]);
  });

  test('no file, a folder, no YAML, nothing in it, a mistake in it', async () => {
    const missing = join(dir, 'nowhere.yaml');
    const broken = await write('site: yard\ncameras:\n  gate: [\n');
    const empty = await write('');
    const mistaken = await write({ cameras: { gate: { url: 'rtsp://127.0.0.1:9/stream', samplng: {} } } });
    const of = (path: string): Promise<Ended> => refused(['up', '-c', path]);
    const ended = await Promise.all([missing, dir, broken, empty, mistaken].map(of));
    const [notFound, folder, syntax, blank, unknown] = ended.map(({ stderr }) => stderr);
    expect(notFound).toContain('[CONFIG_NOT_FOUND]');
    expect(notFound).toContain(missing);
    expect(folder).toContain('[CONFIG_NOT_FOUND]');
    expect(syntax).toMatch(/site\.yaml:\d+:\d+: error: .*\[CONFIG_SYNTAX\]/);
    expect(blank).toMatch(/site\.yaml:1:1: error: .*empty.*\[CONFIG_MISSING_KEY\]\n\s+Copy config\/examples/);
    expect(unknown).toMatch(
      /site\.yaml:\d+:\d+: error: .*samplng.*\[CONFIG_UNKNOWN_KEY\][\s\S]*Did you mean `sampling`/,
    );
    expect(ended.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2]);
  });

  test('two cameras with one URL', async () => {
    const url = 'rtsp://10.1.2.3:554/stream1';
    const ended = await refused(['up', '-c', await write({ cameras: { gate: { url }, yard: { url } } })]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/site\.yaml:\d+:\d+: error: [\s\S]*gate[\s\S]*\[CONFIG_DUPLICATE_URL\]/);
  });
});

describe.skipIf(!HAS_TEST_DATA)('a model that is not right', { timeout: 180_000 }, () => {
  test('not pulled, an HTML page, other bytes, an unknown name: said before anything starts', async () => {
    const path = await write({});
    const none = join(dir, 'no-models');
    const page = join(dir, 'page-models');
    const other = join(dir, 'other-models');
    await mkdir(page);
    await mkdir(other);
    await writeFile(join(page, 'yolox_nano.onnx'), '<!DOCTYPE html><title>Not found</title>');
    const bytes = await readFile(YOLOX_NANO);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(join(other, 'yolox_nano.onnx'), bytes);
    const with_ = (folder: string): Promise<Ended> => refused(['up', '-c', path], { BANKSMAN_MODELS_DIR: folder });
    const [missing, html, wrong] = await Promise.all([none, page, other].map(with_));
    expect(missing?.stderr).toMatch(/yolox_nano\.onnx.*\[MODEL_NOT_PULLED\]\n\s+banksman models pull/);
    expect(html?.stderr).toMatch(/yolox_nano\.onnx.*\[MODEL_NOT_ONNX\]\n\s+.*pull again/);
    expect(wrong?.stderr).toMatch(/yolox_nano\.onnx.*\[MODEL_CHECKSUM_MISMATCH\]\n\s+.*pull again/);
    expect([missing, html, wrong].map((ended) => ended?.code)).toEqual([1, 1, 1]);

    const camera = { url: 'rtsp://127.0.0.1:9/stream', model: 'yolox-nanno' };
    const unknown = await refused(['up', '-c', await write({ cameras: { gate: camera } })]);
    expect(unknown.stderr).toMatch(/site\.yaml:\d+:\d+: error: [\s\S]*Did you mean `yolox-nano`/);
    expect(unknown.code).toBe(2);
  });
});

describe.skipIf(!HAS_TEST_DATA)('a machine that is not right', { timeout: 180_000 }, () => {
  let taken: Server;
  let port: number;

  beforeAll(async () => {
    const pulled = await banksman(['models', 'pull', 'yolox-nano', '--from', YOLOX_NANO], {
      BANKSMAN_MODELS_DIR: models,
    });
    expect(pulled.code, pulled.stderr).toBe(0);
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    port = typeof address === 'object' && address ? address.port : 0;
  });
  afterAll(() => new Promise((resolve) => taken.close(resolve)));

  test('the port of the console or of the metrics is taken', async () => {
    const bind = `127.0.0.1:${port}`;
    const console_ = await refused(['up', '-c', await write({ console: { bind } })]);
    expect(console_.stderr).toMatch(
      new RegExp(`console\\.bind ${bind}: the port is taken \\[PORT_TAKEN\\]\\n\\s+Stop`),
    );
    const metrics = await refused(['up', '-c', await write({ metrics: { bind } })]);
    expect(metrics.stderr).toMatch(new RegExp(`metrics\\.bind ${bind}: the port is taken \\[PORT_TAKEN\\]\\n\\s+Stop`));
    expect([console_.code, metrics.code]).toEqual([1, 1]);
  });

  test('data_dir is a file, or cannot be written', async () => {
    const file = await write({ data_dir: './taken' });
    await writeFile(join(file, '../taken'), '');
    const isFile = await refused(['up', '-c', file]);
    expect(isFile.stderr).toMatch(/taken: data_dir cannot be used: .*\[DATA_DIR_UNUSABLE\]\n\s+Give a folder/);
    expect(isFile.code).toBe(1);

    const sealed = await sealedFolder();
    try {
      const ended = await refused(['up', '-c', await write({ data_dir: join(sealed.path, 'data') })]);
      expect(ended.stderr).toMatch(/data: data_dir cannot be used: .*\[DATA_DIR_UNUSABLE\]\n\s+Give a folder/);
      expect(ended.code).toBe(1);
    } finally {
      await sealed.open();
    }
  });

  test('another up has the data_dir; a secret is missing; Ctrl-C', async () => {
    const gate = { url: 'rtsp://127.0.0.1:9/stream', username: '${FAULT_USER}', password: '${FAULT_PASSWORD}' };
    const path = await write({ cameras: { gate } });
    const first = start(['up', '-c', path]);
    await until('up to run', () => first.output.includes('metrics  http'));

    const second = await refused(['up', '-c', path]);
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/data: another banksman runs on this data_dir \[DATA_DIR_LOCKED\]\n\s+Stop it/);

    const status = await until('the missing secret to be said', async () => {
      const { stdout } = await banksman(['status', '-c', path, '--json'], { BANKSMAN_MODELS_DIR: models });
      const [camera] = JSON.parse(stdout).cameras;
      return camera.reason !== null && camera;
    });
    expect(status).toMatchObject({ reason: 'CONFIG_SECRET_MISSING', watched: false });
    expect(status.detail).toContain('FAULT_USER');

    expect(first.running, 'the first one is not disturbed').toBe(true);
    first.interrupt();
    const ended = await first.ended();
    expect([ended.code, ended.signal]).toEqual([0, null]);
    expect(ended.stderr).toBe('');
    expect(first.left()).toEqual([]);
  });
});

describe.skipIf(!HAS_TEST_DATA)('Ctrl-C while it starts', { timeout: 180_000 }, () => {
  /** Until the process has got so far: what it made, or said. */
  const stages: [string, (command: Command) => boolean][] = [
    ['it has only begun', () => existsSync(join(site, '../data/lock.db'))],
    ['the sinks are ready', ({ output }) => /"role":"sink".*"ready"/.test(output)],
    ['the processors are ready', ({ output }) => /"role":"process".*"ready"/.test(output)],
    ['it was just ready', ({ output }) => output.includes('metrics  http')],
  ];
  test.each(stages)('once when %s: ends in order', async (_name, reached) => {
    const command = start(['up', '-c', await write({})]);
    await until('it to get there', () => reached(command), 60_000, 5);
    command.interrupt();
    const ended = await command.ended();
    expect(ended.stderr).toBe('');
    expect([ended.code, ended.signal]).toEqual([0, null]);
    expect(command.left()).toEqual([]);
  });

  test('twice: ends at once', async () => {
    const command = start(['up', '-c', await write({})]);
    await until('the processors to be ready', () => /"role":"process".*"ready"/.test(command.output), 60_000, 5);
    command.interrupt();
    await until('the first to be taken', () => !command.running || /stopping/.test(command.output), 20_000, 5);
    if (command.running) command.interrupt();
    const ended = await command.ended();
    expect(ended.stderr).toBe('');
    expect(ended.signal).toBeNull();
    await until('nothing to be left', () => command.left().length === 0);
  });
});

/** A folder in which nothing can be made, by its mode; for root, who is above modes, one of the kernel's. */
async function sealedFolder(): Promise<{ path: string; open(): Promise<void> }> {
  if (process.getuid?.() === 0) return { path: '/sys/kernel', open: async () => undefined };
  const path = await mkdtemp(join(tmpdir(), 'banksman-sealed-'));
  await chmod(path, 0o500);
  return { path, open: () => rm(path, { recursive: true }) };
}
