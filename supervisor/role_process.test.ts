import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { createLogger } from '../runtime/log.ts';
import { isAlive } from '../test/processes.ts';
import { until } from '../test/wait.ts';
import { RoleProcess, type RoleProcessOptions } from './role_process.ts';

const module = join(import.meta.dirname, 'scripted_role.ts');

let role: RoleProcess;
let lines: Record<string, unknown>[];
let changes: boolean[];
/** Of the counter of restarts. */
let restarts: number;
const pids = new Set<number>();

beforeEach(() => {
  lines = [];
  changes = [];
  restarts = 0;
  pids.clear();
});

afterEach(async () => {
  role.kill();
  await until('nothing to be left', () => role.pid === undefined && [...pids].every((pid) => !isAlive(pid)));
});

function scripted(behaviour: string | (() => string), options: Partial<RoleProcessOptions> = {}): RoleProcess {
  role = new RoleProcess({
    role: 'sink',
    command: () => ({
      module,
      args: [typeof behaviour === 'string' ? behaviour : behaviour()],
      env: { BANKSMAN_TEST_FLAG: `flag ${pids.size}` },
    }),
    clock: systemClock,
    log: createLogger('up', 'info', { write: (line) => lines.push(JSON.parse(line)) }),
    metrics: {
      inc: (name) => {
        if (name === 'role_restarts_total') restarts += 1;
      },
      set() {},
      observe() {},
      remove() {},
    },
    onLine: () => undefined,
    onChange: (_role, up) => {
      changes.push(up);
      if (role.pid !== undefined) pids.add(role.pid);
    },
    ...options,
  });
  return role;
}

function pidOf(): number {
  if (role.pid === undefined) throw new Error('it does not run');
  return role.pid;
}

/** @returns the pid of the next process, once it is ready. */
function nextAfter(pid: number): Promise<number> {
  return until('the next process to be ready', () => role.ready && role.pid !== pid && role.pid);
}

function said(text: string): Record<string, unknown>[] {
  return lines.filter(({ msg }) => msg === text);
}

describe('a role', () => {
  it('is ready when it says so, answers, and stops when asked to', async () => {
    await scripted('fine').start();
    const pid = pidOf();
    expect([role.ready, role.addresses, changes]).toEqual([true, { flag: 'flag 0' }, [true]]);
    expect(await role.metrics(10_000)).toMatchObject([{ name: 'answered', text: `${pid}` }]);
    expect(await role.stop(30_000)).toBe(true);
    expect([isAlive(pid), role.ready, role.pid, changes, restarts]).toEqual([
      false,
      false,
      undefined,
      [true, false],
      0,
    ]);
    expect(await role.stop(30_000), 'twice').toBe(true);
    expect(await role.metrics(10_000)).toBeUndefined();
    expect(lines).toEqual([]);
  });

  it('is killed when it does not stop in time, and that is said', async () => {
    await scripted('deaf').start();
    const pid = pidOf();
    expect(await role.stop(300)).toBe(false);
    expect(isAlive(pid)).toBe(false);
    expect(lines).toMatchObject([{ code: 'STOP_TIMED_OUT', role: 'sink' }]);
    expect(restarts).toBe(0);
  });

  it('that cannot start for the first time says why, and is not tried again', async () => {
    await expect(scripted('refused').start()).rejects.toMatchObject({ code: 'PORT_TAKEN', where: 'here' });
    expect([role.pid, restarts, changes]).toEqual([undefined, 0, [false]]);
  });

  it('whose program is not there says so', async () => {
    const start = scripted('fine', { command: () => ({ module: `${module}.gone`, args: [], env: {} }) }).start();
    await expect(start).rejects.toMatchObject({ code: 'ROLE_FAILED', message: 'ended with 1' });
  });

  it('is restarted when it was killed, with what the command says then', async () => {
    await scripted('fine').start();
    const first = pidOf();
    process.kill(first, 'SIGKILL');
    const second = await nextAfter(first);
    expect(second).not.toBe(first);
    expect(role.addresses).toEqual({ flag: 'flag 1' });
    expect(await role.metrics(10_000)).toMatchObject([{ name: 'answered', text: `${second}` }]);
    expect([changes, restarts]).toEqual([[true, false, true], 1]);
    expect(said('role ended')).toMatchObject([{ code: 'ROLE_FAILED', role: 'sink', why: 'SIGKILL' }]);
  });

  it('that ends again and again is restarted ever later', async () => {
    await scripted('brief').start();
    await until('five restarts', () => restarts >= 5);
    const delays = said('role ended').map(({ restart_in_ms }) => Number(restart_in_ms));
    for (const [n, delay] of delays.entries()) {
      const bound = 200 * 2 ** n;
      expect(delay).toBeGreaterThanOrEqual(bound / 2 - 1);
      expect(delay).toBeLessThanOrEqual(bound + 1);
    }
    expect(said('role ended')[0]).toMatchObject({ why: '7' });
    // While it waits to be started again there is nothing to stop, and nothing to come.
    await until('it to be down', () => role.pid === undefined);
    expect(await role.stop(10_000)).toBe(true);
  });

  it('is restarted on request without a back-off', async () => {
    await scripted('fine').start();
    const first = pidOf();
    await role.restart();
    expect([role.ready, isAlive(first), restarts]).toEqual([true, false, 0]);
    expect(role.addresses).toEqual({ flag: 'flag 1' });
    process.kill(pidOf(), 'SIGKILL');
    await until('it to be restarted all the same', () => restarts === 1 && role.ready);
  });
});

