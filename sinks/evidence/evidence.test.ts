import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashOf } from '../../config/hash.ts';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import { smallDisk } from '../../runtime/stores/objects/small_disk.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { until } from '../../test/wait.ts';
import {
  caughtUp,
  KEY,
  publish,
  publishFrame,
  readAll,
  sampleCamera,
  samplePicture,
  sampleRule,
  sampleTracks,
  type TestDeps,
  testDeps,
} from '../testing.ts';
import type { EvidenceSink } from './evidence.ts';
import { evidenceKey } from './keys.ts';
import { configure, proveWhole, readRecord, sha256, sinkOn, WatchedStore } from './testing.ts';

const LIMIT = 18_000;

let folder: string;
let deps: TestDeps;
let store: WatchedStore;
let sink: EvidenceSink;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-evidence-'));
  deps = testDeps(folder);
  store = new WatchedStore(join(folder, 'evidence'));
  sink = sinkOn(deps, store);
});
afterEach(async () => {
  await sink.stop();
  await deps.bus.close();
  await rm(folder, { recursive: true });
});

const stored = (incident: Incident) =>
  until(
    `${incident.id} at revision ${incident.revision}`,
    async () => ((await readRecord(store, incident))?.incident.revision ?? 0) >= incident.revision,
    LIMIT,
    10,
  );
const acknowledged = () => until('everything acknowledged', () => caughtUp(deps.bus, 'evidence'), LIMIT, 10);
const frameGone = { kind: 'snapshot', reason: 'EVIDENCE_FRAME_GONE' };

/** An incident that has just opened, with its frame and the tracks on it. */
async function opening(over: Partial<Incident> = {}): Promise<{ incident: Incident; jpeg: Buffer }> {
  const jpeg = await samplePicture([[0.4, 0.5, 0.5, 0.9]], 480, 270);
  const frame = await publishFrame(deps.bus, [jpeg, await samplePicture([], 64, 64)], { width: 480, height: 270 });
  const person = { class: 'person', age: 1, tentative: false, coasting: false };
  await publish(
    deps.bus,
    'tracks.v1',
    sampleTracks(frame, {
      tracks: [
        { ...person, id: 'track-1', score: 0.83, box: [0.4, 0.5, 0.5, 0.9] },
        { ...person, id: 'track-2', score: 0.6, box: [0.7, 0.5, 0.8, 0.9] },
        { ...person, id: 'track-3', score: 0.6, box: [0.1, 0.5, 0.2, 0.9], coasting: true },
      ],
    }),
  );
  const peak = { captureTime: at(0), box: [0.4, 0.5, 0.5, 0.9] as Incident['peak']['box'], frame };
  return { incident: sampleIncident({ peak, ...over }), jpeg };
}

