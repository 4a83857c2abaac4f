import { expect, test } from 'vitest';
import type { CocoBox, CocoResult } from './coco.ts';
import type { CocoFile } from './coco_folder.ts';
import { report } from './report.ts';

/** Half as wide as heights are told for: 24 px here are 48 px there. */
const file = (boxes: { category: number; box: CocoBox; visible?: number }[]): CocoFile => ({
  images: [{ id: 1, file_name: 'a.jpg', width: 480, height: 270 }],
  categories: [
    { id: 1, name: 'person' },
    { id: 2, name: 'hard-hat' },
  ],
  truth: boxes.map(({ category, box, visible = 1 }) => ({
    image: 1,
    category,
    box,
    area: box[2] * box[3],
    crowd: false,
    visible,
  })),
});
const result = (category: number, box: CocoBox, score: number): CocoResult => ({ image: 1, category, box, score });
const OPTIONS = { widthPx: 960, minHeightPx: { '*': 24, 'hard-hat': 12 }, minVisible: 0.25, threshold: 0.5 };

test('asks about what is tall enough in a picture of the usual width', () => {
  const found = report(
    file([
      { category: 1, box: [10, 10, 10, 24] },
      { category: 1, box: [110, 10, 4, 11] },
      { category: 1, box: [210, 10, 10, 24], visible: 0.1 },
      { category: 2, box: [12, 10, 6, 6] },
      { category: 2, box: [212, 10, 6, 5] },
    ]),
    [result(1, [10, 10, 10, 24], 0.9), result(2, [12, 10, 6, 6], 0.4), result(1, [300, 10, 10, 24], 0.3)],
    OPTIONS,
  );
  expect(found.classes).toMatchObject({
    person: { truth: 1, ap50: expect.closeTo(1, 9), precision: 1, recall: 1 },
    'hard-hat': { truth: 1, ap50: expect.closeTo(1, 9), precision: 1, recall: 0 },
  });
  expect(found.map50).toBeCloseTo(1, 9);
  // One of two persons, one of one hat.
  expect(found.map50All).toBeCloseTo((51 / 101 + 1) / 2, 9);
  expect(found.person).toEqual({ score: 0.9, precision: 1, recall: 1 });
  expect(found.personByHeight).toEqual([
    { heightPx: 12, truth: 1, recall: 0 },
    { heightPx: 48, truth: 1, recall: 1 },
  ]);
});

test('a class without truth is not in the mean', () => {
  const found = report(file([{ category: 1, box: [10, 10, 10, 24] }]), [result(2, [0, 0, 9, 9], 0.9)], OPTIONS);
  expect(Object.keys(found.classes)).toEqual(['person']);
  expect(found.map50).toBe(0);
  expect(found.person).toBeNull();
});
