/** Alert sinks on several machines: each with an outbox of its own, one memory of what was told. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import { type Clock, FakeClock, systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { redisOptions } from '../../runtime/stores/state/redis_testing.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { RedisServer } from '../../test/services/redis.ts';
import { until } from '../../test/wait.ts';
import { caughtUp, publish, sampleRule, type TestDeps, testDeps } from '../testing.ts';
import { AlertsSink } from './alerts.ts';
import { HookServer, sampleWebhook } from './hook_server.ts';
import { AlertMemory } from './memory.ts';
import { itWhileRedisAnswers } from './while_redis_answers.ts';

const LIMIT_MS = 60_000;

let folders: string[];
let deps: TestDeps;
let redis: RedisServer;
let hook: HookServer;
let sinks: AlertsSink[];

/** A sink on a machine of its own, and of `bus`: by default the one that all share. */
async function startSink(bus = deps.bus, clock: Clock = systemClock): Promise<AlertsSink> {
  const dataDir = await mkdtemp(join(tmpdir(), 'banksman-alerts-shared-'));
  folders.push(dataDir);
  const memory = new AlertMemory(redisOptions({ url: redis.url }), { log: silentLogger, metrics: deps.metrics });
  const sink = new AlertsSink(
    { ...deps, bus, clock, dataDir },
    {
      webhooks: [sampleWebhook({ url: hook.url })],
      version: '1',
      onError: () => undefined,
      retry: { minMs: 10, maxMs: 50 },
      memory,
    },
  );
  sinks.push(sink);
  await sink.start();
  return sink;
}

const test = (name: string, body: () => Promise<void>) => itWhileRedisAnswers(name, () => deps.metrics, body);

/** When the first sink looks at an incident again. */
function waitsFor(incident: string): unknown {
  const db = new DatabaseSync(join(folders[0] ?? '', 'alerts.db'), { readOnly: true });
  try {
    return db.prepare('SELECT remind_ms FROM incidents WHERE incident = ?').get(incident)?.['remind_ms'];
  } finally {
    db.close();
  }
}

const closed: Partial<Incident> = { revision: 2, transition: 'closed', state: 'closed', closeReason: 'left' };
const judged = () => until('everything judged', () => caughtUp(deps.bus, 'alerts'), LIMIT_MS, 20);
const received = (key: string) => until(key, () => hook.keys().includes(key), LIMIT_MS, 20);

beforeEach(async () => {
  folders = [];
  sinks = [];
  deps = testDeps('', { bus: openMemoryBus() });
  redis = await new RedisServer().start();
  hook = new HookServer();
  await hook.start();
}, 60_000);
afterEach(async () => {
  await Promise.all(sinks.map((sink) => sink.stop()));
  await deps.bus.close();
  await hook.stop();
  await redis.stop();
  for (const folder of folders) await rm(folder, { recursive: true });
}, 60_000);

test('the sink that takes over tells the end of what another announced, and keeps to its cool-down', async () => {
  const rule = sampleRule({ cool_down_s: 600 });
  await deps.bus.producer().send('rules.v1', { key: `yard/${rule.rule}`, value: encodeJson(rule) });
  const first = await startSink();
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'a' }));
  await received('a/1');
  await judged();
  await first.stop();
  await startSink();
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'b', openedAt: at(60) }));
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'a', updatedAt: at(70), ...closed }));
  await received('a/2');
  await judged();
  expect(hook.keys()).toEqual(['a/1', 'a/2']);
  expect(deps.metrics.value('alerts_silenced_total', { reason: 'cool_down' })).toBe(1);
});

describe('an incident that lasts longer than the cool-down that silenced it', () => {
  const [a, b] = [sampleIncident({ id: 'a' }), sampleIncident({ id: 'b', openedAt: at(1) })];
  const coolDown = (bus: Bus) => {
    const rule = sampleRule({ cool_down_s: 60 });
    return bus.producer().send('rules.v1', { key: `yard/${rule.rule}`, value: encodeJson(rule) });
  };

  test('is told by one sink, and its end by the one that takes over', async () => {
    await coolDown(deps.bus);
    const clock = new FakeClock(Date.parse(at(0)));
    const first = await startSink(deps.bus, clock);
    await publish(deps.bus, 'incidents.v1', a, b);
    await received('a/1');
    await judged();
    await clock.advance(61_000);
    await received('b/1');
    const sent = ['HEXISTS', '{banksman:yard:a}:told:b', 'sent 1 ops'];
    await until('it to be remembered', async () => (await redis.command(...sent)) === '1', LIMIT_MS);
    await first.stop();
    await startSink();
    await publish(deps.bus, 'incidents.v1', { ...b, ...closed, updatedAt: at(100) });
    await received('b/2');
  });

  test('is left to the sink that has it now', async () => {
    await coolDown(deps.bus);
    const clock = new FakeClock(Date.parse(at(0)));
    await startSink(deps.bus, clock);
    await publish(deps.bus, 'incidents.v1', a, b);
    await received('a/1');
    await judged();
    const other = openMemoryBus();
    await coolDown(other);
    const second = await startSink(other);
    await publish(other, 'incidents.v1', { ...b, ...closed, updatedAt: at(30) });
    await until('its end judged', () => caughtUp(other, 'alerts'), LIMIT_MS, 20);
    await clock.advance(61_000);
    await until('nothing to look at', () => waitsFor('b') === null, LIMIT_MS, 20);
    await received('a/1');
    expect(hook.keys()).toEqual(['a/1']);
    await second.stop();
    await other.close();
  });
});

test('what a receiver took from one sink it does not get from another', async () => {
  // Two that do not share a group: both have to judge every transition, as after a crash before the offset was kept.
  const other = openMemoryBus();
  await startSink();
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'a' }));
  await received('a/1');
  await until(
    'it to be remembered',
    async () => (await redis.command('HEXISTS', '{banksman:yard:a}:told:a', 'sent 1 ops')) === '1',
  );
  const second = await startSink(other);
  await publish(other, 'incidents.v1', sampleIncident({ id: 'a' }), sampleIncident({ id: 'a', ...closed }));
  await received('a/2');
  expect(hook.keys()).toEqual(['a/1', 'a/2']);
  await second.stop();
  await other.close();
});

it('what another sink only decided on is sent: nobody knows whether that one lives', async () => {
  const memory = new AlertMemory(redisOptions({ url: redis.url }), { log: silentLogger, metrics: deps.metrics });
  await until('it to be remembered', async () => {
    await memory.remember('a', 'somewhere', [
      { webhook: 'ops', known: { revision: 1, silenced: null }, announcedMs: undefined, owed: undefined },
    ]);
    return (await redis.command('EXISTS', '{banksman:yard:a}:told:a')) === '1';
  });
  await memory.close();
  await startSink();
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'a' }));
  await received('a/1');
}, 120_000);

it('messages go out while Redis is away', async () => {
  await redis.kill();
  await startSink();
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'a' }), sampleIncident({ id: 'a', ...closed }));
  await received('a/2');
  expect(hook.keys()).toEqual(['a/1', 'a/2']);
  const errors = { store: 'alerts_shared', reason: 'REDIS_UNREACHABLE' };
  expect(deps.metrics.value('store_errors_total', errors)).toBeGreaterThan(0);
}, 120_000);

it('forgets by itself', async () => {
  await startSink();
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'a' }));
  await received('a/1');
  const ttl = await until('a time to live', async () => Number(await redis.command('TTL', '{banksman:yard:a}:told:a')));
  expect(ttl).toBeGreaterThan(30 * 86_400);
  expect(ttl).toBeLessThanOrEqual(32 * 86_400);
}, 120_000);
