import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Clock } from '../../runtime/clock.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { EmbeddedStateReader, EmbeddedStateStore } from '../../runtime/stores/state/embedded.ts';
import { sampleFeedback, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { fromTimestamp, toTimestamp } from '../../runtime/time.ts';
import { until } from '../../test/wait.ts';
import {
  caughtUp,
  publish,
  publishFrame,
  readAll,
  sampleCamera,
  samplePicture,
  sampleRule,
  type TestDeps,
  testDeps,
} from '../testing.ts';
import type { EvidenceSink } from './evidence.ts';
import { evidenceKey } from './keys.ts';
import type { RetentionLimits } from './limits.ts';
import { configure, proveWhole, sinkOn, WatchedStore } from './testing.ts';

const LIMIT = 18_000;
const NOW = fromTimestamp('2026-11-21T20:00:00.000Z');
const UNBOUNDED: RetentionLimits = { clips_days: 36_500, records_days: 36_500, max_bytes: 1e12 };
/** Real in every way but for the date. */
const clock: Clock = { ...systemClock, now: () => NOW };

let folder: string;
let deps: TestDeps;
let store: WatchedStore;
let sink: EvidenceSink;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-retention-'));
  deps = testDeps(folder, { clock });
  store = new WatchedStore(join(folder, 'evidence'));
  await configure(deps.bus, sampleCamera(), sampleRule());
});
afterEach(async () => {
  await sink.stop();
  await deps.bus.close();
  await rm(folder, { recursive: true });
});

/** Incidents that opened so many days ago, with evidence, oldest first; written by a sink that is stopped again. */
async function evidenceOf(...daysAgo: number[]): Promise<Incident[]> {
  sink = sinkOn(deps, store);
  await sink.start();
  const jpeg = await samplePicture([[0.4, 0.5, 0.5, 0.9]], 160, 90);
  const incidents: Incident[] = [];
  for (const [seq, days] of daysAgo.entries()) {
    const frame = await publishFrame(deps.bus, [jpeg], { seq });
    const openedAt = toTimestamp(NOW - days * 86_400_000);
    const peak = { captureTime: openedAt, box: null, frame };
    incidents.push(sampleIncident({ id: `i-${days}`, openedAt, peak, state: 'closed', transition: 'closed' }));
  }
  for (const incident of incidents) {
    await publish(deps.bus, 'incidents.v1', incident);
    await until('stored', () => caughtUp(deps.bus, 'evidence'), LIMIT, 5);
  }
  await sink.stop();
  return incidents;
}

async function kinds(incident: Incident): Promise<string[]> {
  const prefix = evidenceKey(incident, 'record').replace('record.json', '');
  return (await store.list({ prefix })).map(({ key }) => key.slice(prefix.length).replace(/\..*/, ''));
}

const ALL = ['annotated', 'record', 'snapshot'];

async function retain(limits: Partial<RetentionLimits>, held: () => Promise<Set<string>> = async () => new Set()) {
  const close = async (): Promise<void> => undefined;
  sink = sinkOn(deps, store, { retention: { ...UNBOUNDED, ...limits }, held: { held, close }, retainEveryMs: 10 });
  await sink.start();
}

const deleted = (reason: string) => deps.metrics.value('evidence_deleted_total', { reason });

it('removes pictures after clips_days and the rest after records_days, and says what is gone', async () => {
  const [ancient, old, fresh] = await evidenceOf(50, 10, 0.5);
  if (!ancient || !old || !fresh) throw new Error('three incidents');
  await retain({ clips_days: 7, records_days: 40 });
  await until('five objects gone', () => deleted('days') === 5, LIMIT, 10);
  expect(await kinds(ancient)).toEqual([]);
  expect(await kinds(old)).toEqual(['record']);
  await proveWhole(deps.bus, store, fresh);
  expect(await kinds(fresh)).toEqual(ALL);
  expect((await store.list({ prefix: 'configs/' })).length).toBe(2);
  const gone = (await readAll(deps.bus, 'evidence.v1')).filter(({ bytes }) => bytes === 0);
  expect(gone.map(({ incident, kind }) => `${incident} ${kind}`)).toEqual([
    'i-50 annotated',
    'i-50 snapshot',
    'i-50 record',
    'i-10 annotated',
    'i-10 snapshot',
  ]);
  expect(gone[0]).toMatchObject({ site: 'yard', camera: 'gate', revision: 1, reason: 'retention_days' });
});

