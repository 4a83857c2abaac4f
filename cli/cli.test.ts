/** Every command as a newcomer meets it: its help, and what it says to mistakes. No `up` runs here. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { program } from '../cli.ts';
import { banksman } from '../test/system/up.ts';
import { check } from './check.ts';
import { incidents } from './incidents.ts';
import * as models from './models.ts';
import { probeCommand } from './probe.ts';
import { displayOf, exitCodeOf } from './role.ts';
import { role } from './roles.ts';
import { status } from './status.ts';
import { tail } from './tail.ts';

let dir: string;
let config: string;
const SITE = `
site: yard
cameras:
  gate: { url: "rtsp://127.0.0.1:9/stream" }
rules:
  - { id: anybody, type: zone_entry }
`;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-cli-'));
  config = join(dir, 'site.yaml');
  await writeFile(config, SITE);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

let printed = '';
let complained = '';
beforeEach(() => {
  printed = '';
  complained = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    complained += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** What a person reads, and the exit code. */
async function refusal(run: Promise<unknown>): Promise<{ text: string; code: number }> {
  const error: unknown = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error)) throw new Error('it was not refused');
  return { text: displayOf(error), code: exitCodeOf(error) };
}

describe('help', () => {
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
  test.each(all(program).map((command): [string, Command] => [command.name(), command]))(
    '%s says what it does, with an example',
    (name, command) => {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) });
      command.outputHelp();
      expect(command.description()).not.toBe('');
      expect(help).toMatch(/\nExamples?:\n( {2}\$ .*\bbanksman .*\n)+/);
      expect(help, 'the example is of this command').toMatch(
        new RegExp(`\\$ .*banksman .*${name === 'banksman' ? '' : name}`),
      );
      for (const line of help.split('\n')) expect(line.trimStart()).not.toMatch(/^--?\w\S*$/);
    },
  );
});

describe('while no up runs', () => {
  test('status shows every camera as stopped, and fails', async () => {
    expect(await status({ config })).toBe(1);
    expect(printed).toMatch(/does not run.*banksman up -c .*site\.yaml\n/);
    expect(printed).toMatch(/not watched gate +stopped/);
    printed = '';
    expect(await status({ config, json: true })).toBe(1);
    expect(JSON.parse(printed)).toMatchObject({
      site: 'yard',
      running: false,
      cameras: [{ id: 'gate', state: 'stopped', watched: false }],
    });
  });

  test('incidents answers from the store, and says that nobody looks', async () => {
    expect(await incidents({ config, limit: '5' })).toBe(0);
    expect(printed).toBe('no incidents\n');
    expect(complained).toContain('does not run');
    printed = '';
    expect(await incidents({ config, limit: '5', json: true })).toBe(0);
    expect(JSON.parse(printed)).toEqual([]);
  });

  test('tail says what to start', async () => {
    const { text, code } = await refusal(tail('tracks.v1', { config, from: 'latest' }));
    expect(text).toMatch(/no bus answers \[BUS_UNREACHABLE\]\n {2}Start banksman up/);
    expect(code).toBe(1);
  });
});

describe('a name that names nothing', () => {
  test.each([
    [
      'incidents --camera',
      () => incidents({ config, limit: '5', camera: 'gat' }),
      /no camera gat .*\n {2}Did you mean gate\? There are gate\./,
    ],
    [
      'incidents --rule',
      () => incidents({ config, limit: '5', rule: 'nobody' }),
      /--rule: .*\n {2}Did you mean anybody\?/,
    ],
    ['incidents --limit', () => incidents({ config, limit: 'few' }), /--limit: few is not a whole number/],
    [
      'tail --camera',
      () => tail('tracks.v1', { config, from: 'latest', camera: 'yard' }),
      /no camera yard .*\n {2}There are gate\./,
    ],
    [
      'tail TOPIC',
      () => tail('track.v1', { config, from: 'latest' }),
      /track\.v1: .*BUS_UNKNOWN_TOPIC\]\n {2}Did you mean tracks\.v1\? Topics are .*incidents\.v1/,
    ],
    ['process --only', () => role('process', config, 'detekt'), /--only: .*\n {2}Did you mean detect\? There are/],
    ['sink --only', () => role('sink', config, 'evidence, alarm'), /no part alarm .*\n {2}There are .*alerts/],
    ['models check', () => models.check('yolo', {}), /yolo: no model .*known: .*yolox-nano \[MODEL_UNKNOWN\]/],
    ['models pull', () => models.pull('yolo', {}), /\[MODEL_UNKNOWN\]\n {2}banksman models list/],
    [
      'models pull --from',
      () => models.pull('yolox-nano', { from: join(dir, 'none.onnx') }),
      /none\.onnx: .*cannot be read \[USAGE\]\n {2}Give the path/,
    ],
    [
      '-c',
      () => status({ config: join(dir, 'none.yaml') }),
      /none\.yaml: error: there is no such site file \[CONFIG_NOT_FOUND\]\n {2}Give the right path/,
    ],
    [
      '-c FOLDER',
      () => incidents({ config: dir, limit: '5' }),
      /error: the site file is a folder \[CONFIG_NOT_FOUND\]/,
    ],
  ])('%s', async (_name, run, expected) => {
    vi.stubEnv('BANKSMAN_MODELS_DIR', join(dir, 'models'));
    const { text, code } = await refusal(run());
    expect(text).toMatch(expected);
    expect(text).not.toMatch(/^\s+at /m);
    expect(code).toBe(2);
  });
});