describe('what is stored', () => {
  it('is the picture, the picture drawn on, the record and the configurations, with checksums', async () => {
    const { configHash: _, ...camera } = sampleCamera({ password: { text: 'hunter2' } });
    const { configHash: __, ...rule } = sampleRule();
    await configure(deps.bus, { ...camera, configHash: hashOf(camera) }, { ...rule, configHash: hashOf(rule) });
    await sink.start();
    const { incident, jpeg } = await opening({ configHash: hashOf(rule) });
    await publish(deps.bus, 'incidents.v1', incident);
    await acknowledged();

    const record = await proveWhole(deps.bus, store, incident);
    expect(evidenceKey(incident, 'snapshot')).toBe('yard/gate/2026-11-21/incident-1/snapshot.jpg');
    expect(await store.get(evidenceKey(incident, 'snapshot'))).toEqual(jpeg);
    expect(record.files.map(({ kind }) => kind)).toEqual(['snapshot', 'annotated']);
    expect(record).toMatchObject({
      incident: { id: 'incident-1', revision: 1, state: 'open', model: { id: 'yolox-nano' } },
      transitions: [{ revision: 1, transition: 'opened', at: at(0) }],
      picture: {
        captureTime: at(0),
        receiveTime: at(0.05),
        detections: [
          { track: 'track-1', class: 'person', score: 0.83, subject: true },
          { track: 'track-2', subject: false },
        ],
      },
      software: { name: 'banksman', version: '1.2.3' },
      missing: [],
    });
    expect(record.files[0]).toMatchObject({ codec: 'jpeg', width: 480, height: 270, from: at(0), to: at(0) });

    expect(record.config).toEqual({
      rule: `configs/${hashOf(rule)}.json`,
      camera: `configs/${hashOf(camera)}.json`,
    });
    const ruleFile = await store.get(record.config.rule ?? '');
    expect(sha256(ruleFile ?? Buffer.alloc(0))).toBe(hashOf(rule));
    expect(JSON.parse(String(ruleFile))).toEqual(rule);
    const cameraFile = String(await store.get(record.config.camera ?? ''));
    expect(JSON.parse(cameraFile)).toMatchObject({ camera: 'gate', url: camera.url });
    expect(cameraFile).not.toContain('hunter2');

    expect(await readAll(deps.bus, 'evidence.v1')).toMatchObject([
      { kind: 'snapshot', revision: 1, complete: true, reason: null },
      { kind: 'annotated', revision: 1, complete: true },
      { kind: 'record', revision: 1, complete: true },
    ]);
    expect(deps.metrics.value('evidence_pending')).toBe(0);
    expect(deps.metrics.value('evidence_bytes_total', { camera: 'gate', kind: 'snapshot' })).toBe(jpeg.length);
  });

  it('has the boxes of this frame drawn at their places', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    await sink.start();
    const { incident } = await opening({ severity: 'critical' });
    await publish(deps.bus, 'incidents.v1', incident);
    await acknowledged();
    const drawn = await store.get(evidenceKey(incident, 'annotated'));
    const { data, info } = await sharp(drawn).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const redness = (x: number, y: number): number =>
      Math.max(
        ...[-1, 0, 1].map((dx) => {
          const i = (Math.round(y * 270) * info.width + Math.round(x * 480) + dx) * 3;
          return (data[i] ?? 0) - (data[i + 1] ?? 0);
        }),
      );
    expect(redness(0.4, 0.7), 'left side of the subject').toBeGreaterThan(90);
    expect(redness(0.5, 0.7), 'right side of the subject').toBeGreaterThan(90);
    expect(redness(0.7, 0.7), 'somebody else').toBeLessThan(60);
    expect(redness(0.1, 0.7), 'who was not in sight').toBeLessThan(60);
  });

  it('follows the transitions: a better picture replaces, every transition is listed once', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    await sink.start();
    const { incident } = await opening();
    await publish(deps.bus, 'incidents.v1', incident);
    await stored(incident);
    const better = await samplePicture([[0.3, 0.3, 0.6, 0.95]], 480, 270);
    const frame = await publishFrame(deps.bus, [better], { seq: 1, captureTime: at(2) });
    const peak: Incident['peak'] = { captureTime: at(2), box: [0.3, 0.3, 0.6, 0.95], frame };
    const updated = { ...incident, revision: 2, transition: 'updated' as const, updatedAt: at(2), peak, peopleMax: 2 };
    const unseen = { ...updated, revision: 3, transition: 'unobserved' as const, state: 'unobserved' as const };
    const closed = {
      ...updated,
      revision: 4,
      transition: 'closed' as const,
      state: 'closed' as const,
      updatedAt: at(9),
      closedAt: at(9),
      closeReason: 'left' as const,
    };
    await publish(deps.bus, 'incidents.v1', updated, { ...unseen, unobservedReason: 'blind:RTSP_STALLED' }, closed);
    await acknowledged();
    const record = await proveWhole(deps.bus, store, incident);
    expect(await store.get(evidenceKey(incident, 'snapshot'))).toEqual(better);
    expect(record.transitions).toMatchObject([
      { revision: 1, transition: 'opened', reason: null, peopleMax: 1 },
      { revision: 2, transition: 'updated', peopleMax: 2 },
      { revision: 3, transition: 'unobserved', reason: 'blind:RTSP_STALLED' },
      { revision: 4, transition: 'closed', state: 'closed', reason: 'left', at: at(9) },
    ]);
    expect(record.incident).toMatchObject({ revision: 4, closeReason: 'left', closedAt: at(9) });
    expect(record.files.map(({ revision }) => revision)).toEqual([2, 2]);
    // The peak's own box stands alone where the tracks of its frame are not on the bus.
    expect(record.picture).toMatchObject({ captureTime: at(2), detections: null });
  });

  it('goes without pictures where there never was one, and says nothing is missing', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule({ type: 'camera_offline' }));
    await sink.start();
    const incident = sampleIncident({ type: 'camera_offline', peak: { captureTime: at(0), box: null, frame: null } });
    await publish(deps.bus, 'incidents.v1', incident);
    await acknowledged();
    const record = await proveWhole(deps.bus, store, incident);
    expect(record).toMatchObject({ files: [], missing: [], picture: null });
    expect(await readAll(deps.bus, 'evidence.v1')).toMatchObject([{ kind: 'record', complete: true }]);
  });

  it('keeps a configuration that was changed meanwhile, and tells when one is not to be had', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    await sink.start();
    await configure(deps.bus, sampleCamera(), sampleRule({ hold_s: 9, configHash: 'config-2' }));
    const { incident } = await opening();
    const unknown = { ...incident, id: 'incident-2', configHash: 'never-seen' };
    await publish(deps.bus, 'incidents.v1', incident, unknown);
    await acknowledged();
    expect((await proveWhole(deps.bus, store, incident)).config.rule).toBe('configs/config-1.json');
    const record = await proveWhole(deps.bus, store, unknown);
    expect(record).toMatchObject({ config: { rule: null }, missing: [{ kind: 'config', hash: 'never-seen' }] });
    await until('the newer one', () => store.head('configs/config-2.json'), LIMIT, 10);
    const news = await readAll(deps.bus, 'evidence.v1');
    const told = news.find(({ incident: id, kind }) => id === 'incident-2' && kind === 'record');
    expect(told).toMatchObject({ complete: false, reason: 'config_gone' });
  });
});

