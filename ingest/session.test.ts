import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { decodeFrameHeaders, splitFrame } from '../runtime/messages/codec.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import type { CameraRecord, FrameMeta, Observation } from '../runtime/messages/types.ts';
import { fromTimestamp } from '../runtime/time.ts';
import { type RtspServer, startRtspServer } from '../simulator/rtsp/server.ts';
import { readStrip } from '../simulator/rtsp/strip.ts';
import { until as untilWithin } from '../test/wait.ts';
import { Counters } from './counters.ts';
import { FramePublisher } from './publish.ts';
import { H264Decoder } from './rtsp/decoder.ts';
import { RtspSource } from './rtsp/source.ts';
import type { AccessUnit, AccessUnitSource } from './rtsp/types.ts';
import { CameraSession, LUMA_HEIGHT, LUMA_WIDTH } from './session.ts';

const PATH = '/yard';
const FPS = 10;
const STRIP: [number, number][] = [
  [0, 0],
  [1, 0],
  [1, 0.12],
  [0, 0.12],
];
const CAMERA: CameraRecord = {
  site: 'north',
  camera: 'yard',
  configHash: '0'.repeat(64),
  url: 'rtsp://unused',
  record_url: null,
  username: null,
  password: null,
  transport: 'tcp',
  tls: { verify: true, ca_file: null },
  sampling: { idle_fps: 0.5, active_fps: 5, width_px: 480 },
  motion: { open_share: 0.001, close_share: 0.0005, threshold: 12, hold_s: 1 },
  model: 'yolox-nano',
  regions: 'full',
  zones: {},
  lines: {},
  // The counter changes in every picture.
  ignore_masks: [STRIP],
  privacy_masks: [],
  filters: {},
  suppress_static: true,
  detect_within_s: 1,
};

const until: typeof untilWithin = (what, condition) => untilWithin(what, condition, 60_000, 50);

interface Frame {
  meta: FrameMeta;
  jpegs: Buffer[];
}

let server: RtspServer;
let bus: Bus;
let session: CameraSession | undefined;
let counters: Counters;
let frames: Frame[];
let observations: Observation[];
let ends: string[];
/** As they reached the session. */
let units: Pick<AccessUnit, 'key' | 'arrivalMs'>[];
let over: AbortController;
let following: Promise<unknown>;
let ticking: NodeJS.Timeout | undefined;

beforeAll(async () => {
  server = await startRtspServer({
    streams: [{ path: PATH, source: { kind: 'pattern', width: 640, height: 360, fps: FPS, moving: false } }],
  });
});
afterAll(() => server.stop());

beforeEach(async () => {
  await server.moving(PATH, false);
  bus = openMemoryBus();
  counters = new Counters();
  frames = [];
  observations = [];
  ends = [];
  units = [];
  over = new AbortController();
  const { signal } = over;
  following = Promise.all([
    (async () => {
      for await (const { headers, value } of bus.tail('frames.v1', 'latest', { signal })) {
        const meta = decodeFrameHeaders(headers);
        if (value) frames.push({ meta, jpegs: splitFrame(meta, value) });
      }
    })(),
    (async () => {
      for await (const message of bus.tail('observations.v1', 'latest', { signal })) {
        observations.push(parseMessage('observations.v1', message));
      }
    })(),
  ]);
});
afterEach(async () => {
  clearInterval(ticking);
  await session?.stop();
  over.abort();
  await following;
  await bus.close();
});

function start(changes: Partial<CameraRecord> = {}, clock: Clock = systemClock): CameraSession {
  const started = new CameraSession({ ...CAMERA, ...changes }, 1, null, {
    clock,
    source: watched(
      new RtspSource({
        ...{ url: server.url(PATH), credentials: null, transport: 'tcp', tls: CAMERA.tls },
        now: () => systemClock.monotonic(),
      }),
    ),
    decoder: new H264Decoder({ lumaWidth: LUMA_WIDTH, lumaHeight: LUMA_HEIGHT }),
    publisher: new FramePublisher(bus.producer(), counters, () => undefined),
    counters,
    onEnd: (reason) => ends.push(reason),
    onState: () => undefined,
  });
  session = started;
  started.start();
  ticking = setInterval(() => started.tick(), 100);
  return started;
}

function watched(source: AccessUnitSource): AccessUnitSource {
  return {
    start: ({ onUnit, onEnd }) =>
      source.start({
        onUnit: (unit) => {
          units.push({ key: unit.key, arrivalMs: unit.arrivalMs });
          onUnit(unit);
        },
        onEnd,
      }),
    stop: () => source.stop(),
  };
}

