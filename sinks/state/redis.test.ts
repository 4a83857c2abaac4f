/** The state sink on Redis: what waits while it is away, and what is made good when it lost something. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import { openHeld } from '../../runtime/stores/state/open.ts';
import { RedisStateStore } from '../../runtime/stores/state/redis.ts';
import { RedisStateReader } from '../../runtime/stores/state/redis_reader.ts';
import { redisOptions } from '../../runtime/stores/state/redis_testing.ts';
import {
  at,
  sampleCoverage,
  sampleEvidence,
  sampleFeedback,
  sampleIncident,
  sampleMute,
  sampleStatus,
} from '../../runtime/stores/state/samples.ts';
import { RedisServer } from '../../test/services/redis.ts';
import { until } from '../../test/wait.ts';
import { caughtUp, KEY, publish, type TestDeps, testDeps } from '../testing.ts';
import { StateSink } from './state.ts';

const LIMIT_MS = 90_000;
const STATE = { store: 'state' };

let folder: string;
let deps: TestDeps;
let server: RedisServer;
let reader: RedisStateReader;
let sinks: StateSink[];

async function startSink(): Promise<StateSink> {
  const store = new RedisStateStore(redisOptions({ url: server.url }));
  const sink = new StateSink(deps, { store, retentionDays: 36_500, gatherMs: 5, pictureMs: 20 });
  sinks.push(sink);
  await sink.start();
  return sink;
}

/** A little of everything that topics tell. */
async function publishAll(): Promise<void> {
  const { bus } = deps;
  await publish(bus, 'camera.status.v1', sampleStatus());
  await publish(bus, 'coverage.v1', sampleCoverage(0, 1), sampleCoverage(1, 2), sampleCoverage(3, 4));
  await publish(bus, 'incidents.v1', sampleIncident(), sampleIncident({ revision: 2, peopleMax: 3 }));
  await publish(bus, 'incidents.v1', sampleIncident({ id: 'incident-2', openedAt: at(9), state: 'closed' }));
  await publish(bus, 'evidence.v1', sampleEvidence());
  const mute = sampleFeedback({ action: 'mute', incident: null, mute: sampleMute() });
  await publish(bus, 'feedback.v1', sampleFeedback(), mute, sampleFeedback({ action: 'label', note: 'hold' }));
}

/** What a console would show of it. */
const shown = async () => ({
  incidents: (await reader.incidents({})).incidents,
  open: (await reader.incidents({ state: ['open', 'unobserved'] })).incidents.map(({ id }) => id),
  cameras: await reader.cameras('yard'),
  coverage: await reader.coverage('yard', 'gate', at(0), at(5)),
  mutes: await reader.mutes(),
  held: [...(await reader.held())],
  categories: await reader.categories({}),
});

const settled = () => until('everything acknowledged', () => caughtUp(deps.bus, 'state'), LIMIT_MS, 50);
const well = () => until('a store that is well', async () => (await reader.health()).state === 'ok', LIMIT_MS, 50);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-state-redis-'));
  deps = testDeps(folder, { bus: openMemoryBus() });
  server = await new RedisServer().start();
  reader = new RedisStateReader(redisOptions({ url: server.url }));
  sinks = [];
}, 60_000);
afterEach(async () => {
  await Promise.all(sinks.map((sink) => sink.stop()));
  await reader.close();
  await deps.bus.close();
  await server.stop();
  await rm(folder, { recursive: true });
}, 60_000);

it('holds everything while the server is away, and brings it when it is back', async () => {
  await startSink();
  await publishAll();
  await settled();
  await server.kill();
  const many = Array.from({ length: 300 }, (_, n) => sampleIncident({ id: `away-${n}`, openedAt: at(20 + n) }));
  await publish(deps.bus, 'incidents.v1', ...many);
  await until('the failure to be seen', () => deps.metrics.value('store_available', STATE) === 0);
  const errors = { ...STATE, reason: 'REDIS_UNREACHABLE' };
  expect(deps.metrics.value('store_errors_total', errors)).toBeGreaterThan(0);
  expect(await caughtUp(deps.bus, 'state')).toBe(false);
  await server.start();
  await settled();
  expect((await reader.counts({})).total).toBe(302);
  await until('the metric', () => deps.metrics.value('store_available', STATE) === 1);
  // Nothing was lost: nothing had to be read again.
  expect(deps.metrics.value('state_rebuilds_total')).toBe(0);
  expect(deps.metrics.value('dead_letters_total', { topic: 'incidents.v1', reason: 'REDIS_UNREACHABLE' })).toBe(0);
}, 180_000);

it('starts while the server is away', async () => {
  await server.halt();
  await startSink();
  await publishAll();
  expect(await caughtUp(deps.bus, 'state')).toBe(false);
  await server.start();
  await settled();
  expect((await reader.counts({})).total).toBe(2);
}, 180_000);