describe('the frame', () => {
  it('that is gone is noted, and the record stored nevertheless', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    await sink.start();
    const { incident } = await opening();
    const frame = { topic: 'frames.v1', partition: 0, offset: '987654' };
    const lost = { ...incident, id: 'lost', peak: { ...incident.peak, frame } };
    await publish(deps.bus, 'incidents.v1', lost, { ...lost, revision: 2, transition: 'updated' });
    await acknowledged();
    const record = await proveWhole(deps.bus, store, lost);
    expect(record).toMatchObject({
      files: [],
      transitions: [{ revision: 1 }, { revision: 2 }],
      missing: [
        { kind: 'snapshot', reason: 'EVIDENCE_FRAME_GONE', frame, revision: 1 },
        { kind: 'annotated', reason: 'EVIDENCE_FRAME_GONE' },
      ],
    });
    expect(deps.metrics.value('evidence_missing_total', frameGone)).toBe(1);
    const news = await readAll(deps.bus, 'evidence.v1');
    expect(news[0]).toMatchObject({ kind: 'snapshot', bytes: 0, complete: false, reason: 'EVIDENCE_FRAME_GONE' });
    expect(news.at(-1)).toMatchObject({ kind: 'record', revision: 2, complete: false, reason: 'EVIDENCE_FRAME_GONE' });

    // A better one comes: nothing lacks any more.
    const closed = { ...incident, id: 'lost', revision: 3, transition: 'closed' as const, state: 'closed' as const };
    await publish(deps.bus, 'incidents.v1', closed);
    await acknowledged();
    expect((await proveWhole(deps.bus, store, lost)).files).toHaveLength(2);
    expect((await readAll(deps.bus, 'evidence.v1')).at(-1)).toMatchObject({ kind: 'record', complete: true });
  });

  it('of a better peak that is gone leaves the picture from before', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    await sink.start();
    const { incident, jpeg } = await opening();
    const frame = { topic: 'frames.v1', partition: 0, offset: '987654' };
    const updated = { ...incident, revision: 2, peak: { ...incident.peak, frame, captureTime: at(3) } };
    await publish(deps.bus, 'incidents.v1', incident, updated);
    await acknowledged();
    const record = await proveWhole(deps.bus, store, incident);
    expect(await store.get(evidenceKey(incident, 'snapshot'))).toEqual(jpeg);
    expect(record).toMatchObject({ picture: { captureTime: at(0) }, missing: [{ revision: 2 }, { revision: 2 }] });
    expect((await readAll(deps.bus, 'evidence.v1')).filter(({ bytes }) => bytes === 0)).toEqual([]);
  });

  it('of another camera is never taken, whatever the coordinates say', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    await sink.start();
    const { incident } = await opening();
    await publish(deps.bus, 'incidents.v1', { ...incident, camera: 'office' });
    await acknowledged();
    expect((await readRecord(store, { ...incident, camera: 'office' }))?.missing).toHaveLength(2);
  });

  it('that is no picture is kept as it is, and the rest goes on', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    await sink.start();
    const { incident } = await opening();
    const junk = Buffer.from('this is no picture');
    const frame = await publishFrame(deps.bus, [junk], { seq: 1 });
    const bad = { ...incident, id: 'bad', peak: { ...incident.peak, frame } };
    await publish(deps.bus, 'incidents.v1', bad, incident);
    await acknowledged();
    const record = await proveWhole(deps.bus, store, bad);
    expect(record.files).toMatchObject([{ kind: 'snapshot', bytes: junk.length, width: null }]);
    expect(record.missing).toMatchObject([{ kind: 'annotated', reason: 'FRAME_UNREADABLE' }]);
    expect((await proveWhole(deps.bus, store, incident)).files).toHaveLength(2);
  });
});