describe('a role that hangs', () => {
  it('in the middle is killed and restarted', async () => {
    await scripted('fine', { hangMs: 1_500 }).start();
    const first = pidOf();
    process.kill(first, 'SIGSTOP');
    const stopped = performance.now();
    await until('it to be killed', () => !isAlive(first));
    expect(performance.now() - stopped).toBeGreaterThan(1_000);
    await nextAfter(first);
    expect(said('role does not answer, killed')).toHaveLength(1);
    expect([changes, restarts]).toEqual([[true, false, true], 1]);
  });

  it('for a moment is left alone', async () => {
    await scripted('fine', { hangMs: 6_000 }).start();
    const pid = pidOf();
    process.kill(pid, 'SIGSTOP');
    // A heartbeat or two that it does not answer in time.
    expect(await role.metrics(3_000)).toBeUndefined();
    process.kill(pid, 'SIGCONT');
    await until('it to answer', async () => (await role.metrics(1_000)) !== undefined);
    expect([role.pid, role.ready, restarts, lines]).toEqual([pid, true, 0, []]);
  });

  it('at its start is killed and started anew', async () => {
    const behaviours = ['fine', 'late', 'fine'];
    await scripted(() => behaviours.shift() ?? 'fine', { hangMs: 300, startLimitMs: 6_000 }).start();
    const first = pidOf();
    process.kill(first, 'SIGKILL');
    await nextAfter(first);
    expect(said('role does not become ready, killed')).toHaveLength(1);
    expect(restarts).toBe(2);
  });
});

describe('a machine that cannot start another process', () => {
  const { execPath } = process;
  afterEach(() => {
    process.execPath = execPath;
  });

  it('is tried again until it can', async () => {
    await scripted('fine').start();
    const first = pidOf();
    process.execPath = '/nowhere/node';
    process.kill(first, 'SIGKILL');
    await until('some tries', () => restarts >= 3);
    process.execPath = execPath;
    await nextAfter(first);
    expect(said('role process')[0]).toMatchObject({ err: { code: 'ENOENT' } });
  });

  it('fails at the first start', async () => {
    process.execPath = '/nowhere/node';
    await expect(scripted('fine').start()).rejects.toMatchObject({ code: 'ROLE_FAILED' });
    expect(restarts).toBe(0);
  });
});
