import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { smallDisk } from '../../runtime/stores/objects/small_disk.ts';
import { until } from '../../test/wait.ts';
import type { RateControl } from '../camera.ts';
import { startRtspServer } from '../rtsp/server.ts';
import { clipKey, prune } from './cache.ts';
import { Encoder } from './encoder.ts';
import { GopSchedule, partLength } from './gop.ts';
import { renderClips } from './render.ts';
import { siteClips } from './site_clips.ts';
import { openTruth } from './truth.ts';
import type { ClipSpec } from './types.ts';
import { readUnitIndex, writeByteStream } from './units.ts';

const MAKERS = new URL('./painter_testing.ts', import.meta.url).href;
const WIDTH = 320;
const HEIGHT = 180;

function spec(rate: Partial<RateControl> = {}, more: Partial<ClipSpec> = {}): ClipSpec {
  return {
    scenario: 'walk',
    seed: 1,
    camera: {
      id: 'gate',
      position: { x: 0, y: 0, z: 5 },
      lookAt: { x: 10, y: 0, z: 0 },
      horizontalFovDeg: 70,
      width: WIDTH,
      height: HEIGHT,
      fps: 10,
      rate: { mode: 'vbr', kbps: 500, gop: 10, smartGop: null, ...rate },
    },
    frames: 240,
    conditions: {},
    clock: false,
    strip: false,
    frozen: null,
    ...more,
  };
}

let cacheDir: string;
beforeAll(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'banksman-clips-'));
});
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));
const options = {
  get cacheDir() {
    return cacheDir;
  },
  makers: MAKERS,
  workers: 2,
};

/** Of the pictures that a decoder makes of a clip: how far to the right the walker begins, in pixels. */
async function walkerIn(units: string): Promise<number[]> {
  const stream = `${units}.h264`;
  const grey = `${units}.grey`;
  await writeByteStream(units, stream);
  const line = `filesrc location=${stream} ! h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=GRAY8 ! filesink location=${grey}`;
  spawnSync('gst-launch-1.0', ['-q', ...line.split(' ')]);
  const bytes = readFileSync(grey);
  const starts: number[] = [];
  for (let at = (HEIGHT / 2) * WIDTH; at < bytes.length; at += WIDTH * HEIGHT) {
    starts.push(bytes.subarray(at, at + WIDTH).findIndex((value) => value > 160));
  }
  return starts;
}

test('an encoder asked for is that of every camera, at its own rate, and makes other clips', () => {
  const wanted = { scenario: 'quiet', seed: 1 };
  const key = (encoder?: 'smart' | 'long'): string[] =>
    siteClips({ ...wanted, ...(encoder ? { encoder } : {}) }).specs.map((one) => clipKey(one, 'code'));
  const rates = siteClips({ ...wanted, encoder: 'smart' }).specs.map(({ camera }) => camera.rate);
  expect(rates).toEqual(
    siteClips(wanted).specs.map(({ camera }) => ({ mode: 'vbr', gop: 20, smartGop: 100, kbps: camera.rate.kbps })),
  );
  expect(new Set([...key('smart'), ...key('long')]).size).toBe(2 * rates.length);
});

