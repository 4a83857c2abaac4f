import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Engine } from '../../runtime/bus/local/engine.ts';
import { SessionBus } from '../../runtime/bus/session/bus.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { until } from '../../test/wait.ts';
import { caughtUp, publish, publishFrame, sampleCamera, samplePicture, sampleRule, testDeps } from '../testing.ts';
import { evidenceKey } from './keys.ts';
import { configure, Mortality, proveWhole, sinkOn, type WatchedStore } from './testing.ts';

const LIMIT = 20_000;
const FRAMES_BYTES = 100_000;

let root: string;
let engine: Engine;
/** A connection of its own, as a process has one; `kill` ends it as the end of the process does, awaiting nothing. */
function connect(): SessionBus & { kill(): Promise<void> } {
  const session = engine.session({ copy: true });
  return Object.assign(new SessionBus(session), { kill: () => session.close() });
}

async function begin(): Promise<void> {
  root = await mkdtemp(join(tmpdir(), 'banksman-evidence-crash-'));
  engine = new Engine({ path: ':memory:', frames: { maxBytes: FRAMES_BYTES } });
}

async function end(): Promise<void> {
  await engine.close();
  await rm(root, { recursive: true });
}

beforeEach(begin);
afterEach(end);

/** An incident from opening to close with a better picture in between. @returns its transitions and the last picture. */
async function scenario(bus: SessionBus): Promise<{ incidents: Incident[]; best: Buffer }> {
  await configure(bus, sampleCamera(), sampleRule());
  const first = await samplePicture([[0.4, 0.5, 0.5, 0.9]], 160, 90);
  const best = await samplePicture([[0.3, 0.3, 0.6, 0.95]], 160, 90);
  const peaks = await Promise.all(
    [first, best].map(async (jpeg, seq) => ({
      captureTime: at(seq),
      box: [0.4, 0.5, 0.5, 0.9] as [number, number, number, number],
      frame: await publishFrame(bus, [jpeg], { seq, captureTime: at(seq), width: 160, height: 90 }),
    })),
  );
  const [opening, better] = peaks;
  if (!opening || !better) throw new Error('two peaks');
  const opened = sampleIncident({ peak: opening });
  const updated: Incident = { ...opened, revision: 2, transition: 'updated', updatedAt: at(1), peak: better };
  const closed: Incident = { ...updated, revision: 3, transition: 'closed', state: 'closed', closeReason: 'left' };
  return { incidents: [opened, updated, closed], best };
}

/** Runs a sink that is ended at a step. @returns the steps it took; fewer than asked for when it was done before. */
async function liveUntil(steps: number, incidents: readonly Incident[]): Promise<number> {
  const mine = connect();
  const life = new Mortality(steps);
  const sink = sinkOn(testDeps(root, { bus: life.bus(mine) }), life.store(join(root, 'evidence')));
  await sink.start();
  const outside = connect();
  // One after another, so that no picture is superseded and every write has its turn.
  for (const incident of incidents) {
    await publish(outside, 'incidents.v1', incident);
    await until('the end of it', async () => life.dead || (await caughtUp(outside, 'evidence')), LIMIT, 2);
  }
  const { steps: taken, dead } = life;
  // As a killed process: its connection ends, nothing of it is awaited.
  if (dead) await mine.kill();
  else await sink.stop();
  return taken;
}

async function recover(incident: Incident): Promise<{ store: LocalObjectStore; bus: SessionBus }> {
  const bus = connect();
  const store = new LocalObjectStore(join(root, 'evidence'));
  const sink = sinkOn(testDeps(root, { bus }), store);
  await sink.start();
  await until('everything acknowledged', () => caughtUp(bus, 'evidence'), LIMIT, 5);
  await sink.stop();
  const record = await proveWhole(bus, store, incident);
  expect(record.transitions.map(({ revision }) => revision)).toEqual([1, 2, 3]);
  expect(record.missing).toEqual([]);
  expect(record.files).toMatchObject([{ kind: 'snapshot' }, { kind: 'annotated' }]);
  return { store, bus };
}

it('is whole after an end at any step', { timeout: 180_000 }, async () => {
  for (let step = 1; ; step += 1) {
    const { incidents, best } = await scenario(connect());
    const [first] = incidents;
    if (!first) throw new Error('no incident');
    const taken = await liveUntil(step, incidents);
    const { store } = await recover(first);
    expect(await store.get(evidenceKey(first, 'snapshot')), `ended at step ${step}`).toEqual(best);
    expect((await store.list()).map(({ key }) => key)).toEqual([
      'configs/camera-1.json',
      'configs/config-1.json',
      ...['annotated.jpg', 'record.json', 'snapshot.jpg'].map((file) => `yard/gate/2026-11-21/incident-1/${file}`),
    ]);
    if (taken < step) {
      // 2 configurations, 4 pictures and 3 records written, 7 items announced, each with a step before and after; 3 acknowledged.
      // A configuration may be tried twice: at its coming and for the first record that names it.
      expect(taken).toBeGreaterThanOrEqual(2 * (2 + 4 + 3 + 7) + 3);
      return;
    }
    await end();
    await begin();
  }
});

it('uses the picture that was stored before the record could be, though the bus has lost the frame', async () => {
  const outside = connect();
  const { incidents, best } = await scenario(outside);
  const [first] = incidents;
  if (!first) throw new Error('no incident');
  for (const [n, incident] of incidents.slice(0, 2).entries()) {
    const mine = connect();
    // Ended right after the snapshot of this revision was written.
    const life = new Mortality(Number.POSITIVE_INFINITY);
    const store: WatchedStore = life.store(join(root, 'evidence'));
    let ended = false;
    store.after = async (key) => {
      if (!key.endsWith('snapshot.jpg')) return;
      ended = true;
      await new Promise(() => undefined);
    };
    const sink = sinkOn(testDeps(root, { bus: mine }), store);
    await sink.start();
    await publish(outside, 'incidents.v1', incident);
    await until(`the snapshot of revision ${n + 1}`, () => ended, LIMIT, 2);
    await mine.kill();
    if (n > 0) continue;
    // The first is stored while its frame is there; then only what lies in the store is left of it.
    await flood(outside, 1);
    const bus = connect();
    const again = sinkOn(testDeps(root, { bus }), new LocalObjectStore(join(root, 'evidence')));
    await again.start();
    await until('the first stored', () => caughtUp(bus, 'evidence'), LIMIT, 5);
    await again.stop();
    const record = await proveWhole(bus, new LocalObjectStore(join(root, 'evidence')), first);
    expect(record).toMatchObject({ missing: [], files: [{ kind: 'snapshot' }, { kind: 'annotated' }] });
    // The better one comes again, as its frame would be new.
    const frame = await publishFrame(outside, [best], { seq: 9, captureTime: at(1), width: 160, height: 90 });
    for (const later of incidents.slice(1)) later.peak.frame = frame;
  }
  await flood(outside, 2);
  await publish(outside, 'incidents.v1', ...incidents.slice(2));
  const { store } = await recover(first);
  expect(await store.get(evidenceKey(first, 'snapshot'))).toEqual(best);
});

/** Pushes every frame off the bus. */
async function flood(bus: SessionBus, epoch: number): Promise<void> {
  for (let seq = 0; seq < 4; seq += 1) await publishFrame(bus, [Buffer.alloc(FRAMES_BYTES / 2, 1)], { epoch, seq });
}
