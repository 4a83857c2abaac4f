import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadRegistry } from '../../../models/registry.ts';
import { type ModelSession, openModel } from '../../../models/session.ts';
import { HAS_TEST_DATA, TEST_DATA } from '../../../test/data.ts';
import { type Clip, isClip, type Picture, readFrames } from '../../../test/footage.ts';
import { BOX_FIELDS, Candidates } from './candidates.ts';
import type { InputSize, ModelFamily, Placement } from './family.ts';
import golden from './golden.json' with { type: 'json' };
import { FAMILIES } from './index.ts';
import { suppress } from './suppress.ts';

/*
 * Wrong input raises no error: YOLOX on 0-1 returns no box at all, and RGB for BGR a little worse ones.
 * So the numbers of a reference are held, on pictures sampled by nearest neighbour, which is the same
 * everywhere; and every known mistake is made on purpose, to prove that these numbers notice it.
 */

interface Found {
  class: string;
  score: number;
  box: readonly number[];
}

/** Reference and we differ in rounding only. */
const SCORE_TOLERANCE = 0.012;
const BOX_TOLERANCE = 0.004;
/** Boxes from here up must be there in both; those a little lower may cross the reference's floor of 0.2. */
const COMPARED_FROM = 0.25;

const MODELS: Record<string, { id: string; file: string }> = {
  yolox: { id: 'yolox-nano', file: 'yolox_nano_416x416.onnx' },
  nanodet: { id: 'nanodet-m', file: 'nanodet_m_320.onnx' },
};

/** Mistakes: a wrong tensor made of the right one, or the wrong place. */
type Mistake = (input: Float32Array, placement: Placement, size: InputSize) => void;

const swapRedAndBlue: Mistake = (input, _placement, { width, height }) => {
  const plane = width * height;
  const first = input.slice(0, plane);
  input.copyWithin(0, 2 * plane);
  input.set(first, 2 * plane);
};
const padWith =
  (...values: number[]): Mistake =>
  (input, { left, top, width, height }, size) => {
    for (let index = 0; index < input.length; index++) {
      const x = (index % size.width) - left;
      const y = (Math.floor(index / size.width) % size.height) - top;
      if (x >= 0 && x < width && y >= 0 && y < height) continue;
      input[index] = values[Math.floor(index / (size.width * size.height))] ?? 0;
    }
  };
const MEANS = [103.53, 116.28, 123.675];
const DEVIATIONS = [57.375, 57.12, 58.395];
const ofPlane = (values: number[], index: number, { width, height }: InputSize): number =>
  values[Math.floor(index / (width * height))] ?? 1;

const MISTAKES: Record<string, Record<string, Mistake>> = {
  yolox: {
    'RGB for BGR': swapRedAndBlue,
    '0-1 for 0-255': (input) => {
      for (let index = 0; index < input.length; index++) input[index] = (input[index] ?? 0) / 255;
    },
    'black around the picture': padWith(0, 0, 0),
    'mean and deviation where there are none': (input, _placement, size) => {
      for (let index = 0; index < input.length; index++) {
        input[index] = ((input[index] ?? 0) - ofPlane(MEANS, index, size)) / ofPlane(DEVIATIONS, index, size);
      }
    },
  },
  nanodet: {
    'RGB for BGR': swapRedAndBlue,
    'no mean and deviation': (input, _placement, size) => {
      for (let index = 0; index < input.length; index++) {
        input[index] = (input[index] ?? 0) * ofPlane(DEVIATIONS, index, size) + ofPlane(MEANS, index, size);
      }
    },
    'grey around the picture': padWith(0, 0, 0),
    '0-1 for 0-255': (input, _placement, size) => {
      for (let index = 0; index < input.length; index++) {
        const deviation = ofPlane(DEVIATIONS, index, size);
        const mean = ofPlane(MEANS, index, size);
        input[index] = (((input[index] ?? 0) * deviation + mean) / 255 - mean) / deviation;
      }
    },
  },
};

const frames = new Map<string, Picture>();

beforeAll(async () => {
  if (!HAS_TEST_DATA) return;
  for (const { video, frame } of golden.frames) {
    const key = `${video}@${frame}`;
    if (frames.has(key)) continue;
    const [picture] = await readFrames(clip(video), [frame]);
    if (picture) frames.set(key, picture);
  }
}, 120_000);

