import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BanksmanError } from '../../runtime/errors.ts';
import { smallDisk } from '../../runtime/stores/objects/small_disk.ts';
import { EmbeddedStateReader, EmbeddedStateStore } from '../../runtime/stores/state/embedded.ts';
import {
  at,
  sampleCoverage,
  sampleEvidence,
  sampleFeedback,
  sampleIncident,
  sampleMute,
  sampleStatus,
} from '../../runtime/stores/state/samples.ts';
import type { ApplyResult, StateChange } from '../../runtime/stores/state/types.ts';
import { until } from '../../test/wait.ts';
import {
  caughtUp,
  KEY,
  publish,
  publishFrame,
  readAll,
  samplePicture,
  sampleTracks,
  type TestDeps,
  testDeps,
} from '../testing.ts';
import { StateSink } from './state.ts';

let folder: string;
let deps: TestDeps;
let reader: EmbeddedStateReader;
let sink: StateSink;

function makeSink(store = new EmbeddedStateStore(folder)): StateSink {
  return new StateSink(deps, { store, retentionDays: 36_500, gatherMs: 5, pictureMs: 20 });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-state-sink-'));
  deps = testDeps(folder);
  reader = new EmbeddedStateReader(folder);
  sink = makeSink();
});
afterEach(async () => {
  await sink.stop();
  await reader.close();
  await deps.bus.close();
  await rm(folder, { recursive: true });
});

it('brings every topic to the store and acknowledges after that', async () => {
  await sink.start();
  const { bus } = deps;
  await publish(bus, 'camera.status.v1', sampleStatus());
  await publish(bus, 'coverage.v1', sampleCoverage(0, 1), sampleCoverage(1, 2));
  await publish(bus, 'evidence.v1', sampleEvidence());
  await publish(
    bus,
    'feedback.v1',
    sampleFeedback(),
    sampleFeedback({ action: 'mute', incident: null, mute: sampleMute() }),
  );
  await publish(bus, 'incidents.v1', sampleIncident(), sampleIncident({ revision: 2, peopleMax: 3 }));
  await until('everything acknowledged', () => caughtUp(bus, 'state'), 15_000, 20);
  expect(await reader.incident('incident-1')).toMatchObject({
    revision: 2,
    peopleMax: 3,
    muted: true,
    acknowledged: { by: 'ada' },
    evidence: [{ kind: 'snapshot' }],
  });
  expect(await reader.camera('yard', 'gate')).toMatchObject({ watchedTo: at(2), status: { state: 'active' } });
  expect(await reader.coverage('yard', 'gate', at(0), at(2))).toEqual([sampleCoverage(0, 2)]);

  await bus.producer().send('camera.status.v1', { key: KEY, value: null });
  await until('the camera gone', async () => (await reader.camera('yard', 'gate')) === undefined, 15_000, 20);
});

it('keeps the latest looked-at picture, the full one and not the crops', async () => {
  await sink.start();
  const [full, crop] = [await samplePicture([[0.4, 0.5, 0.5, 0.9]]), await samplePicture()];
  await publish(deps.bus, 'camera.status.v1', sampleStatus());
  const frame = await publishFrame(deps.bus, [full, crop]);
  await publish(deps.bus, 'tracks.v1', sampleTracks(frame), sampleTracks(null, { kind: 'quiet', to: at(1) }));
  const picture = await until('a picture', () => reader.picture('yard', 'gate'), 15_000, 20);
  expect(picture).toEqual({ captureTime: at(0), jpeg: full });

  const second = await samplePicture([[0.1, 0.5, 0.2, 0.9]]);
  const newer = await publishFrame(deps.bus, [second], { seq: 1, captureTime: at(1) });
  const gone = { ...newer, offset: '999999' };
  await publish(deps.bus, 'tracks.v1', sampleTracks(gone, { to: at(0.5) }));
  await publish(deps.bus, 'tracks.v1', sampleTracks(newer, { to: at(1) }));
  await until(
    'the newer picture',
    async () => (await reader.picture('yard', 'gate'))?.captureTime === at(1),
    15_000,
    20,
  );
  expect((await reader.camera('yard', 'gate'))?.picture?.bytes).toBe(second.length);
});