describe('repeats', () => {
  it('change nothing, and announce the newest again', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    await sink.start();
    const { incident } = await opening();
    const closed = { ...incident, revision: 2, transition: 'closed' as const, state: 'closed' as const };
    await publish(deps.bus, 'incidents.v1', incident, closed);
    await acknowledged();
    const before = await store.get(evidenceKey(incident, 'record'));
    const bytes = deps.metrics.value('evidence_bytes_total', { camera: 'gate', kind: 'snapshot' });
    await publish(deps.bus, 'incidents.v1', incident, closed);
    await acknowledged();
    await proveWhole(deps.bus, store, incident);
    expect(await store.get(evidenceKey(incident, 'record'))).toEqual(before);
    expect(deps.metrics.value('evidence_bytes_total', { camera: 'gate', kind: 'snapshot' })).toBe(bytes);
    expect(deps.metrics.value('records_stale_total', { reason: 'evidence' })).toBe(2);
  });

  it('begin a new record where the one there is damaged', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    const { incident } = await opening();
    const junk = Buffer.from('{"format": "banksman.ev');
    await store.put(evidenceKey(incident, 'record'), junk, { contentType: 'application/json', sha256: sha256(junk) });
    await sink.start();
    await publish(deps.bus, 'incidents.v1', incident);
    await acknowledged();
    expect((await proveWhole(deps.bus, store, incident)).files).toHaveLength(2);
  });
});

