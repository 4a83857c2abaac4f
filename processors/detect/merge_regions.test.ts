import { describe, expect, test } from 'vitest';
import type { Box } from '../../runtime/messages/types.ts';
import { BOX_FIELDS } from './families/candidates.ts';
import { mergeRegions } from './merge_regions.ts';

const pack = (...boxes: [...Box, number, number?][]): Float32Array<ArrayBuffer> =>
  new Float32Array(boxes.flatMap(([x1, y1, x2, y2, score, label = 0]) => [x1, y1, x2, y2, score, label]));

const rows = (packed: Float32Array): number[][] =>
  Array.from({ length: packed.length / BOX_FIELDS }, (_, index) =>
    [...packed.subarray(index * BOX_FIELDS, (index + 1) * BOX_FIELDS)].map((value) => Math.round(value * 1000) / 1000),
  );

const FULL: Box = [0, 0, 1, 1];
const RIGHT_HALF: Box = [0.5, 0, 1, 1];
const LEFT_PART: Box = [0, 0, 0.6, 1];
const RIGHT_PART: Box = [0.4, 0, 1, 1];

describe('mergeRegions', () => {
  test('without regions the boxes are as they were', () => {
    const boxes = pack([0.1, 0.1, 0.2, 0.2, 0.9]);
    expect(mergeRegions([{ region: FULL, boxes }], 0.5)).toBe(boxes);
  });

  test('a crop finds what the full picture missed, in full-picture coordinates', () => {
    const merged = mergeRegions(
      [
        { region: FULL, boxes: pack([0.1, 0.1, 0.2, 0.2, 0.9]) },
        { region: [0.5, 0.5, 1, 1], boxes: pack([0.2, 0.4, 0.3, 0.6, 0.7]) },
      ],
      0.5,
    );
    expect(rows(merged)).toEqual([
      [0.1, 0.1, 0.2, 0.2, 0.9, 0],
      [0.6, 0.7, 0.65, 0.8, 0.7, 0],
    ]);
  });

  test('what both see is one, with the better box', () => {
    const merged = mergeRegions(
      [
        { region: FULL, boxes: pack([0.7, 0.1, 0.8, 0.4, 0.5]) },
        { region: RIGHT_HALF, boxes: pack([0.41, 0.1, 0.6, 0.4, 0.8]) },
      ],
      0.5,
    );
    expect(rows(merged)).toEqual([[0.705, 0.1, 0.8, 0.4, 0.8, 0]]);
  });

  test('other classes stay', () => {
    const merged = mergeRegions(
      [
        { region: FULL, boxes: pack([0.7, 0.1, 0.8, 0.4, 0.5, 0]) },
        { region: RIGHT_HALF, boxes: pack([0.4, 0.1, 0.6, 0.4, 0.8, 1]) },
      ],
      0.5,
    );
    expect(merged.length / BOX_FIELDS).toBe(2);
  });

  test('the half that a crop saw of somebody gives way to the whole, and leaves its score', () => {
    const merged = mergeRegions(
      [
        { region: FULL, boxes: pack([0.4, 0.2, 0.7, 0.9, 0.45]) },
        { region: RIGHT_HALF, boxes: pack([0, 0.2, 0.4, 0.9, 0.85]) },
      ],
      0.5,
    );
    expect(rows(merged)).toEqual([[0.4, 0.2, 0.7, 0.9, 0.85, 0]]);
  });

  test('two crops that overlap and each cut the same person: the one that saw him whole wins', () => {
    const merged = mergeRegions(
      [
        { region: FULL, boxes: pack() },
        { region: LEFT_PART, boxes: pack([0.75, 0.2, 1, 0.8, 0.9]) },
        { region: RIGHT_PART, boxes: pack([0.09, 0.2, 0.4, 0.8, 0.6]) },
      ],
      0.5,
    );
    expect(rows(merged)).toEqual([[0.454, 0.2, 0.64, 0.8, 0.9, 0]]);
  });

  test('somebody whole in front of somebody cut stays, and so does the one behind', () => {
    const merged = mergeRegions(
      [
        { region: FULL, boxes: pack([0.55, 0.5, 0.6, 0.7, 0.6]) },
        { region: RIGHT_HALF, boxes: pack([0, 0.1, 0.4, 0.9, 0.8]) },
      ],
      0.5,
    );
    expect(merged.length / BOX_FIELDS).toBe(2);
  });

  test('the border of the picture cuts nobody', () => {
    const merged = mergeRegions(
      [
        { region: FULL, boxes: pack([0.8, 0.1, 1, 0.9, 0.5]) },
        { region: RIGHT_HALF, boxes: pack([0.9, 0.4, 1, 0.6, 0.8]) },
      ],
      0.5,
    );
    expect(merged.length / BOX_FIELDS).toBe(2);
  });
});
