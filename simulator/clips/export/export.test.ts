import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { picturePath, readCocoTruth } from '../../../bench/eval/coco_folder.ts';
import { countMot, scoreMot } from '../../../bench/eval/mot.ts';
import { readMotFolder } from '../../../bench/eval/mot_folder.ts';
import { TRUTH_CLASSES } from '../../truth.ts';
import type { TrueIncident } from '../../world/types.ts';
import { renderClips } from '../render.ts';
import type { Clip, ClipSpec } from '../types.ts';
import { exportCoco } from './coco.ts';
import { exportMot } from './mot.ts';
import { exportTruth } from './site.ts';

const FRAMES = 30;
const INCIDENTS: TrueIncident[] = [
  { kind: 'line_crossing', place: 'gate-line', startS: 1.5, endS: 1.5, actors: ['walker'], direction: 'in' },
  { kind: 'fall', place: null, startS: 2, endS: 2.5, actors: ['walker'] },
];
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
  clips = await renderClips([spec('gate'), spec('yard')], {
    cacheDir: join(dir, 'cache'),
    makers,
    incidents: () => INCIDENTS,
  });
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
    const { annotations } = JSON.parse(readFileSync(join(folder, 'instances.json'), 'utf8'));
    expect(annotations[10]).toMatchObject({
      ground: [1, 0],
      person: { posture: 'walking', has_helmet: true, has_vest: false },
    });
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

test.each([
  ['coco', exportCoco],
  ['mot', exportMot],
  ['truth', exportTruth],
] as const)('%s: the site, its cameras and what happened are beside it', async (name, write) => {
  const folder = join(dir, `site-${name}`);
  await write(clips, folder, { every: 10 });
  const site = JSON.parse(readFileSync(join(folder, 'site.json'), 'utf8'));
  expect(site).toMatchObject({ scenario: 'walk', seed: 1, cameras: [{ id: 'gate', fps: 10 }, { id: 'yard' }] });
  expect(site.areas).toContainEqual(expect.objectContaining({ id: 'yard', kind: 'yard' }));
  expect(site.lines.length).toBeGreaterThan(0);
  // The camera looks at (10, 0): the middle of the picture.
  const [u, v, w] = (site.cameras[0].ground_to_picture as number[][]).map(
    (row) => (row[0] ?? 0) * 10 + (row[1] ?? 0) * 0 + (row[2] ?? 0),
  ) as [number, number, number];
  expect([u / w, v / w].map((value) => Math.round(value * 1e9) / 1e9)).toEqual([0.5, 0.5]);
  expect(JSON.parse(readFileSync(join(folder, 'incidents.json'), 'utf8'))).toEqual([
    { kind: 'line_crossing', place: 'gate-line', start_s: 1.5, end_s: 1.5, actors: ['walker'], direction: 'in' },
    { kind: 'fall', place: null, start_s: 2, end_s: 2.5, actors: ['walker'] },
  ]);
});

test('the truth alone has a line for each frame asked for, and no pictures', async () => {
  const folder = join(dir, 'truth');
  await exportTruth(clips, folder, { every: 10 });
  expect(readdirSync(folder).toSorted()).toEqual(['gate.jsonl', 'incidents.json', 'site.json', 'yard.jsonl']);
  const frames = readFileSync(join(folder, 'gate.jsonl'), 'utf8').trim().split('\n');
  expect(frames.map((line) => JSON.parse(line).index)).toEqual([0, 10, 20]);
  expect(JSON.parse(frames[1] ?? '').objects).toMatchObject([
    { class: 'person', ground: { x: 1, y: 0 }, person: { posture: 'walking', hasHelmet: true, hasVest: false } },
  ]);
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
