import { describe, expect, test } from 'vitest';
import type { CameraModel } from '../camera.ts';
import { readStrip } from '../rtsp/strip.ts';
import type { TruthObject } from '../truth.ts';
import { CLEAR, type Conditions } from '../world/types.ts';
import { FLICKER_BEAT_HZ } from './light.ts';
import { noiseSd } from './noise.ts';
import { Sensor } from './sensor.ts';
import { movedTruth, TURN_PERIOD_S } from './warp.ts';

const WIDTH = 320;
const HEIGHT = 180;
const camera: CameraModel = {
  id: 'gate',
  position: { x: 0, y: 0, z: 5 },
  lookAt: { x: 10, y: 0, z: 0 },
  horizontalFovDeg: 70,
  width: WIDTH,
  height: HEIGHT,
  fps: 10,
  rate: { mode: 'vbr', kbps: 800, gop: 20, smartGop: null },
};

type Rgb = readonly [number, number, number];
function pixels(colour: (x: number, y: number) => Rgb, width = WIDTH, height = HEIGHT): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rgba.set([...colour(x, y), 255], (y * width + x) * 4);
  }
  return rgba;
}
const grey = pixels(() => [120, 120, 120]);
const scene = pixels((x, y) => [60 + (x % 120), 40 + ((x * y) % 150), 90 + ((y * 3) % 100)]);
/** Video range of grey 120. */
const GREY_LUMA = 119;

const of = (changes: Partial<Conditions>): Conditions => ({ ...CLEAR, ...changes });
const luma = (picture: Buffer): Buffer => picture.subarray(0, WIDTH * HEIGHT);
const mean = (values: Uint8Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const sd = (values: Uint8Array): number => {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / values.length);
};
function expose(rgba: Uint8ClampedArray, changes: Partial<Conditions>, t = 0, seed = 7): Buffer {
  return Buffer.from(new Sensor(camera, { seed }).expose(rgba, of(changes), t));
}

/** By the definition in ITU-R BT.601, in floating point. */
function i420At(colour: Rgb): { y: number; u: number; v: number } {
  const [r, g, b] = colour.map((value) => value / 255) as [number, number, number];
  const y = 0.299 * r + 0.587 * g + 0.114 * b;
  return { y: 16 + 219 * y, u: 128 + (224 * (b - y)) / 1.772, v: 128 + (224 * (r - y)) / 1.402 };
}

describe('nothing switched on', () => {
  test('shows the picture as it is, within rounding', () => {
    for (const colour of [
      [0, 0, 0],
      [255, 255, 255],
      [200, 30, 40],
      [20, 180, 60],
      [10, 40, 220],
    ] as const) {
      const picture = expose(
        pixels(() => colour),
        {},
      );
      const is = i420At(colour);
      expect(Math.abs((picture[0] ?? 0) - is.y)).toBeLessThanOrEqual(1);
      expect(Math.abs((picture[WIDTH * HEIGHT] ?? 0) - is.u)).toBeLessThanOrEqual(1.5);
      expect(Math.abs((picture[(WIDTH * HEIGHT * 5) / 4] ?? 0) - is.v)).toBeLessThanOrEqual(1.5);
    }
  });

  test('a margin around the source changes nothing', () => {
    const margin = 16;
    const wide = pixels(
      (x, y) => [60 + ((x - margin + 120) % 120), 100, 90 + (((y - margin + 100) * 3) % 100)],
      WIDTH + 2 * margin,
      HEIGHT + 2 * margin,
    );
    const narrow = pixels((x, y) => [60 + ((x + 120) % 120), 100, 90 + (((y + 100) * 3) % 100)]);
    const seen = new Sensor(camera, { seed: 7, margin }).expose(wide, CLEAR, 3);
    const plain = expose(narrow, {}, 3);
    let worst = 0;
    for (let i = 0; i < plain.length; i++) worst = Math.max(worst, Math.abs((seen[i] ?? 0) - (plain[i] ?? 0)));
    expect(worst).toBeLessThanOrEqual(1);
  });

  test('refuses pixels of another size', () => {
    expect(() => new Sensor(camera, { seed: 1 }).expose(new Uint8ClampedArray(8), CLEAR, 0)).toThrow(RangeError);
  });
});

const DISTURBANCES = [
  'noise',
  'night',
  'flicker',
  'switched',
  'rain',
  'shake',
  'turning',
  'dirt',
  'reflections',
  'covered',
  'headlights',
] as const;

