/**
 * Cameras and detectors that fail in the middle of an incident, and input that is not what it should be.
 * One `up` for all of it: what one test breaks the next one finds mended.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CameraView, SiteView } from '../../dashboards/console/views.ts';
import { encodeFrameHeaders, encodeJson } from '../../runtime/messages/codec.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type {
  CameraStatus,
  Coverage,
  DeadLetter,
  Detections,
  FrameMeta,
  Incident,
  Tracks,
} from '../../runtime/messages/types.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA, VTEST } from '../data.ts';
import { isAlive } from '../processes.ts';
import { until } from '../wait.ts';
import { Up } from './up.ts';
import { BusWatch, metricSum } from './watch_bus.ts';

const STREAM = '/yard';
const SITE = 'test';

describe.skipIf(!HAS_TEST_DATA)('in the middle of an incident', { timeout: 600_000 }, () => {
  /** One server a camera: one is killed while the other goes on. */
  let dying: RtspServer;
  let freezing: RtspServer;
  let up: Up;
  let watch: BusWatch;
  let incidents: Incident[];
  let coverage: Coverage[];
  let statuses: CameraStatus[];
  let tracks: Tracks[];
  let detections: Detections[];
  let letters: DeadLetter[];

  beforeAll(async () => {
    // People walk about in this clip all the time.
    const source = {
      kind: 'file' as const,
      segments: [{ file: VTEST, fromS: 0, toS: 40 }],
      encode: { fps: 10, keyInt: 10, bitrateKbps: 1000 },
    };
    [dying, freezing] = await Promise.all([
      startRtspServer({ streams: [{ path: STREAM, source }] }),
      startRtspServer({ streams: [{ path: STREAM, source }] }),
    ]);
    up = await Up.start({
      detect: { workers: 1 },
      defaults: { sampling: { active_fps: 4, width_px: 480 } },
      cameras: {
        dying: { url: dying.url(STREAM) },
        freezing: { url: freezing.url(STREAM) },
        // Refused for ever: its records come from the tests.
        absent: { url: 'rtsp://127.0.0.1:9/stream' },
      },
      rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'], hold_s: 20, detect_within_s: 2 }],
    });
    watch = await BusWatch.connect(up);
    incidents = watch.follow('incidents.v1');
    coverage = watch.follow('coverage.v1');
    statuses = watch.follow('camera.status.v1');
    tracks = watch.follow('tracks.v1');
    detections = watch.follow('detections.v1');
    letters = watch.follow('dead-letters.v1');
    await until('both incidents', () => newest('dying') && newest('freezing'));
  }, 300_000);

  afterAll(async () => {
    await watch?.close();
    await up?.[Symbol.asyncDispose]();
    await Promise.all([dying?.stop(), freezing?.stop()]);
  });

  const of = (camera: string): Incident[] => incidents.filter((one) => one.camera === camera);
  const newest = (camera: string): Incident | undefined => of(camera).at(-1);

  async function tile(id: string): Promise<CameraView> {
    const response = await fetch(`${up.console}/api/v1/cameras`);
    const site = (await response.json()) as SiteView;
    const found = site.cameras.find((camera) => camera.id === id);
    if (!found) throw new Error(`no camera ${id}`);
    return found;
  }

  const isGreen = async (camera: string): Promise<boolean> => (await tile(camera)).watched;

  /** What the console tells of the incident of a camera, by the API. */
  async function told(id: string): Promise<Incident> {
    const response = await fetch(`${up.console}/api/v1/incidents/${id}`);
    return (await response.json()) as Incident;
  }

  /** Since `before` it was one incident: it went out of sight, came back, and never ended. */
  function oneIncident(camera: string, id: string, from: number): void {
    const since = of(camera).slice(from);
    expect(new Set(since.map((one) => one.id))).toEqual(new Set([id]));
    expect(since.map(({ transition }) => transition)).toContain('unobserved');
    expect(since.filter(({ transition }) => transition === 'closed')).toEqual([]);
  }

  async function inSight(camera: string): Promise<Incident> {
    return until(`${camera} to be in sight`, async () => {
      const incident = newest(camera);
      return incident?.state === 'open' && (await isGreen(camera)) && incident;
    });
  }

  test('a camera that dies, and one that freezes: unobserved, not green, and the same when they are back', async () => {
    const [died, froze] = await Promise.all([inSight('dying'), inSight('freezing')]);
    const [diedFrom, frozeFrom] = [of('dying').length, of('freezing').length];
    await Promise.all([dying.kill(), freezing.freeze(STREAM, true)]);

    await until('the dead one to be unobserved', () => newest('dying')?.state === 'unobserved');
    const dead = await until('the tile to say so', async () => {
      const seen = await tile('dying');
      return !seen.watched && seen.reason !== null && seen;
    });
    expect(['backoff', 'connecting', 'blind', 'stalled']).toContain(dead.state);
    expect(dead.reason).toMatch(/^RTSP_(REFUSED|ENDED|STALLED)$/);
    await until('the console to have it', async () => (await told(died.id)).state === 'unobserved');
    await until('the metric to say so', async () => /camera_watched\{camera="dying"\} 0/.test(await up.metrics()));

    await dying.restart();
    const back = await inSight('dying');
    expect(back.id).toBe(died.id);
    expect(back.unobservedReason).toBeNull();
    oneIncident('dying', died.id, diedFrom);

    // A frozen picture is only told from a calm one after a while.
    await until('the frozen one to be unobserved', () => newest('freezing')?.state === 'unobserved');
    const frozen = await until('the tile to say so', async () => {
      const seen = await tile('freezing');
      return !seen.watched && seen.state === 'blind' && seen;
    });
    expect(frozen.reason).toBe('STREAM_FROZEN');
    await freezing.freeze(STREAM, false);
    expect((await inSight('freezing')).id).toBe(froze.id);
    oneIncident('freezing', froze.id, frozeFrom);
    await until('no reason any more', async () => (await tile('freezing')).reason === null);
  });

  test('a session that is cut is the same incident', async () => {
    const { id } = await inSight('freezing');
    const runs = new Set(detections.filter(({ camera }) => camera === 'freezing').map(({ runId }) => runId)).size;
    await freezing.disconnect();
    await until('a new run', () => {
      const now = new Set(
        tracks.filter(({ camera, kind }) => camera === 'freezing' && kind === 'looked').map((t) => t.runId),
      );
      return now.size > runs;
    });
    expect((await inSight('freezing')).id).toBe(id);
    expect(of('freezing').filter(({ transition }) => transition === 'closed')).toEqual([]);
  });

  test('corrupt access units: nobody has left, nobody is seen, by name; then the same session goes on', async () => {
    const { id } = await inSight('dying');
    const runs = new Set(tracks.filter(({ camera }) => camera === 'dying').map(({ runId }) => runId));
    const processes = up.family().map(({ pid }) => pid);
    const from = of('dying').length;
    const errors = async (): Promise<number> =>
      metricSum(await up.metrics(), 'decode_errors_total', { camera: 'dying' });
    const before = await errors();
    const statusesBefore = statuses.length;
    // Twelve seconds: blind is said after three of them, and a session is given up after twenty.
    await dying.corrupt(STREAM, 120);
    // It passes by itself, so who looks late finds it in what was said.
    const blind = await until('it to be said', () =>
      statuses.slice(statusesBefore).find(({ camera, state }) => camera === 'dying' && state === 'blind'),
    );
    expect(blind.reason).toBe('STREAM_UNDECODABLE');
    await until('it to be unobserved', () =>
      of('dying')
        .slice(from)
        .some(({ state }) => state === 'unobserved'),
    );
    await until('it to be counted', async () => (await errors()) > before);
    expect((await inSight('dying')).id).toBe(id);
    oneIncident('dying', id, from);
    expect(new Set(tracks.filter(({ camera }) => camera === 'dying').map(({ runId }) => runId))).toEqual(runs);
    expect(
      processes.filter((pid) => !isAlive(pid)),
      'processes that ended of it',
    ).toEqual([]);
  });

  test('frames that are no pictures are shed by name, records that do not parse are put aside; the rest runs on', async () => {
    const key = cameraKey(SITE, 'absent');
    const owners = watch.bus.table('camera.owners.v1');
    await owners.start();
    const epoch = owners.get(key)?.offset ?? 0;
    await owners.stop();
    const picture = await lastPicture();
    const good = encodeFrameHeaders(meta(epoch, 0, picture.length));
    const { seq: _seq, ...noSeq } = good;
    const producer = watch.bus.producer();
    const frame = (value: Buffer, headers: Record<string, string>) =>
      producer.send('frames.v1', { key, headers, value });
    const shedBefore = metricSum(await up.metrics(), 'frames_shed_total', { reason: 'unreadable' });

    const half = picture.subarray(0, picture.length >> 1);
    const page = Buffer.from('<!DOCTYPE html><title>502</title>');
    const bad: Buffer[] = [half, picture.subarray(0, 20), page, Buffer.from([0xff, 0xd8])];
    let seq = 0;
    for (const value of bad) expect((await judged(value)).shed).toBe('unreadable');
    await frame(picture, { ...good, parts: '[5]' });
    await frame(picture, noSeq);
    await frame(Buffer.alloc(0), {});
    await until('the letters', () => letters.filter(({ source }) => source.topic === 'frames.v1').length >= 3);
    const looked = await judged(picture);
    expect(looked.shed).toBeNull();
    expect(looked.boxes.length).toBeGreaterThan(0);

    // Nothing but a mistake puts these there; a reader that fell over one would fail for ever.
    const spoilt = [
      'observations.v1',
      'detections.v1',
      'tracks.v1',
      'coverage.v1',
      'incidents.v1',
      'evidence.v1',
      'feedback.v1',
      'camera.status.v1',
      'camera.attention.v1',
    ];
    for (const topic of spoilt) {
      await producer.send(topic, { key, value: Buffer.from('{"site":') });
      await producer.send(topic, { key, value: encodeJson({ site: SITE, camera: 7 }) });
      await producer.send(topic, { key, value: Buffer.from('<html>') });
    }
    const consumed = [
      'observations.v1',
      'detections.v1',
      'tracks.v1',
      'incidents.v1',
      'evidence.v1',
      'feedback.v1',
      'coverage.v1',
      'camera.status.v1',
    ];
    for (const topic of consumed) {
      await until(
        `the letters of ${topic}`,
        () => letters.filter(({ source }) => source.topic === topic).length >= bound(topic),
      );
    }
    // A letter is on the bus a moment before it is counted.
    const text = await until('the counts', async () => {
      const said = await up.metrics();
      const isCounted = (topic: string): boolean =>
        metricSum(said, 'dead_letters_total', { topic, reason: 'MESSAGE_INVALID' }) >= bound(topic);
      const isShed = metricSum(said, 'frames_shed_total', { reason: 'unreadable' }) - shedBefore >= bad.length;
      return isShed && ['frames.v1', ...consumed].every(isCounted) && said;
    });
    expect(metricSum(text, 'frames_shed_total', { reason: 'unreadable' }) - shedBefore).toBe(bad.length);
    expect(metricSum(text, 'role_restarts_total')).toBe(0);

    const at = Date.now();
    for (const camera of ['dying', 'freezing']) {
      await until(`${camera} to go on`, () =>
        coverage.some((c) => c.camera === camera && c.watched && Date.parse(c.to) > at),
      );
      await until('its tile to be green', () => isGreen(camera));
    }
    await producer.close();

    // Of a compacted topic only the last of a key is sure to be read.
    function bound(topic: string): number {
      return topic === 'camera.status.v1' ? 1 : 3;
    }
    /** What becomes of a frame with these bytes. A machine that stalls makes it too old to be looked at: then of the next. */
    async function judged(value: Buffer): Promise<Detections> {
      return until('a frame that is not too old', async () => {
        const n = ++seq;
        await frame(value, encodeFrameHeaders(meta(epoch, n, value.length)));
        // Newest wins: a second one before this is looked at would take its place.
        const record = await until('its record', () =>
          detections.find((one) => one.camera === 'absent' && one.seq === n),
        );
        return record.shed !== 'stale' && record;
      });
    }
  });

  test('a detector that hangs: not green meanwhile, replaced, the same incidents', async () => {
    const before = await Promise.all(['dying', 'freezing'].map(inSight));
    const from = [of('dying').length, of('freezing').length];
    const hung = up.role('process');
    if (!hung) throw new Error('no process role');
    process.kill(hung.pid, 'SIGSTOP');
    // At the same time: it lasts only until another detector is there.
    await Promise.all(
      ['dying', 'freezing'].map((camera) => until(`${camera} not to be green`, async () => !(await isGreen(camera)))),
    );
    await until('it to be replaced', () => !isAlive(hung.pid) && up.role('process') !== undefined);
    const text = await until('all roles to be up', async () => {
      const said = await up.metrics();
      return /role_up\{role="process"\} 1/.test(said) && said;
    });
    expect(metricSum(text, 'role_restarts_total', { role: 'process' })).toBe(1);
    const after = await Promise.all(['dying', 'freezing'].map(inSight));
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    oneIncident('dying', before[0]?.id ?? '', from[0] ?? 0);
    oneIncident('freezing', before[1]?.id ?? '', from[1] ?? 0);
  });

  test('in the end there was one incident a camera, and no revision is missing', () => {
    for (const camera of ['dying', 'freezing']) {
      // Those that the tests spoilt have no id.
      const all = of(camera).filter(({ id }) => id !== undefined);
      expect(new Set(all.map(({ id }) => id)).size).toBe(1);
      const revisions = [...new Set(all.map(({ revision }) => revision))];
      expect(revisions).toEqual(Array.from({ length: revisions.length }, (_, n) => n + 1));
    }
  });

  function meta(epoch: number, seq: number, bytes: number): FrameMeta {
    const now = new Date().toISOString();
    return {
      site: SITE,
      camera: 'absent',
      epoch,
      runId: '9',
      seq,
      captureTime: now,
      receiveTime: now,
      captureTimeEstimated: false,
      purpose: 'live',
      width: 480,
      height: 360,
      regions: [],
      parts: [bytes],
    };
  }

  /** A JPEG with people that the product itself made. */
  async function lastPicture(): Promise<Buffer> {
    return until('a picture with people', async () => {
      const seen = detections.findLast(({ boxes }) => boxes.some(({ score }) => score > 0.6));
      if (!seen) return null;
      const { topic, partition, offset } = seen.frame;
      return (await watch.bus.read(topic, partition, Number(offset)))?.value ?? null;
    });
  }
});