describe('a clip', () => {
  const wanted = spec();

  test('has every frame, with the truth of each, and times that go on over its parts', async () => {
    const progress: number[] = [];
    const [clip] = await renderClips([wanted], { ...options, onProgress: ({ done }) => progress.push(done) });
    if (!clip) throw new Error('no clip');
    const { entries } = await readUnitIndex(clip.units);
    expect(entries.map(({ pts }) => pts)).toEqual(Array.from({ length: 240 }, (_, i) => i * 1e8));
    expect(entries.every(({ duration }) => duration === 1e8)).toBe(true);
    expect(entries.map(({ isKey }, i) => isKey === (i % 10 === 0)).every(Boolean)).toBe(true);
    const { header, frames } = await openTruth(clip.truth);
    expect(header).toMatchObject({ version: 1, scenario: 'walk', fps: 10, frames: 240, camera: { id: 'gate' } });
    const truth = await Array.fromAsync(frames);
    expect(truth.map(({ index }) => index)).toEqual(Array.from({ length: 240 }, (_, i) => i));
    const seen = await walkerIn(clip.units);
    expect(seen.length).toBe(240);
    for (const [i, x] of seen.entries()) {
      expect(Math.abs(x - (truth[i]?.objects[0]?.box[0] ?? 0) * WIDTH), `frame ${i}`).toBeLessThanOrEqual(2);
    }
    expect(progress[0]).toBe(0);
    expect(progress.at(-1)).toBe(240);
    expect(readdirSync(join(clip.units, '..')).filter((name) => /tmp|parts/.test(name))).toEqual([]);
  });

  test('comes from the cache the second time, and is the same bytes when it is made again elsewhere', async () => {
    const [first] = await renderClips([wanted], {
      ...options,
      makers: MAKERS,
      onProgress: ({ cached, total }) => expect(cached).toBe(total),
    });
    const other = mkdtempSync(join(tmpdir(), 'banksman-clips-'));
    const [again] = await renderClips([wanted], { ...options, cacheDir: other, workers: 1 });
    expect(readFileSync(again?.units ?? '').equals(readFileSync(first?.units ?? ''))).toBe(true);
    expect(readFileSync(again?.truth ?? '').equals(readFileSync(first?.truth ?? ''))).toBe(true);
    rmSync(other, { recursive: true });
  });

  test('is another one for another seed, camera, condition or code', () => {
    const keys = [
      clipKey(wanted, 'a'),
      clipKey(wanted, 'b'),
      clipKey({ ...wanted, seed: 2 }, 'a'),
      clipKey({ ...wanted, conditions: { night: 1 } }, 'a'),
      clipKey({ ...wanted, camera: { ...wanted.camera, horizontalFovDeg: 60 } }, 'a'),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(clipKey({ ...wanted, conditions: { rain: 1, night: 2 } }, 'a')).toBe(
      clipKey({ ...wanted, conditions: { night: 2, rain: 1 } }, 'a'),
    );
  });
});

test('an interrupted render leaves nothing half, and the next one goes on from its finished parts', async () => {
  const long = spec({}, { seed: 5, frames: 1_200 });
  const stop = new AbortController();
  const stopped = renderClips([long], {
    ...options,
    signal: stop.signal,
    onProgress: ({ done }) => done > 350 && stop.abort(new Error('enough')),
  });
  await expect(stopped).rejects.toThrow('enough');
  let before = -1;
  const [clip] = await renderClips([long], {
    ...options,
    onProgress: ({ cached }) => {
      if (before < 0) before = cached;
    },
  });
  expect(before).toBeGreaterThanOrEqual(100);
  expect(before).toBeLessThan(1_200);
  expect((await readUnitIndex(clip?.units ?? '')).entries.length).toBe(1_200);
}, 60_000);

describe('two who render the same clips at once', () => {
  const same = ['gate', 'yard'].map((id) => spec({}, { camera: { ...spec().camera, id } }));
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'banksman-twice-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test('both get them, and nothing is left over', async () => {
    const twice = await Promise.all([1, 2].map(() => renderClips(same, { ...options, cacheDir: dir, workers: 1 })));
    expect(twice[0]).toEqual(twice[1]);
    for (const { units } of twice[0] ?? []) {
      expect((await readUnitIndex(units)).entries.length).toBe(240);
      expect(readdirSync(join(units, '..')).toSorted()).toEqual(['clip.units', 'truth.jsonl']);
    }
  }, 60_000);

  test('who comes second takes what the first has finished and cleared up under them', async () => {
    const [done] = await renderClips(same.slice(0, 1), options);
    let isCleared = false;
    const clips = await renderClips(same, {
      ...options,
      cacheDir: dir,
      workers: 1,
      onProgress: ({ done: frames }) => {
        if (isCleared || frames === 0) return;
        isCleared = true;
        const folder = join(dir, basename(dirname(done?.units ?? '')));
        copyFileSync(done?.truth ?? '', join(folder, 'truth.jsonl'));
        copyFileSync(done?.units ?? '', join(folder, 'clip.units'));
        rmSync(join(folder, 'parts'), { recursive: true, force: true });
      },
    });
    expect(isCleared).toBe(true);
    for (const { units } of clips) {
      expect((await readUnitIndex(units)).entries.length).toBe(240);
      expect(readdirSync(join(units, '..')).toSorted()).toEqual(['clip.units', 'truth.jsonl']);
    }
  }, 60_000);
});

