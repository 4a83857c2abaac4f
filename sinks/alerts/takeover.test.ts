/** What a sink had to send when its machine was lost: sent by another, once. Real Redis. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import { FakeClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { redisOptions } from '../../runtime/stores/state/redis_testing.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { RedisServer } from '../../test/services/redis.ts';
import { until } from '../../test/wait.ts';
import { caughtUp, publish, type TestDeps, testDeps } from '../testing.ts';
import { AlertsSink } from './alerts.ts';
import { HookServer, sampleWebhook } from './hook_server.ts';
import { AlertMemory, type Owed } from './memory.ts';
import { itWhileRedisAnswers } from './while_redis_answers.ts';

const LIMIT_MS = 60_000;
const ALIVE = '{banksman:yard:a}:alive:';

let folders: string[];
let deps: TestDeps;
let redis: RedisServer;
let hook: HookServer;
/** What any sink is told. */
let eye: AlertMemory;
let sinks: Machine[];

interface Machine {
  sink: AlertsSink;
  clock: FakeClock;
  dataDir: string;
}

const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'banksman-takeover-'));
  folders.push(folder);
  return folder;
};

/** Its attempts end by themselves: time that is moved on must not end them. */
async function start(dataDir: string, { shared = true, log = silentLogger } = {}): Promise<Machine> {
  const clock = new FakeClock(Date.parse(at(0)));
  const memory = shared ? new AlertMemory(redisOptions({ url: redis.url }), { log, metrics: deps.metrics }) : null;
  const webhooks = [sampleWebhook({ url: hook.url, timeout_s: 1_000_000 })];
  const retry = { minMs: 10, maxMs: 50 };
  const options = { webhooks, version: '1', onError: () => undefined, retry, memory };
  const machine = { sink: new AlertsSink({ ...deps, log, clock, dataDir }, options), clock, dataDir };
  sinks.push(machine);
  await machine.sink.start();
  return machine;
}

async function stop(machine: Machine): Promise<void> {
  sinks = sinks.filter((other) => other !== machine);
  const stopped = machine.sink.stop();
  await machine.clock.advance(10_000);
  await stopped;
}

/** What others know it by. */
function idOf({ dataDir }: Machine): string {
  const db = new DatabaseSync(join(dataDir, 'alerts.db'), { readOnly: true });
  try {
    return String(db.prepare('SELECT id FROM sink').get()?.['id']);
  } finally {
    db.close();
  }
}

/** Nothing is heard of it from now on, as if it had been silent for long. */
async function silence(id: string): Promise<void> {
  await redis.command('DEL', `${ALIVE}${id}`);
}

const owed = async (): Promise<Owed[]> => (await eye.owed()) ?? [];
const untilOwed = (by: (ids: string[]) => boolean, ...keys: string[]) =>
  until(
    `${keys} owed`,
    async () => {
      const found = await owed();
      const ids = [...new Set(found.map((one) => one.by))];
      return `${found.map(({ key }) => key).sort()}` === `${keys}` && by(ids) && ids;
    },
    LIMIT_MS,
    20,
  );

/** Moves its time on, a look at a time, until a condition holds. */
const passUntil = ({ clock }: Machine, what: string, condition: () => boolean | Promise<boolean>) =>
  until(
    what,
    async () => {
      if (await condition()) return true;
      await clock.advance(1_000);
      return false;
    },
    LIMIT_MS,
    20,
  );

const closed = (incident: Incident, seconds: number): Incident => ({
  ...incident,
  ...{ revision: 2, transition: 'closed', state: 'closed', closeReason: 'left' },
  ...{ updatedAt: at(seconds), closedAt: at(seconds) },
});
const judged = () => until('everything judged', () => caughtUp(deps.bus, 'alerts'), LIMIT_MS, 20);
const test = (name: string, body: () => Promise<void>) => itWhileRedisAnswers(name, () => deps.metrics, body);
const taken = () => hook.received.filter(({ answer }) => answer === 204).map(({ key }) => key);

