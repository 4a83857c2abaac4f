import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { interruptGroup } from '../test/processes.ts';
import { until } from '../test/wait.ts';
import { displayOf, exitCodeOf } from './role.ts';
import { type SimulateOptions, simulate } from './simulate.ts';

const usual: SimulateOptions = { scenario: 'demo', seed: '1', port: '0', every: '1', clock: true };

let printed = '';
beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

test('--list names scenarios and cameras', async () => {
  expect(await simulate({ ...usual, list: true })).toBe(0);
  expect(printed).toMatch(/^scenarios\n(.*\n)* {2}demo +\d+ s {2}\w.*\n(.*\n)*cameras\n(.*\n)* {2}gate +\d+×\d+/);
  printed = '';
  await simulate({ ...usual, list: true, json: true });
  const { scenarios, cameras, encoders } = JSON.parse(printed);
  expect(encoders).toContainEqual({ id: 'smart', mode: 'vbr', gop: 20, smartGop: 100 });
  expect(scenarios).toContainEqual(expect.objectContaining({ id: 'busy', any_duration: true }));
  expect(cameras.length).toBeGreaterThanOrEqual(4);
});

describe('a mistake is named before anything is rendered', () => {
  test.each<[string, Partial<SimulateOptions>, RegExp]>([
    [
      '--scenario',
      { scenario: 'dem' },
      /--scenario: there is no scenario dem \[USAGE\]\n {2}Did you mean demo\? There are demo, /,
    ],
    ['--camera', { camera: ['gat'] }, /--camera: there is no camera gat \[USAGE\]\n {2}Did you mean gate\?/],
    ['--seed', { seed: 'x' }, /--seed: x is not a whole number/],
    ['--port', { port: '70000' }, /--port: 70000 is not a whole number from 0 to 65535/],
    ['--night', { night: '4' }, /--night: 4 is no grade: give 0 \(off\) to 3/],
    ['--rain', { rain: '' }, /--rain: {2}is no grade/],
    [
      '--duration',
      { duration: '5m' },
      /--duration: demo lasts \d+ s \[USAGE\]\n {2}Leave it out, or take busy or night_shift/,
    ],
    ['--covered', { covered: '3@20s' }, /--covered: 20s is no stretch of time: write 20s-30s/],
    ['--covered', { covered: '@20s-30s' }, /--covered: @20s-30s is no grade/],
    ['--switched', { switched: '2@30s-20s' }, /--switched: 30s-20s is no stretch of time/],
    ['--frozen', { frozen: '30s-20s' }, /--frozen: 30s-20s is no stretch of time/],
    ['--export', { export: 'coco' }, /--export: no folder to write to \[USAGE\]\n {2}Add --out DIR/],
  ])('%s', async (_name, wrong, expected) => {
    const error: unknown = await simulate({ ...usual, ...wrong }).catch((thrown: unknown) => thrown);
    if (!(error instanceof Error)) throw new Error('it was not refused');
    expect(displayOf(error)).toMatch(expected);
    expect(exitCodeOf(error)).toBe(2);
  });

  test('a port that is taken', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) =>
      other.listen(0, '127.0.0.1', () => {
        const address = other.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      }),
    );
    await expect(simulate({ ...usual, port: String(port) })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      where: `127.0.0.1:${port}`,
      mend: expect.stringContaining('--port 0'),
    });
    other.close();
  });
});

describe('Ctrl-C, as a terminal sends it to everybody in the group', () => {
  /** Starts the command, waits for what it prints, ends it. Nothing of its family may be left. */
  async function interrupted(
    args: string[],
    awaited: RegExp,
  ): Promise<{ code: number | null; out: string; err: string }> {
    const child = spawn(
      join(import.meta.dirname, '../banksman'),
      ['simulate', ...args, '--camera', 'gate', '--port', '0'],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    );
    const { pid = 0 } = child;
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    try {
      await until(`${awaited}`, () => awaited.test(out + err), 90_000);
      await interruptGroup(pid);
      return { code: await ended, out, err };
    } finally {
      child.kill('SIGKILL');
    }
  }

  test('ends serving', async () => {
    const { code, out, err } = await interrupted(
      ['--scenario', 'busy', '--duration', '1s', '--strip'],
      /^gate +rtsp:\/\/127\.0\.0\.1:\d+\/gate$/m,
    );
    expect({ code, err: err.replaceAll(/^\d+ of \d+ frames.*\n/gm, '') }).toEqual({ code: 0, err: '' });
    expect(out.split('\n').length).toBe(2);
  }, 120_000);

  test('ends rendering, and says that nothing is lost', async () => {
    // A seed of its own each time: what is cached would be served.
    const seed = String(Date.now() % 2_000_000_000);
    const { code, err } = await interrupted(
      ['--scenario', 'busy', '--duration', '10m', '--seed', seed],
      /of 6000 frames/,
    );
    expect(code).toBe(1);
    expect(err).toMatch(/stopped; the same command goes on from what is finished\n$/);
  }, 120_000);
});