test('a painter that fails fails the render, in words', async () => {
  await expect(renderClips([spec({}, { scenario: 'broken' })], options)).rejects.toMatchObject({
    code: 'SIMULATOR_FAILED',
    where: 'gate',
    message: 'the painter has no paint',
  });
});

test('a folder that cannot be written is named', async () => {
  const file = join(cacheDir, 'file');
  writeFileSync(file, '');
  await expect(renderClips([spec()], { ...options, cacheDir: join(file, 'x') })).rejects.toMatchObject({
    code: 'DATA_DIR_UNUSABLE',
    where: join(file, 'x'),
  });
});

test('a full disk is named', async () => {
  const disk = await smallDisk();
  // Where mounting is not allowed.
  if (!disk) return;
  try {
    const big = spec({ kbps: 20_000 }, { scenario: 'noisy' });
    await expect(renderClips([big], { ...options, cacheDir: disk.path })).rejects.toMatchObject({ code: 'STORE_FULL' });
  } finally {
    await disk.remove();
  }
});

test('an encoder that ends in the middle of a part fails it, and the next part has a new one', async () => {
  const encoder = new Encoder();
  const { camera } = spec();
  const picture = Buffer.alloc((WIDTH * HEIGHT * 3) / 2, 90);
  const out = join(cacheDir, 'one.units');
  const failed = encoder.begin(camera, 50, out);
  failed.catch(() => undefined);
  await encoder.frame(picture, true);
  process.kill(encoder.pid ?? 0, 'SIGKILL');
  await until('the encoder is missed', async () => !(await encoder.frame(picture, false)));
  await expect(failed).rejects.toMatchObject({ code: 'SIMULATOR_FAILED' });
  expect(existsSync(out)).toBe(false);
  const done = encoder.begin(camera, 2, out);
  for (const isKey of [true, false]) expect(await encoder.frame(picture, isKey)).toBe(true);
  expect(await done).toBeGreaterThan(0);
  expect((await readUnitIndex(out)).entries.map(({ isKey }) => isKey)).toEqual([true, false]);
  await encoder.stop();
});

describe('rate control', () => {
  test('a smart codec stretches the group of pictures while nothing moves', async () => {
    const [clip] = await renderClips([spec({ gop: 10, smartGop: 50 })], options);
    const { entries } = await readUnitIndex(clip?.units ?? '');
    const keys = entries.flatMap(({ isKey }, i) => (isKey ? [i] : []));
    // Walks during 0–4, 8–12, 16–20 s and stands between; a part begins every 10 s.
    expect(keys.filter((i) => i < 40)).toEqual([0, 10, 20, 30]);
    const still = keys.filter((i) => i > 42 && i < 80);
    expect(still.length).toBeLessThanOrEqual(1);
    expect(keys.some((i) => i > 80 && i <= 91)).toBe(true);
    expect(partLength({ rate: { mode: 'vbr', kbps: 1, gop: 10, smartGop: 50 }, fps: 10 })).toBe(100);
    expect(partLength({ rate: { mode: 'vbr', kbps: 1, gop: 10, smartGop: 300 }, fps: 10 })).toBe(300);
  });

  test('a stretched group ends on its own', () => {
    const schedule = new GopSchedule({ mode: 'vbr', kbps: 1, gop: 2, smartGop: 6 });
    const keys = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0].map((moves) => schedule.isKey(moves === 1));
    expect(keys.flatMap((isKey, i) => (isKey ? [i] : []))).toEqual([0, 6, 9]);
  });

  test('CBR spends its rate, VBR what the picture needs', async () => {
    const noisy = { scenario: 'noisy', frames: 100 };
    const kbps = async (rate: Partial<RateControl>): Promise<number> => {
      const [clip] = await renderClips([spec({ gop: 50, ...rate }, noisy)], options);
      return (statSync(clip?.units ?? '').size * 8) / 1000 / 10;
    };
    for (const rate of [400, 800])
      expect(Math.abs((await kbps({ mode: 'cbr', kbps: rate })) / rate - 1)).toBeLessThan(0.15);
    const needed = await kbps({ mode: 'vbr', kbps: 20_000 });
    expect(await kbps({ mode: 'vbr', kbps: 30_000 })).toBe(needed);
    // The cap holds as well.
    expect(await kbps({ mode: 'vbr', kbps: Math.round(needed / 4) })).toBeLessThan(needed * 0.35);
  }, 60_000);
});