describe('probe', () => {
  const options = { passwordEnv: 'CLI_TEST_PASSWORD', transport: 'tcp', tlsVerify: true, timeout: '3s' } as const;

  test('does not spend a login on a user without password', async () => {
    const { text, code } = await refusal(probeCommand('rtsp://127.0.0.1:9/', { ...options, username: 'ada' }));
    expect(text).toMatch(/--username: the variable CLI_TEST_PASSWORD does not hold a password \[USAGE\]/);
    expect(code).toBe(2);
    vi.stubEnv('CLI_TEST_PASSWORD', '');
    const empty = await refusal(probeCommand('rtsp://127.0.0.1:9/', { ...options, username: 'ada' }));
    expect(empty.text).toContain('[RTSP_REFUSED]');
  });

  test.each([
    ['http://10.0.0.1/', /http:\/\/ is not RTSP \[RTSP_BAD_URL\]/],
    ['10.0.0.1/stream', /does not begin with rtsp:\/\//],
    ['rtsp://10.0.0.1:99999/', /no such port: 99999/],
    ['rtsp://ada:secret word@10.0.0.1/', /not of the form rtsp:\/\/HOST:PORT\/PATH/],
    ['rtsp://127.0.0.1:9/', /127\.0\.0\.1:9: .*\[RTSP_REFUSED\]\n {2}Check the port/],
  ])('%s', async (url, expected) => {
    const { text, code } = await refusal(probeCommand(url, options));
    expect(text).toMatch(expected);
    expect(text).not.toContain('secret');
    expect(code).toBe(1);
  });

  test('a duration that is none', async () => {
    const { text, code } = await refusal(probeCommand('rtsp://127.0.0.1:9/', { ...options, timeout: 'long' }));
    expect(text).toMatch(/^--timeout: long is not a duration: write 60s/);
    expect(code).toBe(2);
  });
});

describe('models of a site file', () => {
  const manifest = (more = ''): string =>
    `{ id: own, family: yolox, file: own.onnx, weights: [{ sha256: ${'a'.repeat(64)}, bytes: 1 }], licence: x, threshold: 0.4, input: { width: 416, height: 416 }, labels: [person]${more} }`;
  const site = `${SITE.replace('stream"', 'stream", model: own')}models: { dir: ./weights, manifests: [./own.yaml] }\n`;

  test('check knows them, and list looks where they belong', async () => {
    const path = join(dir, 'own-site.yaml');
    await writeFile(path, site);
    await writeFile(join(dir, 'own.yaml'), manifest());
    expect(await check({ config: path })).toBe(0);
    printed = '';
    expect(await models.list({ config: path, json: true })).toBe(0);
    expect(JSON.parse(printed)).toContainEqual(
      expect.objectContaining({ id: 'own', state: 'absent', path: join(dir, 'weights/own.onnx') }),
    );
    // Mistakes elsewhere do not make the model unknown.
    await writeFile(path, `${site}camras: {}\n`);
    printed = '';
    expect(await check({ config: path })).toBe(2);
    expect(printed).toContain('camras');
    expect(printed).not.toContain('model');
  });

  test('a manifest that is not valid is a mistake of the configuration', async () => {
    const path = join(dir, 'wrong-site.yaml');
    await writeFile(path, site.replace('./own.yaml', './gone.yaml'));
    const { text, code } = await refusal(check({ config: path }));
    expect(text).toMatch(/gone\.yaml: the manifest cannot be read \(ENOENT\) \[MODEL_MANIFEST_INVALID\]/);
    expect(code).toBe(2);
  });
});

test('processes: exit codes, words on standard error', async () => {
  vi.restoreAllMocks();
  const [version, unknown, wrong, level] = await Promise.all([
    banksman(['--version']),
    banksman(['check', '--confg', config]),
    banksman(['check', '-c', join(dir, 'none.yaml'), '--json']),
    banksman(['console', '-c', config], { BANKSMAN_LOG_LEVEL: 'loud' }),
  ]);
  expect(version).toMatchObject({ code: 0, stderr: '' });
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(unknown).toMatchObject({ code: 2, stdout: '' });
  expect(unknown.stderr).toMatch(/unknown option '--confg'[\s\S]*see banksman check --help/);
  expect(wrong.code).toBe(2);
  expect(JSON.parse(wrong.stdout)).toMatchObject({ ok: false, problems: [{ code: 'CONFIG_NOT_FOUND' }] });
  expect(level.code).toBe(2);
  expect(level.stderr).toMatch(/BANKSMAN_LOG_LEVEL: there is no log level loud \[USAGE\]\n {2}Levels are/);
});
