import { describe, expect, it } from 'vitest';
import type { Point, Polygon } from '../../runtime/messages/types.ts';
import { boxArea, clearOfLine, crossing, groundPoint, insidePolygon, insideZone } from './geometry.ts';

const SQUARE: Polygon = [
  [0.2, 0.2],
  [0.6, 0.2],
  [0.6, 0.6],
  [0.2, 0.6],
];
/** A C, open to the right. */
const CONCAVE: Polygon = [
  [0.1, 0.1],
  [0.9, 0.1],
  [0.9, 0.3],
  [0.3, 0.3],
  [0.3, 0.7],
  [0.9, 0.7],
  [0.9, 0.9],
  [0.1, 0.9],
];

describe('insidePolygon', () => {
  it.each<[string, Polygon, Point, boolean]>([
    ['middle', SQUARE, [0.4, 0.4], true],
    ['left of it', SQUARE, [0.1, 0.4], false],
    ['level with an upper corner, outside', SQUARE, [0.1, 0.2], false],
    ['level with a lower corner, outside', SQUARE, [0.7, 0.6], false],
    ['left edge', SQUARE, [0.2, 0.4], true],
    ['right edge', SQUARE, [0.6, 0.4], true],
    ['top edge', SQUARE, [0.4, 0.2], true],
    ['bottom edge', SQUARE, [0.4, 0.6], true],
    ['corner', SQUARE, [0.6, 0.6], true],
    ['in the arm of the C', CONCAVE, [0.8, 0.2], true],
    ['in the mouth of the C', CONCAVE, [0.6, 0.5], false],
    ['in the back of the C', CONCAVE, [0.2, 0.5], true],
    ['right of the C, level with its mouth', CONCAVE, [0.95, 0.5], false],
  ])('%s', (_, polygon, point, expected) => {
    expect(insidePolygon(polygon, point)).toBe(expected);
    expect(insidePolygon([...polygon].reverse(), point)).toBe(expected);
  });
});

describe('insideZone', () => {
  it.each<[string, Point, boolean, boolean]>([
    ['in the band, coming', [0.605, 0.4], false, false],
    ['in the band, going', [0.605, 0.4], true, true],
    ['at the band’s end, going', [0.61, 0.4], true, true],
    ['beyond the band', [0.612, 0.4], true, false],
    ['beyond a corner, further than the band though less in each direction', [0.608, 0.608], true, false],
  ])('%s', (_, point, was, expected) => {
    expect(insideZone(SQUARE, point, was)).toBe(expected);
  });
});

describe('groundPoint', () => {
  it('is the bottom centre, clamped to the picture', () => {
    expect(groundPoint([0.2, 0.1, 0.4, 0.7])).toEqual([0.30000000000000004, 0.7]);
    expect(groundPoint([-0.3, 0.1, 0.1, 1.2])).toEqual([0, 1]);
  });

  it('has an area of what is in the picture', () => {
    expect(boxArea([-0.5, 0.5, 0.5, 1.5])).toBeCloseTo(0.25);
  });
});

describe('crossing', () => {
  const level: [Point, Point] = [
    [0.2, 0.5],
    [0.8, 0.5],
  ];
  it.each<[string, Point, Point, 'in' | 'out' | null]>([
    ['down over a line that goes right', [0.5, 0.4], [0.5, 0.6], 'in'],
    ['up', [0.5, 0.6], [0.5, 0.4], 'out'],
    ['aslant', [0.3, 0.4], [0.7, 0.6], 'in'],
    ['past the end', [0.9, 0.4], [0.9, 0.6], null],
    ['through the very end', [0.8, 0.4], [0.8, 0.6], 'in'],
    ['round the end, aslant', [0.8, 0.48], [1, 0.6], null],
    ['along one side', [0.3, 0.4], [0.7, 0.4], null],
    ['begins too near', [0.5, 0.495], [0.5, 0.6], null],
    ['ends too near', [0.5, 0.4], [0.5, 0.505], null],
    ['exactly the hysteresis on both sides', [0.5, 0.49], [0.5, 0.51], 'in'],
    ['no step at all', [0.5, 0.4], [0.5, 0.4], null],
  ])('%s', (_, from, to, expected) => {
    expect(crossing(level, from, to)).toBe(expected);
  });

  it('turns with the line', () => {
    const [a, b] = level;
    expect(crossing([b, a], [0.5, 0.4], [0.5, 0.6])).toBe('out');
    // Upwards: left is the left of the picture.
    const up: [Point, Point] = [
      [0.5, 0.8],
      [0.5, 0.2],
    ];
    expect(crossing(up, [0.4, 0.5], [0.6, 0.5])).toBe('in');
    expect(crossing(up, [0.6, 0.5], [0.4, 0.5])).toBe('out');
  });

  it('knows who is clear of the line, its ends included', () => {
    expect(clearOfLine(level, [0.805, 0.5])).toBe(false);
    expect(clearOfLine(level, [0.815, 0.5])).toBe(true);
  });
});
