/** What is counted of evidence, against what lies in the store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Incident } from '../../runtime/messages/types.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { until } from '../../test/wait.ts';
import {
  caughtUp,
  publish,
  publishFrame,
  sampleCamera,
  samplePicture,
  sampleRule,
  type TestDeps,
  testDeps,
} from '../testing.ts';
import { EvidenceCounts } from './counts.ts';
import type { EvidenceSink } from './evidence.ts';
import { configure, proveWhole, sinkOn } from './testing.ts';

const LIMIT = 18_000;

let folder: string;
let deps: TestDeps;
let store: LocalObjectStore;
let sink: EvidenceSink;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-counts-'));
  deps = testDeps(folder);
  store = new LocalObjectStore(join(folder, 'evidence'));
  sink = sinkOn(deps, store, { retention: { clips_days: 30, records_days: 365, max_bytes: 5e9 } });
  await configure(deps.bus, sampleCamera(), sampleRule());
  await sink.start();
});
afterEach(async () => {
  await sink.stop();
  await deps.bus.close();
  await rm(folder, { recursive: true });
});

const acknowledged = () => until('everything acknowledged', () => caughtUp(deps.bus, 'evidence'), LIMIT, 10);

/** One with a picture of its own, so wide. */
async function seen(seconds: number, width: number, over: Partial<Incident>): Promise<Incident> {
  const frame = await publishFrame(deps.bus, [await samplePicture([], width, 270)], { seq: seconds });
  const peak = { captureTime: at(seconds), box: [0.4, 0.5, 0.5, 0.9] as Incident['peak']['box'], frame };
  return sampleIncident({ peak, updatedAt: at(seconds), ...over });
}

const kept = (camera: string, kind: string): number =>
  deps.metrics.value('evidence_bytes_total', { camera, kind }) -
  deps.metrics.value('evidence_replaced_bytes_total', { camera, kind });

it('what was written, less what it replaced, is what lies there, by camera and kind', async () => {
  const first = await seen(0, 960, {});
  for (const [revision, width] of [480, 320, 640].entries()) {
    await publish(
      deps.bus,
      'incidents.v1',
      revision === 0 ? first : await seen(revision, width, { revision: revision + 1, transition: 'updated' }),
    );
    // One after the other: of pictures that wait only the newest is written.
    await acknowledged();
  }
  const { files } = await proveWhole(deps.bus, store, first);
  expect(files.map(({ kind }) => kind)).toEqual(['snapshot', 'annotated']);
  for (const { kind, bytes } of files) {
    expect(deps.metrics.value('evidence_replaced_bytes_total', { camera: 'gate', kind })).toBeGreaterThan(bytes);
    expect(kept('gate', kind), kind).toBe(bytes);
  }
  const objects = await store.list({ prefix: 'yard/gate/' });
  const record = objects.find(({ key }) => key.endsWith('record.json'));
  expect(kept('gate', 'record')).toBe(record?.bytes);
  // The rule's and the camera's are of no camera alone.
  expect(kept('', 'config')).toBeGreaterThan(0);
});

it('says for how long and how much of it', () => {
  const days = (kind: string) => deps.metrics.value('evidence_retention_seconds', { kind }) / 86_400;
  expect([days('snapshot'), days('annotated'), days('record')]).toEqual([30, 30, 365]);
  expect(deps.metrics.value('evidence_max_bytes')).toBe(5e9);
  // What lies beside a record goes with it.
  new EvidenceCounts(deps.metrics).limits({ clips_days: 30, records_days: 7, max_bytes: 5e9 });
  expect([days('snapshot'), days('record')]).toEqual([7, 7]);
});

it('cameras count from 0 when they are configured, and have no series any more when they are removed', async () => {
  const series = (camera: string) =>
    (['evidence_bytes_total', 'evidence_replaced_bytes_total'] as const).flatMap((name) =>
      ['snapshot', 'annotated', 'record'].map((kind) => deps.metrics.has(name, { camera, kind })),
    );
  expect(series('gate')).toEqual(Array(6).fill(true));
  expect(kept('gate', 'snapshot')).toBe(0);
  await configure(deps.bus, sampleCamera({ camera: 'pit' }));
  await until('the new camera', () => series('pit').every(Boolean), LIMIT, 10);

  await deps.bus.producer().send('cameras.v1', { key: 'yard/gate', value: null });
  await until('the camera to be forgotten', () => !series('gate').some(Boolean), LIMIT, 10);
  // What comes late is counted, and begins no series that nobody would end.
  const late = await seen(0, 480, {});
  await publish(deps.bus, 'incidents.v1', late);
  await acknowledged();
  expect(series('gate')).toEqual(Array(6).fill(false));
  expect(kept('', 'snapshot')).toBeGreaterThan(0);
  expect(series('pit')).toEqual(Array(6).fill(true));
});

it('a camera stays while another site on the bus has one of its name', async () => {
  await configure(deps.bus, sampleCamera({ site: 'quay' }));
  await configure(deps.bus, sampleCamera({ camera: 'pit' }));
  const counted = (camera: string) => deps.metrics.has('evidence_bytes_total', { camera, kind: 'record' });
  await until('both', () => counted('pit'), LIMIT, 10);
  const producer = deps.bus.producer();
  await producer.send('cameras.v1', { key: 'yard/gate', value: null });
  await producer.send('cameras.v1', { key: 'yard/pit', value: null });
  await until('one to be forgotten', () => !counted('pit'), LIMIT, 10);
  expect(counted('gate')).toBe(true);
  await producer.send('cameras.v1', { key: 'quay/gate', value: null });
  await until('the other to be forgotten', () => !counted('gate'), LIMIT, 10);
});