it('puts aside what does not parse, and goes on', async () => {
  await sink.start();
  await deps.bus.producer().send('incidents.v1', { key: KEY, value: Buffer.from('{"id": 3}') });
  await publish(deps.bus, 'incidents.v1', sampleIncident());
  await until('the good one', () => reader.incident('incident-1'), 15_000, 20);
  const letters = await readAll(deps.bus, 'dead-letters.v1');
  expect(letters).toMatchObject([{ reason: 'MESSAGE_INVALID', source: { topic: 'incidents.v1' } }]);
  await until('acknowledged', () => caughtUp(deps.bus, 'state'), 15_000, 20);
});

it('applies again what it had not acknowledged, with the same effect', async () => {
  await sink.start();
  await publish(deps.bus, 'incidents.v1', sampleIncident(), sampleIncident({ revision: 2 }));
  await until('acknowledged', () => caughtUp(deps.bus, 'state'), 15_000, 20);
  await publish(
    deps.bus,
    'incidents.v1',
    sampleIncident(),
    sampleIncident({ revision: 2 }),
    sampleIncident({ revision: 3 }),
  );
  await until('acknowledged', async () => (await reader.incident('incident-1'))?.revision === 3, 15_000, 20);
  expect((await reader.counts({})).total).toBe(1);
  expect(deps.metrics.value('records_stale_total', { reason: 'state' })).toBe(2);
});

it('holds what a full disk refuses, says so once, and writes it when there is room', async ({ skip }) => {
  const disk = await smallDisk();
  if (!disk) return skip('no small disk can be mounted here');
  try {
    const store = new EmbeddedStateStore(disk.path);
    await store.apply([{ kind: 'status', status: sampleStatus() }]);
    const ballast = join(disk.path, 'ballast');
    await writeFile(ballast, Buffer.alloc(4_000_000)).catch(() => undefined);
    sink = makeSink(store);
    await sink.start();
    const many = Array.from({ length: 200 }, (_, n) => sampleIncident({ id: `i-${n}` }));
    await publish(deps.bus, 'incidents.v1', ...many);
    const full = { store: 'state', reason: 'STORE_FULL' };
    await until('the failure', () => deps.metrics.value('store_errors_total', full) > 0, 15_000, 20);
    expect(await caughtUp(deps.bus, 'state')).toBe(false);
    await rm(ballast);
    const onDisk = new EmbeddedStateReader(disk.path);
    await until('all of them', async () => (await onDisk.counts({})).total === 200, 15_000, 20);
    await onDisk.close();
    await sink.stop();
  } finally {
    await disk.remove();
  }
});

it('puts aside a change that alone is refused time and again, and nothing else', async () => {
  class Picky extends EmbeddedStateStore {
    override async apply(changes: readonly StateChange[]): Promise<ApplyResult> {
      if (changes.some((change) => change.kind === 'incident' && change.incident.id === 'poison')) {
        throw new BanksmanError('STORE_FAILED', { message: 'cannot hold this' });
      }
      return super.apply(changes);
    }
  }
  sink = makeSink(new Picky(folder));
  await sink.start();
  await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'poison' }), sampleIncident());
  await until('the good one', () => reader.incident('incident-1'), 15_000, 20);
  let second = 0;
  const letters = await until(
    'the letter',
    async () => {
      second += 1;
      await publish(deps.bus, 'coverage.v1', sampleCoverage(second, second + 1));
      const found = await readAll(deps.bus, 'dead-letters.v1');
      return found.length > 0 ? found : undefined;
    },
    18_000,
    50,
  );
  expect(letters).toMatchObject([{ reason: 'STORE_FAILED' }]);
  await until('acknowledged', () => caughtUp(deps.bus, 'state'), 15_000, 20);
});