it('fills a server that was emptied under it, with the same as before', async () => {
  await startSink();
  await publishAll();
  await settled();
  await well();
  const before = await shown();
  expect(before.incidents).toMatchObject([
    { id: 'incident-2', muted: true },
    { held: true, evidence: [{}] },
  ]);
  await server.command('FLUSHALL');
  await until('it to be filled again', async () => (await reader.counts({})).total === 2, LIMIT_MS, 50);
  await well();
  expect(await shown()).toEqual(before);
  expect(deps.metrics.value('state_rebuilds_total')).toBeGreaterThan(0);
}, 180_000);

it('tells readers that what they see is not all until it is', async () => {
  const sink = await startSink();
  await publishAll();
  await settled();
  await well();
  await sink.stop();
  await server.command('FLUSHALL');
  expect(await reader.health()).toMatchObject({ state: 'rebuilding' });
  // Evidence of an incident that is held would be removed otherwise.
  const held = await openHeld({ store: 'redis', redis: redisOptions({ url: server.url }) }, folder);
  await expect(held.held()).rejects.toMatchObject({ code: 'STORE_FAILED' });
  await startSink();
  await well();
  expect(await held.held()).toEqual(new Set(['incident-1']));
  await held.close();
  expect((await reader.counts({})).total).toBe(2);
}, 180_000);

it('fills an empty server while new records come, and they are in it once', async () => {
  await startSink();
  await publishAll();
  await settled();
  await server.command('FLUSHALL');
  let revision = 2;
  await until(
    'the old beside the new',
    async () => {
      revision += 1;
      await publish(deps.bus, 'incidents.v1', sampleIncident({ revision, peopleMax: revision }));
      await publish(deps.bus, 'coverage.v1', sampleCoverage(revision + 10, revision + 11));
      return (await reader.incident('incident-2')) && (await reader.health()).state === 'ok';
    },
    LIMIT_MS,
    20,
  );
  await settled();
  expect(await reader.incident('incident-1')).toMatchObject({ revision, peopleMax: revision });
  const live = await reader.camera('yard', 'gate');
  // History that was read again is not taken for news.
  expect((await reader.categories({})).camera.values.map(({ total }) => total)).toEqual([2]);
  expect(live).toMatchObject({ watchedTo: at(revision + 11), coverage: { to: at(revision + 11) } });
  expect(await reader.coverage('yard', 'gate', at(13), at(revision + 11))).toEqual([sampleCoverage(13, revision + 11)]);
}, 180_000);

it('makes good what an older copy of the data lacks', async () => {
  await startSink();
  await publishAll();
  await settled();
  const file = await server.snapshot();
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'later', openedAt: at(50) }));
  await publish(deps.bus, 'incidents.v1', sampleIncident({ revision: 3, state: 'closed', transition: 'closed' }));
  await settled();
  const before = await shown();
  await server.restore(file);
  await until('what came after the copy', () => reader.incident('later'), LIMIT_MS, 50);
  await well();
  expect(await shown()).toEqual(before);
}, 180_000);

it('two sinks write at once, and one goes on for both', async () => {
  const [first] = await Promise.all([startSink(), startSink()]);
  const cameras = Array.from({ length: 12 }, (_, n) => `c-${n}`);
  const opened = cameras.map((camera) => sampleIncident({ id: `of-${camera}`, camera }));
  await publish(deps.bus, 'incidents.v1', ...opened);
  await publish(deps.bus, 'coverage.v1', ...cameras.map((camera) => sampleCoverage(0, 1, { camera })));
  await settled();
  await first.stop();
  await publish(deps.bus, 'incidents.v1', ...opened.map((one) => ({ ...one, revision: 2, peopleMax: 2 })));
  await publish(deps.bus, 'coverage.v1', ...cameras.map((camera) => sampleCoverage(1, 2, { camera })));
  await settled();
  const found = (await reader.incidents({})).incidents;
  expect(found.map(({ revision, peopleMax }) => [revision, peopleMax])).toEqual(cameras.map(() => [2, 2]));
  expect((await reader.cameras('yard')).map(({ watchedTo }) => watchedTo)).toEqual(cameras.map(() => at(2)));
  await well();
  expect(deps.metrics.value('state_rebuilds_total')).toBe(0);
}, 180_000);

it('passes over what does not parse, in its turn', async () => {
  await startSink();
  await deps.bus.producer().send('incidents.v1', { key: KEY, value: Buffer.from('{"id": 3}') });
  await deps.bus.producer().send('camera.status.v1', { key: 'other/camera', value: null });
  await publishAll();
  await settled();
  await well();
  expect((await reader.counts({})).total).toBe(2);
  expect(deps.metrics.value('dead_letters_total', { topic: 'incidents.v1', reason: 'MESSAGE_INVALID' })).toBe(1);
  expect(deps.metrics.value('state_rebuilds_total')).toBe(0);
}, 120_000);