async function luma(jpeg: Buffer | undefined) {
  const { data, info } = await sharp(jpeg).grayscale().raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** Every moment between the first and last record must lie in a frame's or observation's account. */
function longestGapMs(): number {
  const points = frames.map(({ meta }) => {
    const at = fromTimestamp(meta.captureTime);
    return { from: at, to: at };
  });
  for (const { from, to } of observations) points.push({ from: fromTimestamp(from), to: fromTimestamp(to) });
  points.sort((a, b) => a.from - b.from);
  let covered = points[0]?.from ?? 0;
  let longest = 0;
  for (const { from, to } of points) {
    longest = Math.max(longest, from - covered);
    covered = Math.max(covered, to);
  }
  return longest;
}

/** What a decoder that a stall left far behind has to skip is counted, picture by picture, and nothing else is. */
function accounted(): Promise<unknown> {
  const skipped = () =>
    counters.take().reduce((sum, [, { reason }, value]) => sum + (reason === 'decoder_behind' ? value : 0), 0);
  let excusedMs = 0;
  return until('all time to be accounted for', () => {
    excusedMs += skipped() * (1_000 / FPS);
    if (longestGapMs() < 450 + excusedMs) return true;
    throw new Error(`${longestGapMs()} ms without a word, ${excusedMs} ms of it excused`);
  });
}

describe('a camera session on a real stream', { timeout: 300_000 }, () => {
  it('is idle on a still picture, active on motion, and accounts for all time', async () => {
    const running = start();
    await until('idle', () => running.state.state === 'idle');
    const idleFrom = counters.total('frames_published_total');
    const quiet = await until('quiet time', () => {
      const all = observations.filter(({ kind }) => kind === 'quiet');
      return all.length >= 8 && all;
    });
    const quietMs = fromTimestamp(quiet.at(-1)?.to ?? '') - fromTimestamp(quiet[0]?.from ?? '');
    // One at its begin, one each 2 s, and one that may have come since.
    expect(counters.total('frames_published_total') - idleFrom).toBeLessThanOrEqual(2 + quietMs / 2_000);
    await server.moving(PATH, true);
    await until('active', () => running.state.state === 'active');
    const from = frames.length;
    const isLive = ({ meta }: Frame, index: number): boolean => index >= from && meta.purpose === 'live';
    const before = await until('a live frame', () => frames.some(isLive) && frames.findIndex(isLive));
    /** Frames a second, by capture time, over 15 of them: at first, or after a stall of this machine. */
    const rates = (): number[] => {
      const times = frames.slice(before).map(({ meta }) => fromTimestamp(meta.captureTime));
      return times.slice(14).map((time, index) => (14 * 1_000) / (time - (times[index] ?? 0)));
    };
    await until('the active rate', () => {
      if (rates().some((rate) => rate > 3.5 && rate < 6)) return true;
      throw new Error(`${rates().map((rate) => rate.toFixed(1))} frames a second`);
    });
    await accounted();
    expect(frames.slice(before).every(({ meta }) => meta.purpose === 'live')).toBe(true);
    const seqs = frames.map(({ meta }) => meta.seq);
    expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));

    await server.moving(PATH, false);
    await until('idle again', () => running.state.state === 'idle');
  });

  it('knows when a picture was taken', async () => {
    start({ ignore_masks: [] });
    const seen: { takenMs: number; counter: number; wallMs: number }[] = [];
    let at = 2;
    await until('capture times that are right', async () => {
      for (; at < frames.length; at++) {
        const { meta, jpegs } = frames[at] as Frame;
        const { data, width, height } = await luma(jpegs[0]);
        expect([width, height]).toEqual([480, 270]);
        const strip = readStrip(data, width, height);
        if (strip) seen.push({ takenMs: fromTimestamp(meta.captureTime), ...strip });
      }
      // A busy machine paints late and catches up; the picture counter keeps to the schedule.
      const origin = Math.min(...seen.map(({ counter, wallMs }) => wallMs - counter * (1_000 / FPS)));
      const errors = seen.map(({ takenMs, counter }) => takenMs - origin - counter * (1_000 / FPS));
      const sorted = errors.slice(-10).toSorted((a, b) => a - b);
      // Later by what encoding and network take.
      const [low = -1_000, median = 1_000] = [sorted[2], sorted[5]];
      if (sorted.length === 10 && low > -50 && Math.abs(median) < 150) return true;
      throw new Error(`off by ${sorted.map(Math.round).join(', ')} ms`);
    });
  });

  it('burns privacy masks into pictures and crops', async () => {
    start({
      ignore_masks: [],
      privacy_masks: [
        [
          [0, 0.5],
          [0.5, 0.5],
          [0.5, 1],
          [0, 1],
        ],
      ],
      regions: [[0.25, 0.25, 0.75, 0.75]],
    });
    const { meta, jpegs } = await until('a frame', () => frames[0]);
    expect(meta.regions).toEqual([[0.25, 0.25, 0.75, 0.75]]);
    const full = await luma(jpegs[0]);
    expect(full.data[200 * full.width + 100]).toBeLessThan(8);
    expect(full.data[200 * full.width + 300]).toBeGreaterThan(40);
    // At native resolution.
    const crop = await luma(jpegs[1]);
    expect([crop.width, crop.height]).toEqual([320, 180]);
    expect(crop.data[150 * crop.width + 60]).toBeLessThan(8);
    expect(crop.data[30 * crop.width + 60]).toBeGreaterThan(40);
  });

  it('takes changes while it runs, and the rate that the processors can bear', async () => {
    const running = start({ ignore_masks: [] });
    await until('frames', () => frames.length >= 3);
    running.configure({ ...CAMERA, ignore_masks: [], sampling: { ...CAMERA.sampling, width_px: 320 } });
    await until('the new width', () => frames.at(-1)?.meta.width === 320);
    running.attend(0, 1);
    expect(running.limitedFps).toBe(1);
    const from = frames.length;
    await until('starved time', () => observations.some(({ kind }) => kind === 'starved'));
    await until('few frames', () => frames.length >= from + 3);
    const times = frames.slice(-2).map(({ meta }) => fromTimestamp(meta.captureTime));
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(800);
  });

  it('keeps the rate up while asked to attend', async () => {
    const running = start();
    await until('idle', () => running.state.state === 'idle');
    running.attend(Date.now() + 60_000, null);
    await until('active', () => running.state.state === 'active');
  });

  it('goes blind when pictures stop, says for how long, and that the stream ended when it does', async () => {
    const running = start({ ignore_masks: [] });
    await until('frames', () => frames.length >= 3);
    await server.pause(PATH, true);
    try {
      await until('stalled', () => running.state.state === 'stalled');
      await until('blind time', () =>
        observations.some(({ kind, reason }) => kind === 'blind' && reason === 'RTSP_STALLED'),
      );
      await accounted();
    } finally {
      await server.pause(PATH, false);
    }
    await until('sight', () => running.state.state === 'active');
    await server.disconnect();
    expect(await until('the end', () => ends[0])).toMatch(/^RTSP_/);
  });

  it('believes no picture after an error until the next key picture', async () => {
    const running = start({ ignore_masks: [], sampling: { ...CAMERA.sampling, active_fps: 10 } });
    await until('frames', () => frames.length >= 3);
    let rounds = 0;
    let isSaid = false;
    // A key picture that happens to come at once leaves no time to speak of.
    for (; rounds < 20 && !isSaid; rounds++) {
      const shed = counters.total('frames_shed_total');
      running.distrust();
      const at = Date.now();
      const before = units.length;
      const next = await until('frames again', () => frames.find(({ meta }) => fromTimestamp(meta.receiveTime) > at));
      const offset = systemClock.now() - systemClock.monotonic();
      const since = units.slice(before).map(({ key, arrivalMs }) => ({ key, at: arrivalMs + offset }));
      const receivedAt = fromTimestamp(next.meta.receiveTime);
      const firstKey = since.findIndex(({ key }) => key);
      // The session reckons from clocks that it read at its begin; pictures are 100 ms apart.
      expect(receivedAt).toBeGreaterThan((since[firstKey]?.at ?? Number.POSITIVE_INFINITY) - 20);
      // That one, or the one after it; more only where the machine had no room for it.
      const passed = since.filter((unit, index) => index > firstKey && unit.at < receivedAt - 20).length;
      expect(passed).toBeLessThanOrEqual(1 + counters.total('frames_shed_total') - shed);
      isSaid = observations.some(({ reason, to }) => reason === 'STREAM_UNDECODABLE' && fromTimestamp(to) > at);
    }
    expect(isSaid).toBe(true);
    expect(counters.total('decode_errors_total')).toBe(rounds);
    await accounted();
    expect(ends).toEqual([]);
  });

  it.each([-3_600_000, 5_000])('ends by name when the clock of the machine is set by %i ms', async (step) => {
    let offset = 0;
    start({ ignore_masks: [] }, { ...systemClock, now: () => Date.now() + offset });
    await until('frames', () => frames.length >= 3);
    expect(ends).toEqual([]);
    offset = step;
    await until('the end', () => ends.length > 0);
    expect(ends).toEqual(['CLOCK_STEPPED']);
  });
});