beforeEach(async () => {
  folders = [];
  sinks = [];
  deps = testDeps('', { bus: openMemoryBus() });
  redis = await new RedisServer().start();
  eye = new AlertMemory(redisOptions({ url: redis.url }), { log: silentLogger, metrics: deps.metrics });
  hook = new HookServer();
  await hook.start();
}, 60_000);
afterEach(async () => {
  for (const machine of sinks) await stop(machine);
  await eye.close();
  await deps.bus.close();
  await hook.stop();
  await redis.stop();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
}, 60_000);

test('what a machine had to send that is lost with its disk is sent by a new one, once and in order', async () => {
  const first = await start(await newFolder());
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'told' }));
  await passUntil(first, 'it told', () => taken().includes('told/1'));
  hook.answer = () => 503;
  const lost = sampleIncident({ id: 'lost', openedAt: at(5) });
  await publish(deps.bus, 'incidents.v1', lost, closed(lost, 9));
  const [id = ''] = await untilOwed((ids) => ids.length === 1, 'lost/1', 'lost/2');
  await judged();
  await stop(first);
  await rm(first.dataDir, { recursive: true });
  await silence(id);
  hook.answer = () => 204;

  const second = await start(await newFolder());
  await passUntil(second, 'both told', () => taken().includes('lost/2'));
  await passUntil(second, 'nothing owed', async () => (await owed()).length === 0);
  expect(taken()).toEqual(['told/1', 'lost/1', 'lost/2']);
  expect(deps.metrics.value('alerts_taken_over_total')).toBe(2);
});

test('what a sink has to send that lives is its own', async () => {
  hook.answer = () => 503;
  const first = await start(await newFolder());
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'a' }));
  const [id = ''] = await untilOwed((ids) => ids.length === 1, 'a/1');
  // A machine that stalls must not look dead here.
  await until('its word', async () => (await redis.command('PERSIST', `${ALIVE}${id}`)) === '1', LIMIT_MS, 20);
  const second = await start(await newFolder());
  const other = idOf(second);
  // More looks than it takes to give somebody up: each begins with its own word.
  for (let look = 0; look < 8; look += 1) {
    await silence(other);
    await passUntil(second, 'a look', async () => (await redis.command('EXISTS', `${ALIVE}${other}`)) === '1');
  }
  expect(await untilOwed((ids) => ids.length === 1, 'a/1')).toEqual([id]);
  hook.answer = () => 204;
  await passUntil(first, 'it told', () => taken().includes('a/1'));
  expect(taken()).toEqual(['a/1']);
  expect(deps.metrics.value('alerts_taken_over_total')).toBe(0);
});

test('who comes back with its disk leaves to the other what that has taken over', async () => {
  hook.answer = () => 503;
  const first = await start(await newFolder());
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'a' }));
  const [id = ''] = await untilOwed((ids) => ids.length === 1, 'a/1');
  await judged();
  await stop(first);
  await silence(id);
  const second = await start(await newFolder());
  await passUntil(second, 'it taken over', async () => !(await owed()).some(({ by }) => by === id));
  hook.answer = () => 204;
  const back = await start(first.dataDir);
  const left = { reason: 'delivered_elsewhere' };
  await passUntil(back, 'it left', () => deps.metrics.value('alerts_silenced_total', left) === 1);
  await passUntil(second, 'it told', () => taken().includes('a/1'));
  expect(taken()).toEqual(['a/1']);
});

test('what was given up is owed no more', async () => {
  hook.answer = () => 410;
  const first = await start(await newFolder());
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'a' }));
  await passUntil(
    first,
    'its letter',
    () => deps.metrics.value('alerts_failed_total', { channel: 'ops', reason: 'http_4xx' }) > 0,
  );
  await passUntil(first, 'nothing owed', async () => (await owed()).length === 0);
});

it('on one machine a new outbox tells nothing anew, and says what is not known', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  const first = await start(await newFolder(), { shared: false, log });
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'a' }));
  await passUntil(first, 'it told', () => taken().includes('a/1'));
  await judged();
  await stop(first);
  expect(lines).toEqual([]);
  const second = await start(await newFolder(), { shared: false, log });
  expect(lines.join()).toContain('messages that still waited in the old one are not known');
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'b', openedAt: at(60) }));
  await passUntil(second, 'the next told', () => taken().includes('b/1'));
  expect(taken()).toEqual(['a/1', 'b/1']);
});
