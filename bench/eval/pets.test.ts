import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TEST_DATA } from '../../test/data.ts';
import { readPets, scoreBoxes } from './pets.ts';

const FILE = join(TEST_DATA, 'annotations/pets09_s2l1_sparse/gt_sparse.txt');

test('as many pairs as can be, the rest is false or missed', () => {
  const score = scoreBoxes(
    [
      [0, 0, 0.2, 0.2],
      [0, 0, 0.2, 0.3],
      [0.8, 0.8, 0.9, 0.9],
    ],
    [
      [0, 0, 0.2, 0.24],
      [0, 0, 0.2, 0.15],
      [0.5, 0.5, 0.6, 0.6],
    ],
  );
  expect(score).toEqual({ truePositives: 2, falsePositives: 1, truth: 3 });
});

test.skipIf(!existsSync(FILE))('annotation frame n is video frame n - 1, in the picture', () => {
  const frames = readPets(FILE);
  expect([...frames.values()].flat()).toHaveLength(70);
  expect(frames.get(0)?.[0]?.map((edge, index) => Math.round(edge * (index % 2 ? 360 : 480)))).toEqual([
    312, 99, 331, 146,
  ]);
});
