import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { picturePath, readCocoTruth } from '../../../bench/eval/coco_folder.ts';
import { countMot, scoreMot } from '../../../bench/eval/mot.ts';
import { readMotFolder } from '../../../bench/eval/mot_folder.ts';
import { TRUTH_CLASSES } from '../../truth.ts';
import { renderClips } from '../render.ts';
import type { Clip, ClipSpec } from '../types.ts';
import { exportCoco } from './coco.ts';
import { exportMot } from './mot.ts';

const FRAMES = 30;
const spec = (id: string): ClipSpec => ({
  scenario: 'walk',
  seed: 1,
  camera: {
    id,
    position: { x: 0, y: 0, z: 5 },
    lookAt: { x: 10, y: 0, z: 0 },
    horizontalFovDeg: 70,
    width: 320,
    height: 180,
    fps: 10,
    rate: { mode: 'vbr', kbps: 500, gop: 10, smartGop: null },
  },
  frames: FRAMES,
  conditions: {},
  clock: false,
  strip: false,
  frozen: null,
});

let dir: string;
let clips: Clip[];
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'banksman-export-'));
  const makers = new URL('../painter_testing.ts', import.meta.url).href;
  clips = await renderClips([spec('gate'), spec('yard')], { cacheDir: join(dir, 'cache'), makers });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** How bright a picture is inside a box of pixels. */
async function brightness(path: string, [left, top, width, height]: readonly number[]): Promise<number> {
  const region = {
    left: Math.ceil(left ?? 0),
    top: Math.ceil(top ?? 0),
    width: Math.floor(width ?? 1) - 1,
    height: Math.floor(height ?? 1) - 1,
  };
  const grey = await sharp(path).extract(region).greyscale().raw().toBuffer();
  return grey.reduce((sum, value) => sum + value, 0) / grey.length;
}

describe('COCO', () => {
  test('is read back: every picture, and in each the person where it is', async () => {
    const folder = join(dir, 'coco');
    await exportCoco(clips, folder);
    const { images, categories, truth } = readCocoTruth(join(folder, 'instances.json'));
    expect(categories.map(({ name }) => name)).toEqual([...TRUTH_CLASSES]);
    expect(images.length).toBe(2 * FRAMES);
    expect(truth.length).toBe(2 * FRAMES);
    for (const image of [images[0], images[17], images[45]]) {
      if (!image) throw new Error('a picture is missing');
      const [found] = truth.filter((row) => row.image === image.id);
      expect(await brightness(picturePath(folder, image), found?.box ?? [])).toBeGreaterThan(200);
      expect(found).toMatchObject({ category: 1, crowd: false, visible: 1 });
    }
    expect(readdirSync(join(folder, 'images', 'yard')).length).toBe(FRAMES);
  });

  test('takes each tenth frame when asked', async () => {
    const folder = join(dir, 'coco10');
    await exportCoco(clips, folder, { every: 10 });
    const { images } = readCocoTruth(join(folder, 'instances.json'));
    expect(images.map(({ file_name }) => file_name)).toEqual(
      ['gate', 'yard'].flatMap((camera) => ['000001', '000011', '000021'].map((name) => `${camera}/${name}.jpg`)),
    );
    for (const image of images) expect(existsSync(picturePath(folder, image))).toBe(true);
    expect(readdirSync(join(folder, 'images', 'gate')).length).toBe(3);
  });
});

describe('MOT', () => {
  test.each([1, 5])('is read back, each %d. frame', async (every) => {
    const folder = join(dir, `mot${every}`);
    await exportMot(clips, folder, { every });
    const sequences = readMotFolder(folder);
    expect(sequences.map(({ name, frameRate, width, height }) => ({ name, frameRate, width, height }))).toEqual(
      ['gate', 'yard'].map((name) => ({ name, frameRate: 10 / every, width: 320, height: 180 })),
    );
    for (const { truth, frames, name } of sequences) {
      expect(frames.length).toBe(FRAMES / every);
      const score = scoreMot(
        countMot(
          truth ?? [],
          frames.flatMap(({ rows }) => rows).map((row) => ({ ...row, id: 1 })),
        ),
      );
      expect([score.mota, score.idf1]).toEqual([1, 1]);
      const last = truth?.at(-1);
      if (!last) throw new Error('no truth');
      const picture = join(folder, name, 'img1', `${String(last.frame).padStart(6, '0')}.jpg`);
      expect(await brightness(picture, [last.x - 1, last.y - 1, last.width, last.height])).toBeGreaterThan(200);
      expect(readdirSync(join(folder, name, 'img1')).length).toBe(FRAMES / every);
    }
  });
});