for (const [name, { id, file }] of Object.entries(MODELS)) {
  describe.skipIf(!HAS_TEST_DATA)(`${name} against its reference`, () => {
    const cases = golden.frames.filter(({ family }) => family === name);
    const family = FAMILIES.get(name);
    let session: ModelSession;
    let size: InputSize;
    let labels: string[];
    if (!family) throw new Error(`no family ${name}`);

    beforeAll(async () => {
      const manifest = (await loadRegistry({ env: {} })).get(id);
      size = manifest.input;
      labels = manifest.labels;
      session = await openModel(manifest, join(TEST_DATA, 'models', file), family);
    });

    const look = async (video: string, frame: number, mistake?: Mistake, shift = 0): Promise<Found[]> => {
      const picture = frames.get(`${video}@${frame}`);
      if (!picture) throw new Error(`no picture ${video}@${frame}`);
      const right = family.place(picture.width, picture.height, size);
      const placement = { ...right, top: right.top + shift };
      family.fill(nearest(picture, placement), placement, size, session.input);
      mistake?.(session.input, placement, size);
      return detect(family, await session.run(), placement, size, labels);
    };

    test.each(cases)('$video, frame $frame', async ({ video, frame, nearest: wanted }) => {
      expect(difference(await look(video, frame), wanted)).toBeNull();
    });

    test.each(Object.keys(MISTAKES[name] ?? {}))('would notice %s', async (what) => {
      const noticed: (string | null)[] = [];
      for (const { video, frame, nearest: wanted } of cases) {
        noticed.push(difference(await look(video, frame, MISTAKES[name]?.[what]), wanted));
      }
      expect(noticed.some((difference) => difference !== null)).toBe(true);
    });

    test('would notice a picture in another place', async () => {
      const shift = name === 'yolox' ? 32 : -32;
      const noticed: (string | null)[] = [];
      for (const { video, frame, nearest: wanted } of cases) {
        noticed.push(difference(await look(video, frame, undefined, shift), wanted));
      }
      expect(noticed.some((difference) => difference !== null)).toBe(true);
    });
  });
}

function clip(name: string): Clip {
  if (!isClip(name)) throw new Error(`unknown clip ${name}`);
  return name;
}

/** The pixel under the centre of each pixel of the placed picture. */
function nearest(picture: Picture, { width, height }: Placement): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * picture.height) / height) * picture.width;
    for (let x = 0; x < width; x++) {
      const from = (row + Math.floor(((x + 0.5) * picture.width) / width)) * 3;
      pixels.set(picture.data.subarray(from, from + 3), to);
      to += 3;
    }
  }
  return pixels;
}

function detect(
  family: ModelFamily,
  outputs: Awaited<ReturnType<ModelSession['run']>>,
  placement: Placement,
  size: InputSize,
  labels: string[],
): Found[] {
  const candidates = new Candidates();
  family.decode(outputs, placement, size, 0.2, candidates);
  const packed = suppress(candidates, family.nmsIou);
  const found: Found[] = [];
  for (let at = 0; at < packed.length; at += BOX_FIELDS) {
    const label = labels[packed[at + 5] ?? -1] ?? '';
    found.push({ class: label, score: packed[at + 4] ?? 0, box: [...packed.subarray(at, at + 4)] });
  }
  return found;
}

/** @returns the first box that one has and the other has not, or null. */
function difference(found: readonly Found[], wanted: readonly Found[]): string | null {
  const same = (a: Found, b: Found): boolean =>
    a.class === b.class &&
    Math.abs(a.score - b.score) <= SCORE_TOLERANCE &&
    a.box.every((value, index) => Math.abs(value - (b.box[index] ?? 0)) <= BOX_TOLERANCE);
  const missing = wanted.find((box) => box.score >= COMPARED_FROM && !found.some((other) => same(box, other)));
  const extra = found.find((box) => box.score >= COMPARED_FROM && !wanted.some((other) => same(box, other)));
  if (missing) return `missing ${JSON.stringify(missing)} in ${JSON.stringify(found)}`;
  if (extra) return `not expected ${JSON.stringify(extra)}`;
  return null;
}