it('counts days from the end of the day of the opening', async () => {
  const [justIn, justOut] = await evidenceOf(7.8, 8.9);
  if (!justIn || !justOut) throw new Error('two incidents');
  await retain({ clips_days: 7, records_days: 7 });
  await until('the older gone', () => deleted('days') === 3, LIMIT, 10);
  expect(await kinds(justIn)).toEqual(ALL);
  expect(await kinds(justOut)).toEqual([]);
});

it('keeps within max_bytes: the oldest go first, down to 85 %', async () => {
  const incidents = await evidenceOf(9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const total = (await store.list()).reduce((sum, { bytes }) => sum + bytes, 0);
  const configs = (await store.list({ prefix: 'configs/' })).reduce((sum, { bytes }) => sum + bytes, 0);
  const each = (total - configs) / incidents.length;
  // Seven and a half fit into 85 %.
  await retain({ max_bytes: (configs + 7.5 * each) / 0.85 });
  await until('three incidents gone', () => deleted('bytes') === 9, LIMIT, 10);
  const left = await Promise.all(incidents.map(kinds));
  expect(left.map((files) => files.length)).toEqual([0, 0, 0, 3, 3, 3, 3, 3, 3, 3]);
  const [newest] = incidents.slice(-1);
  if (newest) await proveWhole(deps.bus, store, newest);
});

it('makes room among the incidents of one day by the time of writing', async () => {
  const incidents = await evidenceOf(0.3, 0.1, 0.2, 0.4);
  const total = (await store.list()).reduce((sum, { bytes }) => sum + bytes, 0);
  await retain({ max_bytes: total });
  await until('one gone', () => deleted('bytes') === 3, LIMIT, 10);
  expect((await Promise.all(incidents.map(kinds))).map((files) => files.length)).toEqual([0, 3, 3, 3]);
});

it('never removes what is held, and goes on when it is released', async () => {
  const [held, other] = await evidenceOf(50, 49);
  if (!held || !other) throw new Error('two incidents');
  const state = new EmbeddedStateStore(folder);
  const feedback = (note: string, at: number) =>
    ({
      kind: 'feedback',
      feedback: sampleFeedback({ incident: 'i-50', action: 'label', note, at: toTimestamp(NOW + at) }),
    }) as const;
  await state.apply([{ kind: 'incident', incident: held }, feedback('hold', 0)]);
  const reader = new EmbeddedStateReader(folder);
  await retain({ clips_days: 7, records_days: 7, max_bytes: 1 }, () => reader.held());
  await until('the other gone', () => deleted('days') === 3, LIMIT, 10);
  expect(await kinds(other)).toEqual([]);
  expect(await kinds(held)).toEqual(ALL);
  await state.apply([feedback('unhold', 1)]);
  await until('the rest gone', () => deleted('days') + deleted('bytes') === 6, LIMIT, 10);
  await reader.close();
  await state.close();
});

it('removes nothing while it is not known what is held', async () => {
  const [old] = await evidenceOf(50);
  if (!old) throw new Error('one incident');
  let asked = 0;
  await retain({ clips_days: 7, records_days: 7 }, async () => {
    asked += 1;
    throw new Error('the state store is away');
  });
  await until('asked again and again', () => asked > 2, LIMIT, 10);
  expect(await kinds(old)).toEqual(ALL);
});

it('goes on where somebody was ended half-way', async () => {
  const [old] = await evidenceOf(50);
  if (!old) throw new Error('one incident');
  await store.delete(evidenceKey(old, 'annotated'));
  await retain({ clips_days: 7, records_days: 7 });
  await until('the rest gone', () => deleted('days') === 2, LIMIT, 10);
  expect(await kinds(old)).toEqual([]);
  expect((await store.list()).map(({ key }) => key)).toEqual(['configs/camera-1.json', 'configs/config-1.json']);
});
