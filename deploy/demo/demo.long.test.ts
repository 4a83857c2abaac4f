import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { family, interruptGroup, isAlive } from '../../test/processes.ts';
import { until } from '../../test/wait.ts';

const DEMO = [
  '--disable-warning=ExperimentalWarning',
  join(import.meta.dirname, 'demo.ts'),
  '--json',
  '--no-open',
] as const;
/** A round of the demo, and what the last incident of it needs to be told. */
const ROUND = '135s';
const READY_LIMIT_MS = 600_000;

interface Running {
  child: ChildProcess;
  lines: Record<string, unknown>[];
  errors: () => string;
  ended: Promise<unknown>;
}

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [...DEMO, ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  onTestFinished(() => {
    if (child.exitCode === null && child.pid) process.kill(-child.pid, 'SIGKILL');
  });
  const lines: Record<string, unknown>[] = [];
  let [rest, errors] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const whole = (rest + text).split('\n');
    rest = whole.pop() ?? '';
    lines.push(...whole.map((line) => JSON.parse(line)));
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  return { child, lines, errors: () => errors, ended: new Promise((resolve) => child.once('close', resolve)) };
}

function has(running: Running, event: string): boolean {
  return running.lines.some((line) => line['event'] === event);
}

test('a round of the demo, the console killed in it: what happens is found, hardly anything that does not', async () => {
  const running = start('--for', ROUND);
  await until('something is found', () => has(running, 'found') || running.child.exitCode !== null, READY_LIMIT_MS);
  expect(running.errors()).not.toMatch(/Error/);
  const members = family(running.child.pid ?? 0);
  // The supervisor starts it again; nobody who follows it misses anything.
  const [console] = members.filter(({ args }) => args.includes('console'));
  if (!console) throw new Error(`no console among ${members.map(({ args }) => args.join(' ')).join('; ')}`);
  process.kill(console.pid, 'SIGKILL');
  expect(await running.ended, running.errors()).toBe(0);
  const score = running.lines.at(-1);
  // What it was about is in the list, should it be less.
  expect({ score, lines: running.lines }).toMatchObject({ score: { event: 'score', recall: 1, missed: 0 } });
  expect(score?.['found']).toBeGreaterThanOrEqual(5);
  expect(score?.['false']).toBeLessThanOrEqual(1);
  expect(score?.['repeated']).toBeLessThanOrEqual(1);
  expect(score?.['unjudged']).toBe(0);
  expect(score?.['late_s']).toMatchObject({ median: expect.toSatisfy((late: number) => late < 2) });
  await until('nobody is left', () => !members.some((member) => isAlive(member.pid)));
});

test('banksman ends while the demo runs: the demo ends as well, and says so', async () => {
  const running = start();
  await until('something is found', () => has(running, 'found') || running.child.exitCode !== null, READY_LIMIT_MS);
  const members = family(running.child.pid ?? 0);
  const up = members.find(({ args }) => args.includes('up'));
  if (!up) throw new Error('banksman up does not run');
  process.kill(up.pid, 'SIGKILL');
  expect(await running.ended).toBe(1);
  expect(running.errors()).toMatch(/\[ROLE_FAILED\]/);
  await until('nobody is left', () => !members.some((member) => isAlive(member.pid)));
});

test('ports taken: it moves, and says so; Ctrl-C leaves nobody behind, and no lock', async () => {
  const takers = await Promise.all([8554, 8080, 9464].map(take));
  const moved = start();
  await until('it is ready', () => has(moved, 'ready') || moved.child.exitCode !== null, READY_LIMIT_MS);
  for (const taken of takers) expect(moved.errors()).toContain(`port ${taken.port} is taken`);
  await interrupt(moved);
  for (const { server } of takers) server?.close();

  // The same data folder at once again.
  const beganMs = performance.now();
  const again = start();
  await until('something is found', () => has(again, 'found') || again.child.exitCode !== null, READY_LIMIT_MS);
  // With the clips there: 10 s on two cores with nothing else to do.
  expect(performance.now() - beganMs).toBeLessThan(60_000);
  await interrupt(again);
});

/** Nothing to do where somebody else has it already. */
async function take(port: number): Promise<{ port: number; server: Server | null }> {
  const server = createServer();
  const isOurs = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  return { port, server: isOurs ? server : null };
}

async function interrupt({ child, errors, ended }: Running): Promise<void> {
  await interruptGroup(child.pid ?? 0);
  expect(await ended, errors()).toBe(0);
}
