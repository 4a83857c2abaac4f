import { expect, test } from 'vitest';
import { digestOf } from '../../../runtime/access/token.ts';
import { FakeClock } from '../../../runtime/clock.ts';
import type { Account } from './account_file.ts';
import { may, neededRole } from './roles.ts';
import { Sessions } from './sessions.ts';

const account = (name: string): Account => ({ name, role: 'viewer', digest: digestOf(name), created: null });

test('a session ends by itself, and when it is closed', async () => {
  const clock = new FakeClock();
  const sessions = new Sessions(clock, 1_000);
  const ada = sessions.open(account('ada'));
  const bob = sessions.open(account('bob'));
  expect(ada).not.toBe(bob);
  expect(sessions.find(ada)?.name).toBe('ada');
  expect(sessions.find(`${ada}x`)).toBeUndefined();
  sessions.close(ada);
  expect(sessions.find(ada)).toBeUndefined();
  await clock.advance(999);
  expect(sessions.find(bob)?.name).toBe('bob');
  await clock.advance(1);
  expect(sessions.find(bob)).toBeUndefined();
  expect(sessions.size).toBe(0);
});

test('one account holds so many; the oldest goes, and nobody else loses one', () => {
  const sessions = new Sessions(new FakeClock(), 1_000);
  const bob = sessions.open(account('bob'));
  const own = Array.from({ length: 50 }, () => sessions.open(account('ada')));
  expect(sessions.size).toBe(21);
  expect(sessions.find(own.at(-1) ?? '')?.name).toBe('ada');
  expect(sessions.find(own[0] ?? '')).toBeUndefined();
  expect(sessions.find(bob)?.name).toBe('bob');
});

test('sessions that ended make room', async () => {
  const clock = new FakeClock();
  const sessions = new Sessions(clock, 1_000);
  for (let n = 0; n < 100; n += 1) sessions.open(account(`a${n}`));
  await clock.advance(1_000);
  sessions.open(account('ada'));
  expect(sessions.size).toBe(1);
});

test.each([
  ['GET', '/api/v1/incidents', 'viewer'],
  ['HEAD', '/', 'viewer'],
  ['POST', '/api/v1/incidents/x/acknowledge', 'operator'],
  ['POST', '/api/v1/incidents/x/label', 'operator'],
  ['POST', '/api/v1/mutes', 'operator'],
  ['DELETE', '/api/v1/mutes/x', 'operator'],
  ['POST', '/api/v1/cameras', 'admin'],
  ['POST', '/api/v1/mutesandmore', 'admin'],
  ['PATCH', '/anything', 'admin'],
])('%s %s needs %s', (method, path, role) => {
  expect(neededRole(method, path)).toBe(role);
});

test('each role may do what the one before may', () => {
  expect(may('admin', 'operator')).toBe(true);
  expect(may('operator', 'operator')).toBe(true);
  expect(may('viewer', 'operator')).toBe(false);
});
