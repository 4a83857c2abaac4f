import type { Box } from '../../runtime/messages/types.ts';
import { BOX_FIELDS } from './families/candidates.ts';
import { overlap } from './families/suppress.ts';

/** A box this near to the border of its crop was cut by it, in shares of the crop. */
const BORDER = 0.01;
/** A cut box that lies in another by this share of its area is part of it. */
const CONTAINED = 0.7;

export interface RegionBoxes {
  /** The crop in the full picture; `[0, 0, 1, 1]` for the full picture itself. */
  readonly region: Box;
  /** Packed, normalized to the crop. */
  readonly boxes: Float32Array<ArrayBuffer>;
}

/**
 * Brings the boxes of the full picture and of its crops together, in full-picture coordinates.
 *
 * The border of a crop cuts objects: the half that is inside looks like a small object of its own, often
 * with a high score. So whole boxes go first, and a cut one that lies mostly in a whole one of its class
 * gives way to it, leaving its score where that was higher: somebody saw a person there clearly.
 * @returns packed boxes, best first
 */
export function mergeRegions(pictures: readonly RegionBoxes[], nmsIou: number): Float32Array<ArrayBuffer> {
  const [only] = pictures;
  if (pictures.length === 1 && only !== undefined) return only.boxes;
  const total = pictures.reduce((sum, picture) => sum + picture.boxes.length, 0);
  const all = new Float32Array(total);
  const cut = new Set<number>();
  let at = 0;
  for (const { region, boxes } of pictures) {
    for (let from = 0; from < boxes.length; from += BOX_FIELDS, at += BOX_FIELDS) {
      if (isCut(region, boxes, from)) cut.add(at);
      const [left, top, right, bottom] = region;
      all[at] = left + (boxes[from] ?? 0) * (right - left);
      all[at + 1] = top + (boxes[from + 1] ?? 0) * (bottom - top);
      all[at + 2] = left + (boxes[from + 2] ?? 0) * (right - left);
      all[at + 3] = top + (boxes[from + 3] ?? 0) * (bottom - top);
      all[at + 4] = boxes[from + 4] ?? 0;
      all[at + 5] = boxes[from + 5] ?? 0;
    }
  }
  const score = (box: number): number => all[box + 4] ?? 0;
  const order = Array.from({ length: total / BOX_FIELDS }, (_, index) => index * BOX_FIELDS);
  order.sort((a, b) => Number(cut.has(a)) - Number(cut.has(b)) || score(b) - score(a));

  const kept: number[] = [];
  for (const box of order) {
    const isWholeOf = (other: number): boolean =>
      all[other + 5] === all[box + 5] &&
      (overlap(all, other, box) > nmsIou || (cut.has(box) && overlap(all, other, box, 'second') > CONTAINED));
    const whole = kept.find(isWholeOf);
    if (whole === undefined) kept.push(box);
    else all[whole + 4] = Math.max(score(whole), score(box));
  }
  kept.sort((a, b) => score(b) - score(a));
  const merged = new Float32Array(kept.length * BOX_FIELDS);
  kept.forEach((box, index) => {
    merged.set(all.subarray(box, box + BOX_FIELDS), index * BOX_FIELDS);
  });
  return merged;
}

/** Touches a border of its crop that is not a border of the picture. */
function isCut([left, top, right, bottom]: Box, boxes: Float32Array, at: number): boolean {
  return (
    (left > 0 && (boxes[at] ?? 0) < BORDER) ||
    (top > 0 && (boxes[at + 1] ?? 0) < BORDER) ||
    (right < 1 && (boxes[at + 2] ?? 1) > 1 - BORDER) ||
    (bottom < 1 && (boxes[at + 3] ?? 1) > 1 - BORDER)
  );
}