describe.each(DISTURBANCES)('%s', (name) => {
  test('is a function of seed and time', () => {
    const once = new Sensor(camera, { seed: 3 });
    once.expose(scene, of({ [name]: 1 }), 4);
    const after = Buffer.from(once.expose(scene, of({ [name]: 2 }), 7.3));
    expect(after.equals(expose(scene, { [name]: 2 }, 7.3, 3))).toBe(true);
  });

  test('does more with each grade', () => {
    const plain = luma(expose(scene, {}));
    // The strongest of some moments: some come and go.
    const change = (grade: number): number => {
      const sensor = new Sensor(camera, { seed: 3 });
      let most = 0;
      for (let t = 0; t < 20; t += 0.5) {
        const seen = luma(sensor.expose(scene, of({ [name]: grade }), t));
        let sum = 0;
        for (let i = 0; i < plain.length; i++) sum += Math.abs((seen[i] ?? 0) - (plain[i] ?? 0));
        most = Math.max(most, sum / plain.length);
      }
      return most;
    };
    const [mild, usual, worst] = [change(1), change(2), change(3)];
    expect(mild).toBeGreaterThan(0.02);
    expect(usual).toBeGreaterThan(mild);
    expect(worst).toBeGreaterThan(usual);
  });
});

describe('noise', () => {
  test.each([
    { noise: 1, night: 0 },
    { noise: 3, night: 0 },
    { noise: 1, night: 2 },
    { noise: 0, night: 3 },
  ])('has the standard deviation that is stated: %o', (grades) => {
    const seen = luma(expose(grey, grades));
    expect(mean(seen)).toBeCloseTo(GREY_LUMA, 0);
    // Rounding to whole levels adds 1/12 to the variance.
    expect(sd(seen)).toBeCloseTo(Math.sqrt(noiseSd(grades) ** 2 + 1 / 12), 0.5);
    expect(Math.abs(sd(seen) / noiseSd(grades) - 1)).toBeLessThan(0.05);
  });

  test('grows with night, and is another in each frame', () => {
    expect(noiseSd({ noise: 1, night: 2 })).toBeGreaterThan(2 * noiseSd({ noise: 1, night: 0 }));
    const [a, b] = [luma(expose(grey, { noise: 2 }, 1)), luma(expose(grey, { noise: 2 }, 1.1))];
    let together = 0;
    for (let i = 0; i < a.length; i++) together += ((a[i] ?? 0) - GREY_LUMA) * ((b[i] ?? 0) - GREY_LUMA);
    expect(Math.abs(together / a.length)).toBeLessThan(0.2);
  });
});

test('flicker beats at its frequency', () => {
  const sensor = new Sensor(camera, { seed: 5 });
  const fps = 20;
  const means = Array.from({ length: fps * 10 }, (_, i) =>
    mean(luma(sensor.expose(grey, of({ flicker: 2 }), i / fps))),
  );
  const power = (hz: number): number => {
    const [re, im] = [Math.cos, Math.sin].map((wave) =>
      means.reduce((sum, value, i) => sum + (value - GREY_LUMA) * wave((2 * Math.PI * hz * i) / fps), 0),
    );
    return Math.hypot(re ?? 0, im ?? 0);
  };
  const frequencies = Array.from({ length: 80 }, (_, i) => 0.1 + i / 10);
  const strongest = frequencies.reduce((best, hz) => (power(hz) > power(best) ? hz : best));
  expect(strongest).toBeCloseTo(FLICKER_BEAT_HZ, 5);
});

