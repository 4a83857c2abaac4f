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
import { CameraSession, LUMA_HEIGHT, LUMA_WIDTH } from './session.ts';

const PATH = '/yard';
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

const until: typeof untilWithin = (what, condition) => untilWithin(what, condition, 15_000, 50);

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
let over: AbortController;
let following: Promise<unknown>;
let ticking: NodeJS.Timeout | undefined;

beforeAll(async () => {
  server = await startRtspServer({
    streams: [{ path: PATH, source: { kind: 'pattern', width: 640, height: 360, fps: 10, moving: false } }],
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
    source: new RtspSource({
      ...{ url: server.url(PATH), credentials: null, transport: 'tcp', tls: CAMERA.tls },
      now: () => systemClock.monotonic(),
    }),
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

describe('a camera session on a real stream', { timeout: 60_000 }, () => {
  it('is idle on a still picture, active on motion, and accounts for all time', async () => {
    const running = start();
    await until('idle', () => running.state.state === 'idle');
    const idleFrom = counters.total('frames_published_total');
    await until('quiet time', () => observations.filter(({ kind }) => kind === 'quiet').length >= 8);
    expect(counters.total('frames_published_total') - idleFrom).toBeLessThanOrEqual(3);
    await server.moving(PATH, true);
    await until('active', () => running.state.state === 'active');
    const before = frames.length;
    await until('frames', () => frames.length >= before + 15);
    expect(longestGapMs()).toBeLessThan(450);

    const live = frames.slice(before).map(({ meta }) => meta);
    expect(live.every(({ purpose }) => purpose === 'live')).toBe(true);
    const times = live.map(({ captureTime }) => fromTimestamp(captureTime));
    const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000;
    expect((times.length - 1) / seconds).toBeGreaterThan(3.5);
    expect((times.length - 1) / seconds).toBeLessThan(6);
    const seqs = frames.map(({ meta }) => meta.seq);
    expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));

    await server.moving(PATH, false);
    await until('idle again', () => running.state.state === 'idle');
  });

  it('knows when a picture was taken', async () => {
    start({ ignore_masks: [] });
    await until('frames', () => frames.length >= 12);
    const errors: number[] = [];
    for (const { meta, jpegs } of frames.slice(2)) {
      const { data, width, height } = await luma(jpegs[0]);
      expect([width, height]).toEqual([480, 270]);
      const strip = readStrip(data, width, height);
      if (strip) errors.push(fromTimestamp(meta.captureTime) - strip.wallMs);
    }
    expect(errors.length).toBeGreaterThanOrEqual(8);
    // Later by what encoding and network take, or early where a busy machine painted late.
    const sorted = errors.toSorted((a, b) => a - b);
    expect(sorted[0]).toBeGreaterThan(-250);
    expect(Math.abs(sorted[Math.floor(sorted.length / 2)] ?? 1_000)).toBeLessThan(150);
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
      expect(longestGapMs()).toBeLessThan(450);
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
    running.distrust();
    const at = Date.now();
    await until('blind time', () => observations.some(({ reason }) => reason === 'STREAM_UNDECODABLE'));
    const next = await until('frames again', () => frames.find(({ meta }) => fromTimestamp(meta.receiveTime) > at));
    // A key picture a second.
    const gap = fromTimestamp(next.meta.receiveTime) - at;
    expect(gap).toBeLessThan(1_500);
    expect(counters.total('decode_errors_total')).toBe(1);
    expect(longestGapMs()).toBeLessThan(450);
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
