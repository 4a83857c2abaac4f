import { describe, expect, test } from 'vitest';
import type { ClassFilter, Detection } from '../../runtime/messages/types.ts';
import { DEFAULT_RULES, filterDetections } from './filter.ts';
import { filter, person, START } from './scenes.ts';

const ASPECT = 16 / 9;
const run = (boxes: Detection[], own: Partial<ClassFilter> = {}, more = {}) =>
  filterDetections(boxes, { ...DEFAULT_RULES, filters: { '*': filter(own) }, ...more }, START, ASPECT);

describe('filterDetections', () => {
  test('from `low` on a box is a candidate, from `score` on it may start a track', () => {
    const { candidates, rejected } = run([person(0.2, 0.5, 0.39), person(0.5, 0.5, 0.4), person(0.8, 0.5, 0.19)]);
    expect(candidates.map(({ high, index }) => [high, index])).toEqual([
      [true, 1],
      [false, 0],
    ]);
    expect(rejected).toEqual({ score: 1 });
  });

  test.each([
    ['area', { min_area: 0.031 }],
    ['area', { max_area: 0.029 }],
    ['aspect', { min_aspect: 0.6 }],
    ['aspect', { max_aspect: 0.58 }],
  ])('%s is judged by the filter', (reason, own) => {
    expect(run([person(0.5, 0.5)], own).rejected).toEqual({ [reason]: 1 });
  });

  test('aspect is one of pixels: 0.1 × 0.3 of a 16:9 picture is 0.593', () => {
    expect(run([person(0.5, 0.5)], { min_aspect: 0.59, max_aspect: 0.6 }).rejected).toEqual({});
  });

  test('a class has its own filter, others fall back on *', () => {
    const rules = { ...DEFAULT_RULES, filters: { '*': filter({ score: 0.9, low: 0.9 }), person: filter() } };
    const car: Detection = { ...person(0.2, 0.5), class: 'car' };
    const { candidates } = filterDetections([car, person(0.7, 0.5)], rules, START, ASPECT);
    expect(candidates.map((candidate) => candidate.class)).toEqual(['person']);
  });

  test('while a schedule is active its scores hold', () => {
    const schedule = { days: [6], from: '20:00', to: '21:00', timezone: 'UTC' };
    const own = { during: [{ schedule, score: 0.9, low: 0.85 }] };
    expect(run([person(0.5, 0.5)], own).rejected).toEqual({ score: 1 });
    const rules = { ...DEFAULT_RULES, filters: { '*': filter(own) } };
    expect(filterDetections([person(0.5, 0.5)], rules, START + 3_600_000, ASPECT).rejected).toEqual({});
  });

  test('an ignore mask is judged by where somebody stands, not by what his box covers', () => {
    const mask: [number, number][] = [
      [0, 0.6],
      [1, 0.6],
      [1, 1],
      [0, 1],
    ];
    const { candidates, rejected } = run([person(0.2, 0.59), person(0.7, 0.61)], {}, { ignore_masks: [mask] });
    expect(candidates.map(({ index }) => index)).toEqual([0]);
    expect(rejected).toEqual({ ignore_mask: 1 });
  });

  test('a box found twice, and a part of a better one, are left out; a neighbour is not', () => {
    const upper: Detection = { class: 'person', score: 0.6, box: [0.45, 0.21, 0.55, 0.4] };
    const { candidates, rejected } = run([
      person(0.5, 0.5, 0.9),
      person(0.505, 0.5, 0.8),
      upper,
      person(0.56, 0.5, 0.7),
      { ...person(0.5, 0.5, 0.5), class: 'car' },
    ]);
    expect(candidates.map(({ index }) => index)).toEqual([0, 3, 4]);
    expect(rejected).toEqual({ duplicate: 2 });
  });

  test('what detectors take for one another is found twice as well', () => {
    const car: Detection = { class: 'car', score: 0.7, box: [0.1, 0.1, 0.4, 0.3] };
    expect(run([car, { ...car, class: 'truck', score: 0.6 }]).rejected).toEqual({ duplicate: 1 });
  });

  test('every box is accounted for', () => {
    const boxes = [person(0.2, 0.5), person(0.2, 0.5, 0.7), person(0.6, 0.5, 0.05)];
    const { candidates, rejected } = run(boxes);
    expect(candidates.length + Object.values(rejected).reduce((a, b) => a + b, 0)).toBe(boxes.length);
  });
});