test('what was used longest ago leaves a cache that is too big', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'banksman-prune-'));
  await renderClips([spec({}, { frames: 20 })], { ...options, cacheDir: dir });
  await renderClips([spec({}, { frames: 30 })], { ...options, cacheDir: dir });
  const names = readdirSync(dir);
  expect(names.length).toBe(2);
  await prune(dir, new Set([join(dir, names[0] ?? '')]), 1);
  expect(readdirSync(dir)).toEqual([names[0]]);
  rmSync(dir, { recursive: true });
});

test('the RTSP server plays the units unchanged, over and over, with times that go on', async () => {
  const [clip] = await renderClips([spec({ gop: 30 }, { frames: 30 })], options);
  const server = await startRtspServer({
    streams: [{ path: '/gate', source: { kind: 'clip', units: clip?.units ?? '' } }],
  });
  try {
    const dump = join(cacheDir, 'dump.h264');
    const times = join(cacheDir, 'times.txt');
    /** Byte stream as a client gets it, and the time of each of its units, ns. */
    const receive = (count: number): { bytes: Buffer; pts: number[] } => {
      const line = `rtspsrc location=${server.url('/gate')} protocols=tcp latency=0 buffer-mode=none ! rtph264depay ! video/x-h264,stream-format=byte-stream,alignment=au ! identity eos-after=${count + 1} silent=false ! filesink location=${dump}`;
      const { stdout } = spawnSync('gst-launch-1.0', ['-v', ...line.split(' ')], {
        encoding: 'utf8',
        timeout: 60_000,
        maxBuffer: 1e8,
      });
      writeFileSync(times, stdout);
      const stamps = [...stdout.matchAll(/chain +\*+ .*?pts: (\d+):(\d+):([\d.]+)/g)].map(
        ([, h, m, s]) => (Number(h) * 3600 + Number(m) * 60 + Number(s)) * 1e9,
      );
      return { bytes: readFileSync(dump), pts: stamps };
    };
    const { bytes, pts } = receive(75);
    const { entries, begin } = await readUnitIndex(clip?.units ?? '');
    const all = readFileSync(clip?.units ?? '');
    // The last unit of the clip, as it was encoded, and after it the first again.
    const lastUnit = all.subarray(all.length - (entries.at(-1)?.bytes ?? 0));
    const slice = lastUnit.subarray(lastUnit.indexOf(Buffer.from([0, 0, 1])) + 3);
    const second = all.subarray(
      begin + (entries[0]?.bytes ?? 0),
      begin + (entries[0]?.bytes ?? 0) + (entries[1]?.bytes ?? 0),
    );
    const loops = [...bytes.keys()].filter(
      (i) => bytes[i] === slice[0] && bytes.subarray(i, i + slice.length).equals(slice),
    );
    expect(loops.length).toBe(2);
    expect(bytes.indexOf(second.subarray(second.indexOf(Buffer.from([0, 0, 1])) + 3), loops[0])).toBeGreaterThan(0);
    const steps = pts.slice(1).map((at, i) => (at - (pts[i] ?? 0)) / 1e6);
    expect(steps.length).toBeGreaterThanOrEqual(70);
    for (const step of steps) expect(Math.abs(step - 100)).toBeLessThan(2);
    // One that begins while the machine stands still is said to have begun late.
    await until('a loop that takes its 3 s', () => {
      const lengths = server.segments.slice(1).map(({ atMs }, i) => atMs - (server.segments[i]?.atMs ?? 0));
      if (lengths.some((ms) => Math.abs(ms - 3_000) < 500)) return true;
      throw new Error(`loops of ${lengths} ms`);
    });
    // Somebody who comes between key pictures gets what went before at once; exactly on one is seldom.
    const isBurst = ({ pts: stamps }: { pts: number[] }): boolean =>
      stamps.slice(1).some((at, i) => at - (stamps[i] ?? 0) < 5e6);
    expect([1, 2, 3].some(() => isBurst(receive(4)))).toBe(true);
  } finally {
    await server.stop();
  }
  expect(existsSync(join(cacheDir, 'dump.h264'))).toBe(true);
}, 300_000);
