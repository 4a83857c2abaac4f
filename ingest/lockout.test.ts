import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../runtime/clock.ts';
import { Lockout } from './lockout.ts';

const USER = { username: 'viewer', password: 'hunter2' };
const HOURS_MS = 3_600_000;
const CAMERA = 'rtsp://10.0.0.9/one';
const BESIDE = 'rtsp://10.0.0.9:8554/two';

let folder: string;
let path: string;
let clock: FakeClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'banksman-lockout-'));
  path = join(folder, 'state', 'refused.json');
  clock = new FakeClock();
});
afterEach(() => rmSync(folder, { recursive: true }));

it('keeps all cameras of a host and user from a second attempt, for 6 hours', async () => {
  const lockout = new Lockout(path, clock);
  expect(await lockout.mayTry(CAMERA, USER)).toBe(true);
  await lockout.refused(CAMERA, USER);
  expect(await lockout.mayTry(CAMERA, USER)).toBe(false);
  expect(await lockout.mayTry(BESIDE, USER)).toBe(false);
  expect(await lockout.mayTry('rtsp://10.0.0.10/one', USER)).toBe(true);
  expect(await lockout.mayTry(CAMERA, { ...USER, username: 'other' })).toBe(true);
  await clock.advance(6 * HOURS_MS - 1);
  expect(await lockout.mayTry(CAMERA, USER)).toBe(false);
  await clock.advance(1);
  expect(await lockout.mayTry(CAMERA, USER)).toBe(true);
});

it('is remembered by the next process, in a file that tells nobody the password', async () => {
  await new Lockout(path, clock).refused(CAMERA, USER);
  const stored = readFileSync(path, 'utf8');
  expect(stored).not.toContain('hunter2');
  expect(stored).not.toContain('viewer');
  expect(statSync(path).mode & 0o077).toBe(0);
  const next = new Lockout(path, clock);
  await next.load();
  expect(await next.mayTry(CAMERA, USER)).toBe(false);
  expect(await next.mayTry(CAMERA, { ...USER, password: 'changed' })).toBe(true);
});

it('lets go when told, and says so', async () => {
  const lockout = new Lockout(path, clock);
  let told = 0;
  lockout.onForgiven(() => told++);
  await lockout.refused(CAMERA, USER);
  await lockout.forgive(BESIDE, USER);
  expect(await lockout.mayTry(CAMERA, USER)).toBe(true);
  expect(told).toBe(1);
});

it('begins anew from a damaged file', async () => {
  await new Lockout(path, clock).refused(CAMERA, USER);
  writeFileSync(path, '{"x": [');
  const next = new Lockout(path, clock);
  await next.load();
  expect(await next.mayTry(CAMERA, USER)).toBe(true);
});

it('lets sixteen cameras of one recorder try a wrong password once together', async () => {
  const lockout = new Lockout(path, clock);
  let attempts = 0;
  const camera = (i: number): Promise<void> =>
    lockout.inTurn(`rtsp://10.0.0.9/${i}`, USER, async () => {
      if (!(await lockout.mayTry(`rtsp://10.0.0.9/${i}`, USER))) return;
      attempts++;
      await lockout.refused(`rtsp://10.0.0.9/${i}`, USER);
    });
  await Promise.all(Array.from({ length: 16 }, (_, i) => camera(i)));
  expect(attempts).toBe(1);
});

it('lets them go side by side once the password was right, until a session ends', async () => {
  const lockout = new Lockout(path, clock);
  await lockout.accepted(CAMERA, USER);
  let inside = 0;
  let most = 0;
  const attempt = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
  };
  await Promise.all([1, 2, 3].map(() => lockout.inTurn(CAMERA, USER, attempt)));
  expect(most).toBe(3);
  lockout.doubted(CAMERA, USER);
  most = 0;
  await Promise.all([1, 2, 3].map(() => lockout.inTurn(CAMERA, USER, attempt)));
  expect(most).toBe(1);
});
