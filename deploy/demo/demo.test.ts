import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { interruptGroup } from '../../test/processes.ts';
import { until } from '../../test/wait.ts';

const DEMO = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'demo.ts')];

test.each([
  [['--fro', '20s'], /Unknown option '--fro'/],
  [['--seed', 'seven'], /--seed seven is no whole number/],
  [['--for', 'ages'], /--for/],
])('what it does not understand, it says, and what there is: %j', async (args, message) => {
  const child = spawn(process.execPath, [...DEMO, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(2);
  expect(err).toMatch(message);
  expect(err).not.toMatch(/^ +at /m);
});

test('Ctrl-C while the pictures are drawn: nobody is left, and the next time goes on from there', async () => {
  // A seed of its own each time: what is cached would not be drawn.
  const seed = String(Date.now() % 1_000_000_000);
  const child = spawn(process.execPath, [...DEMO, '--no-open', '--seed', seed], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const { pid = 0 } = child;
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  try {
    await until('it draws', () => /of 5000 pictures of the site/.test(err), 90_000);
    const second = spawnSync(process.execPath, [...DEMO, '--no-open'], { encoding: 'utf8', timeout: 60_000 });
    expect(second).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/a demo is running here already .*\n +Look/),
    });
    await interruptGroup(pid);
    expect(await ended).toBe(1);
    expect(err).toMatch(/stopped; the next demo goes on from the pictures that are finished\n$/);
  } finally {
    child.kill('SIGKILL');
  }
}, 120_000);
