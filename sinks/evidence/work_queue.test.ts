import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { BanksmanError, type ErrorCode } from '../../runtime/errors.ts';
import { until } from '../../test/wait.ts';
import { WorkQueue } from './work_queue.ts';

let queue: WorkQueue;
let failures: string[];
let recoveries: number;
let done: string[];

function make(concurrency = 3): void {
  failures = [];
  recoveries = 0;
  done = [];
  queue = new WorkQueue({
    clock: systemClock,
    concurrency,
    retryMs: [2, 8],
    onFailed: (code) => failures.push(code),
    onWorking: () => {
      recoveries += 1;
    },
  });
}

afterEach(() => queue.stop());

const tick = () => new Promise((resolve) => setImmediate(resolve));
/** A job that fails as long as `fails` says so. */
const job = (lane: string, name: string, fails: () => ErrorCode | undefined = () => undefined) => ({
  lane,
  partition: Number(lane.replace(/\D/g, '')) || 0,
  run: async () => {
    await tick();
    const code = fails();
    if (code) throw new BanksmanError(code);
    done.push(name);
  },
});

it('keeps the order of a lane while others overtake', async () => {
  make();
  let stuck = true;
  const slow = {
    ...job('a', 'a1'),
    run: () => until('release', () => !stuck, 15_000, 1).then(() => void done.push('a1')),
  };
  queue.add(slow);
  for (const name of ['a2', 'b1', 'b2', 'c1']) queue.add(job(name.slice(0, 1), name));
  await until('the others', () => done.length === 3, 15_000, 2);
  expect(done.join()).not.toMatch(/a/);
  expect(done.indexOf('b1')).toBeLessThan(done.indexOf('b2'));
  stuck = false;
  await until('all', () => queue.size === 0, 15_000, 2);
  expect(done.slice(3)).toEqual(['a1', 'a2']);
});

it('tries the oldest alone while there is no room, then goes on in order', async () => {
  make();
  let full = true;
  const tried: string[] = [];
  for (let i = 0; i < 20; i += 1) {
    queue.add(
      job(`lane-${i}`, String(i), () => {
        tried.push(String(i));
        return full ? 'STORE_FULL' : undefined;
      }),
    );
  }
  await until('several attempts', () => failures.length >= 12, 15_000, 2);
  // Those that had begun together, then only the oldest.
  expect(new Set(tried.slice(3))).toEqual(new Set(['0']));
  expect(done).toEqual([]);
  full = false;
  await until('all of them', () => queue.size === 0, 15_000, 2);
  expect(done[0]).toBe('0');
  expect(done.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(recoveries).toBe(1);
});

it('puts aside what alone is refused, and never while nothing else goes through', async () => {
  make();
  const aside: string[] = [];
  queue.add({
    ...job('bad', 'bad', () => 'STORE_FAILED'),
    refused: async () => {
      aside.push('bad');
    },
  });
  queue.add(job('bad', 'after'));
  await until('many attempts', () => failures.length > 8, 15_000, 2);
  expect(aside).toEqual([]);
  expect(done).toEqual([]);
  queue.add(job('good', 'good'));
  await until('put aside', () => aside.length > 0, 15_000, 2);
  await until('the rest of the lane', () => done.includes('after'), 15_000, 2);
  expect(done).toEqual(['good', 'after']);
});

it('runs exclusive work only where nothing of the lane is under way, and holds the lane meanwhile', async () => {
  make();
  let stuck = true;
  queue.add({ lane: 'a', run: () => until('release', () => !stuck, 15_000, 1).then(() => void done.push('a1')) });
  expect(await queue.exclusive('a', async () => void done.push('never'))).toBe(false);
  const other = queue.exclusive('b', async () => {
    queue.add(job('b', 'b1'));
    for (let i = 0; i < 20; i += 1) await tick();
    done.push('exclusive');
  });
  expect(await other).toBe(true);
  await until('the job behind it', () => done.includes('b1'), 15_000, 2);
  expect(done).toEqual(['exclusive', 'b1']);
  stuck = false;
  await until('empty', () => queue.size === 0, 15_000, 2);
});

it('drops what belongs to others now, and waits for what is under way', async () => {
  make(1);
  let stuck = true;
  const slow = () => until('release', () => !stuck, 15_000, 1).then(() => void done.push('one'));
  queue.add({ lane: 'a1', partition: 1, run: slow });
  for (const name of ['b1', 'c2', 'd1']) queue.add(job(name, name));
  const dropped = queue.drop(new Set([1]));
  let settled = false;
  void dropped.then(() => {
    settled = true;
  });
  await tick();
  expect(settled).toBe(false);
  stuck = false;
  await dropped;
  await until('what stays', () => queue.size === 0, 15_000, 2);
  expect(done).toEqual(['one', 'c2']);
});

it('begins nothing after a stop', async () => {
  make(1);
  queue.add(job('a', 'a'));
  queue.add(job('b', 'b'));
  await queue.stop();
  await tick();
  expect(done).toEqual(['a']);
});