describe('trouble', () => {
  it('puts aside what does not parse, and goes on', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    await sink.start();
    await deps.bus.producer().send('incidents.v1', { key: KEY, value: Buffer.from('{"id": 3}') });
    const { incident } = await opening();
    await publish(deps.bus, 'incidents.v1', incident);
    await acknowledged();
    await proveWhole(deps.bus, store, incident);
    expect(await readAll(deps.bus, 'dead-letters.v1')).toMatchObject([{ reason: 'MESSAGE_INVALID' }]);
  });

  it('puts aside an incident that alone cannot be stored', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    const { incident } = await opening();
    const poison = { ...incident, id: 'poison' };
    // A file where its folder would be.
    const junk = Buffer.from('x');
    const inTheWay = evidenceKey(poison, 'record').replace('/record.json', '');
    await store.put(inTheWay, junk, { contentType: 'text/plain', sha256: sha256(junk) });
    await sink.start();
    await publish(deps.bus, 'incidents.v1', poison, incident);
    let n = 0;
    await until(
      'the letter',
      async () => {
        n += 1;
        await publish(deps.bus, 'incidents.v1', { ...incident, id: `other-${n}` });
        return (await readAll(deps.bus, 'dead-letters.v1')).length > 0;
      },
      LIMIT,
      50,
    );
    expect(await readAll(deps.bus, 'dead-letters.v1')).toMatchObject([{ reason: 'STORE_FAILED' }]);
    await acknowledged();
    await proveWhole(deps.bus, store, incident);
  });

  it('holds what a full disk refuses, pictures too, says so once, and catches up in order', async ({ skip }) => {
    const disk = await smallDisk('1m');
    if (!disk) return skip('no small disk can be mounted here');
    // The bus forgets frames at once: only what the sink holds is left when there is room again.
    await deps.bus.close();
    const errors: unknown[] = [];
    const log = pino({ level: 'error' }, { write: (line) => errors.push(JSON.parse(line)) });
    deps = testDeps(folder, { bus: openMemoryBus({ frames: { maxBytes: 60_000 } }), log });
    try {
      store = new WatchedStore(disk.path);
      const order: string[] = [];
      store.after = async (key) => {
        if (key.endsWith('record.json')) order.push(key.split('/').at(-2) ?? '');
      };
      const ballast = join(disk.path, '.ballast');
      await writeFile(ballast, Buffer.alloc(4_000_000)).catch(() => undefined);
      sink = sinkOn(deps, store);
      await configure(deps.bus, sampleCamera(), sampleRule());
      await sink.start();
      const full = { store: 'evidence', reason: 'STORE_FULL' };
      await until('the failure', () => deps.metrics.value('store_errors_total', full) > 0, LIMIT, 10);

      const incidents: { incident: Incident; jpeg: Buffer }[] = [];
      for (let i = 0; i < 6; i += 1) {
        const made = await opening({ id: `incident-${i}` });
        incidents.push(made);
        await publish(deps.bus, 'incidents.v1', made.incident);
        await until('it taken', () => deps.metrics.value('evidence_pending') === i + 1, LIMIT, 5);
      }
      const flood = Buffer.alloc(50_000, 1);
      for (let i = 0; i < 3; i += 1) await publishFrame(deps.bus, [flood], { seq: 100 + i });
      const [first] = incidents;
      const { frame } = first?.incident.peak ?? {};
      expect(frame && (await deps.bus.read(frame.topic, frame.partition, Number(frame.offset)))).toBeUndefined();
      expect(await caughtUp(deps.bus, 'evidence')).toBe(false);
      expect(errors).toHaveLength(1);
      expect(errors[0]).toMatchObject({ code: 'STORE_FULL' });

      await rm(ballast);
      await acknowledged();
      for (const { incident, jpeg } of incidents) {
        const record = await proveWhole(deps.bus, store, incident);
        expect(record.missing).toEqual([]);
        expect(await store.get(evidenceKey(incident, 'snapshot'))).toEqual(jpeg);
      }
      // Three at once: nobody begins before all but two of those ahead are done.
      expect(order).toHaveLength(6);
      for (let i = 0; i < 6; i += 1) expect(order.indexOf(`incident-${i}`)).toBeGreaterThanOrEqual(i - 2);
      expect(errors).toHaveLength(1);
      await sink.stop();
    } finally {
      await disk.remove();
    }
  });

  it('holds no more pictures than there is room for, and of one incident only the newest', async () => {
    await configure(deps.bus, sampleCamera(), sampleRule());
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    store.before = () => gate;
    const { incident, jpeg } = await opening();
    sink = sinkOn(deps, store, { holdBytes: Math.floor(jpeg.length * 2.5) });
    await sink.start();
    const jpegs: Buffer[] = [];
    for (let i = 2; i <= 5; i += 1) {
      const better = await samplePicture([[0.3, 0.5 - i / 50, 0.5, 0.9]], 480, 270);
      jpegs.push(better);
      const frame = await publishFrame(deps.bus, [better], { seq: i, captureTime: at(i) });
      const peak = { captureTime: at(i), box: null, frame };
      await publish(deps.bus, 'incidents.v1', { ...incident, revision: i, transition: 'updated', peak });
      await until('it taken', () => deps.metrics.value('evidence_pending') === i - 1, LIMIT, 5);
    }
    release();
    await acknowledged();
    const record = await proveWhole(deps.bus, store, incident);
    expect(await store.get(evidenceKey(incident, 'snapshot'))).toEqual(jpegs.at(-1));
    expect(record.transitions.map(({ revision }) => revision)).toEqual([2, 3, 4, 5]);
    expect(record.missing).toEqual([]);
  });

  it('starts, and stops, while the store cannot even be opened', async () => {
    await writeFile(join(folder, 'file'), 'no folder');
    store = new WatchedStore(join(folder, 'file', 'evidence'));
    sink = sinkOn(deps, store);
    await configure(deps.bus, sampleCamera(), sampleRule());
    await sink.start();
    const { incident } = await opening();
    await publish(deps.bus, 'incidents.v1', incident);
    const failed = { store: 'evidence', reason: 'STORE_FAILED' };
    await until('failures', () => deps.metrics.value('store_errors_total', failed) > 2, LIMIT, 10);
    await sink.stop();
    expect(await caughtUp(deps.bus, 'evidence')).toBe(false);
    // Another start, when it is mended, stores it.
    store = new WatchedStore(join(folder, 'evidence'));
    sink = sinkOn(deps, store);
    await sink.start();
    await acknowledged();
    await proveWhole(deps.bus, new LocalObjectStore(join(folder, 'evidence')), incident);
  });
});
