import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCocoTruth } from './coco_folder.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-coco-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test('in sight is what nothing stands before and the picture holds; all of it where nothing is said', async () => {
  const path = join(dir, 'instances.json');
  const box = { image_id: 1, category_id: 1, bbox: [0, 0, 10, 20] };
  await writeFile(
    path,
    JSON.stringify({
      images: [{ id: 1, file_name: 'a.jpg', width: 100, height: 100 }],
      categories: [{ id: 1, name: 'person' }],
      annotations: [box, { ...box, visible: 0.5 }, { ...box, inside: 0.6 }, { ...box, visible: 0.5, inside: 0.6 }],
    }),
  );
  const { truth } = readCocoTruth(path);
  expect(truth.map(({ visible }) => Math.round(visible * 100) / 100)).toEqual([1, 0.5, 0.6, 0.3]);
  expect(truth[0]?.area).toBe(200);
});

test('a field that is wrong is named', async () => {
  const path = join(dir, 'wrong.json');
  const box = { image_id: 1, category_id: 1, bbox: [0, 0, 10, 20], inside: 7 };
  await writeFile(path, JSON.stringify({ images: [], categories: [], annotations: [box] }));
  expect(() => readCocoTruth(path)).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('inside') }),
  );
});