describe('a camera that moves', () => {
  /** A white board on grey, and where it is. */
  const board = { x1: 200, y1: 60, x2: 232, y2: 108 };
  const truth: TruthObject = {
    id: 'a',
    class: 'person',
    box: [board.x1 / WIDTH, board.y1 / HEIGHT, board.x2 / WIDTH, board.y2 / HEIGHT],
    visible: 1,
    inside: 1,
    ground: { x: 0, y: 0 },
  };
  const isOn = (x: number, y: number): boolean => x >= board.x1 && x < board.x2 && y >= board.y1 && y < board.y2;
  const rgba = pixels((x, y) => (isOn(x, y) ? [250, 250, 250] : [60, 60, 60]));

  test.each([
    ['turning', { turning: 3 }],
    ['shaking', { shake: 3 }],
    ['both', { turning: 2, shake: 2 }],
  ] as const)('moves truth and picture alike: %s', (_name, changes) => {
    const sensor = new Sensor(camera, { seed: 9 });
    let farthest = 0;
    for (let t = 0; t < TURN_PERIOD_S; t += 1.7) {
      const seen = luma(sensor.expose(rgba, of(changes), t));
      let [x1, y1, x2, y2] = [WIDTH, HEIGHT, 0, 0];
      for (let i = 0; i < seen.length; i++) {
        if ((seen[i] ?? 0) < 150) continue;
        const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
        [x1, y1, x2, y2] = [Math.min(x1, x), Math.min(y1, y), Math.max(x2, x + 1), Math.max(y2, y + 1)];
      }
      const [moved] = movedTruth([truth], sensor.warp(of(changes), t), { width: WIDTH, height: HEIGHT, margin: 0 });
      const [mx1 = 0, my1 = 0, mx2 = 0, my2 = 0] = moved?.box ?? [];
      const off = [x1 - mx1 * WIDTH, y1 - my1 * HEIGHT, x2 - mx2 * WIDTH, y2 - my2 * HEIGHT];
      for (const edge of off) expect(Math.abs(edge)).toBeLessThan(1.5);
      farthest = Math.max(farthest, Math.abs(mx1 * WIDTH - board.x1));
    }
    expect(farthest).toBeGreaterThan(1);
  });

  test('truth is cut at the edge of the picture, and knows how much is left', () => {
    const shift = [1, 0, -0.7, 0, 1, 0, 0, 0, 1] as const;
    const [cut] = movedTruth([{ ...truth, box: [0.6, 0.2, 0.8, 0.4] }], shift, { width: 320, height: 180, margin: 0 });
    expect(cut?.box[0]).toBe(0);
    expect(cut?.box[2]).toBeCloseTo(0.1, 9);
    expect(cut?.inside).toBeCloseTo(0.5, 9);
    expect(movedTruth([truth], [1, 0, -2, 0, 1, 0, 0, 0, 1], { width: 320, height: 180, margin: 0 })).toEqual([]);
  });
});

test('dirt stays where it is, whatever is behind it and however the camera moves', () => {
  const white = pixels(() => [255, 255, 255]);
  const dirty = (t: number, changes: Partial<Conditions> = {}): boolean[] =>
    [...luma(expose(white, { dirt: 3, ...changes }, t))].map((value) => value < 200);
  const here = dirty(0);
  const count = here.filter(Boolean).length;
  expect(count).toBeGreaterThan(WIDTH * HEIGHT * 0.002);
  expect(count).toBeLessThan(WIDTH * HEIGHT * 0.5);
  expect(dirty(12, { shake: 3, turning: 3 })).toEqual(here);
  // Another camera has other dirt.
  expect([...luma(expose(white, { dirt: 3 }, 0, 8))].map((value) => value < 200)).not.toEqual(here);
});

test.each([
  [1, 0.15],
  [2, 0.5],
  [3, 1],
])('cover of grade %d hides its share of the picture', (grade, part) => {
  for (const seed of [1, 2, 3, 4]) {
    const hidden = luma(
      expose(
        pixels(() => [230, 230, 230]),
        { covered: grade },
        0,
        seed,
      ),
    ).filter((value) => value < 120);
    expect(Math.abs(hidden.length / (WIDTH * HEIGHT) - part)).toBeLessThan(0.05);
  }
});

test('the strip is read back', () => {
  const sensor = new Sensor(camera, { seed: 1, strip: true, clock: true });
  const picture = sensor.expose(scene, of({ noise: 2, rain: 2 }), 42.3);
  expect(readStrip(luma(picture), WIDTH, HEIGHT, { nearMs: 0 })).toEqual({ counter: 423, wallMs: 42_300 });
});

test('the clock changes with the second, and only it', () => {
  const sensor = new Sensor(camera, { seed: 1, clock: true });
  const at = (t: number): Buffer => Buffer.from(luma(sensor.expose(grey, CLEAR, t)));
  expect(at(5).equals(at(5.9))).toBe(true);
  const [before, after] = [at(5), at(6)];
  const rows = [...before.keys()].filter((i) => before[i] !== after[i]).map((i) => Math.floor(i / WIDTH));
  expect(rows.length).toBeGreaterThan(5);
  expect(Math.min(...rows)).toBeGreaterThan(HEIGHT * 0.85);
});
