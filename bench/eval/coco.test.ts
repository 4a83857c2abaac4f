import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TEST_DATA } from '../../test/data.ts';
import {
  atPrecision,
  atScore,
  averagePrecision,
  type CocoBox,
  type CocoResult,
  CocoSet,
  type CocoTruth,
  cocoIou,
  cocoStats,
  ofHeight,
  recall,
} from './coco.ts';
import { readCocoTruth } from './coco_folder.ts';

const DIR = join(TEST_DATA, 'annotations/coco_val2014_100');

test.skipIf(!existsSync(DIR))('the reference tools give the same twelve numbers', () => {
  const { images, categories, truth } = readCocoTruth(join(DIR, 'instances_val2014_100.json'));
  const rows: { image_id: number; category_id: number; bbox: CocoBox; score: number }[] = JSON.parse(
    readFileSync(join(DIR, 'instances_val2014_fakebbox100_results.json'), 'utf8'),
  );
  const results = rows.map((row) => ({
    image: row.image_id,
    category: row.category_id,
    box: row.bbox,
    score: row.score,
  }));
  const expected: { bbox: number[] } = JSON.parse(readFileSync(join(DIR, 'EXPECTED.json'), 'utf8'));
  const ids = images.map(({ id }) => id);
  const stats = cocoStats(
    new CocoSet(
      ids,
      categories.map(({ id }) => id),
      truth,
      results,
    ),
  );
  expect(stats).toHaveLength(12);
  stats.forEach((value, index) => {
    expect(value, `number ${index}`).toBeCloseTo(expected.bbox[index] ?? Number.NaN, 9);
  });
});

describe('by hand', () => {
  const truth = (box: CocoBox, more: Partial<CocoTruth> = {}): CocoTruth => ({
    image: 1,
    category: 1,
    box,
    area: box[2] * box[3],
    crowd: false,
    visible: 1,
    ...more,
  });
  const result = (box: CocoBox, score: number): CocoResult => ({ image: 1, category: 1, box, score });
  const set = (truths: CocoTruth[], results: CocoResult[]): CocoSet => new CocoSet([1], [1], truths, results);

  test('overlap; of a crowd, over the result alone', () => {
    expect(cocoIou([0, 0, 10, 10], [5, 0, 10, 10])).toBeCloseTo(1 / 3, 12);
    expect(cocoIou([0, 0, 10, 10], [5, 0, 10, 10], true)).toBe(0.5);
    expect(cocoIou([0, 0, 10, 10], [10, 0, 10, 10])).toBe(0);
  });

  test('found twice is right once', () => {
    const curve = set([truth([0, 0, 10, 10])], [result([0, 0, 10, 10], 0.9), result([0, 0, 10, 9], 0.8)]).curve(1, 0.5);
    expect(curve.right).toEqual([true, false]);
    expect(averagePrecision(curve)).toBeCloseTo(1, 9);
    expect(recall(curve)).toBe(1);
  });

  test('the half that is missed costs half of the area', () => {
    const curve = set([truth([0, 0, 10, 10]), truth([50, 0, 10, 10])], [result([0, 0, 10, 10], 0.9)]).curve(1, 0.5);
    expect(averagePrecision(curve)).toBeCloseTo(51 / 101, 9);
  });

  test('a box that is not asked about is neither missed nor false', () => {
    const boxes = [truth([0, 0, 10, 60]), truth([50, 0, 10, 60], { visible: 0.3 }), truth([80, 0, 5, 20])];
    const found = [result([0, 0, 10, 60], 0.9), result([50, 0, 10, 60], 0.8), result([80, 0, 5, 20], 0.7)];
    const curve = set(boxes, found).curve(1, 0.5, ofHeight(48, undefined, 0.5));
    expect(curve).toEqual({ scores: [0.9], right: [true], truth: 1 });
    const missed = set(boxes, found.slice(1)).curve(1, 0.5, ofHeight(48, undefined, 0.5));
    expect(missed).toEqual({ scores: [], right: [], truth: 1 });
  });

  test('what is found where nothing is counts as false at its own height', () => {
    const found = [result([300, 0, 10, 60], 0.9), result([400, 0, 10, 20], 0.8)];
    expect(set([truth([0, 0, 10, 60])], found).curve(1, 0.5, ofHeight(48)).right).toEqual([false]);
  });

  test('operating points', () => {
    const curve = { scores: [0.9, 0.8, 0.7, 0.7, 0.2], right: [true, true, false, true, true], truth: 5 };
    expect(atScore(curve, 0.75)).toEqual({ score: 0.75, precision: 1, recall: 0.4 });
    expect(atScore(curve, 0.7)).toEqual({ score: 0.7, precision: 0.75, recall: 0.6 });
    expect(atPrecision(curve, 0.75)).toEqual({ score: 0.2, precision: 0.8, recall: 0.8 });
    expect(atPrecision(curve, 0.9)).toEqual({ score: 0.8, precision: 1, recall: 0.4 });
    expect(atPrecision({ ...curve, right: [false, false, false, false, false] }, 0.5)).toBeNull();
  });
});
