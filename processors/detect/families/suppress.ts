import { BOX_FIELDS, type Candidates } from './candidates.ts';

/** A picture has room for more people than this, a site does not. Also bounds what travels on the bus. */
const MAX_BOXES = 100;

/** Intersection of the packed boxes at `a` and `b` over their union, or over the area of `b` alone. */
export function overlap(boxes: Float32Array, a: number, b: number, over: 'union' | 'second' = 'union'): number {
  const ax1 = boxes[a] ?? 0;
  const ay1 = boxes[a + 1] ?? 0;
  const ax2 = boxes[a + 2] ?? 0;
  const ay2 = boxes[a + 3] ?? 0;
  const bx1 = boxes[b] ?? 0;
  const by1 = boxes[b + 1] ?? 0;
  const bx2 = boxes[b + 2] ?? 0;
  const by2 = boxes[b + 3] ?? 0;
  const width = Math.min(ax2, bx2) - Math.max(ax1, bx1);
  const height = Math.min(ay2, by2) - Math.max(ay1, by1);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  const areaA = (ax2 - ax1) * (ay2 - ay1);
  const areaB = (bx2 - bx1) * (by2 - by1);
  return shared / (over === 'union' ? areaA + areaB - shared : areaB);
}

/**
 * Clamps to the picture and keeps, class by class, the best of boxes that overlap (greedy non-maximum
 * suppression).
 * @returns packed boxes (BOX_FIELDS numbers each), best first, at most 100
 */
export function suppress(candidates: Candidates, nmsIou: number): Float32Array<ArrayBuffer> {
  const order: number[] = [];
  for (let index = 0; index < candidates.count; index++) order.push(index);
  order.sort((a, b) => (candidates.score[b] ?? 0) - (candidates.score[a] ?? 0));
  const kept = new Float32Array(MAX_BOXES * BOX_FIELDS);
  let end = 0;
  for (const index of order) {
    if (end === kept.length) break;
    const x1 = clamp(candidates.x1[index] ?? 0);
    const y1 = clamp(candidates.y1[index] ?? 0);
    const x2 = clamp(candidates.x2[index] ?? 0);
    const y2 = clamp(candidates.y2[index] ?? 0);
    // Also takes out NaN and what lies in the padding only.
    if (!(x2 > x1 && y2 > y1)) continue;
    const label = candidates.label[index] ?? 0;
    kept[end] = x1;
    kept[end + 1] = y1;
    kept[end + 2] = x2;
    kept[end + 3] = y2;
    kept[end + 4] = candidates.score[index] ?? 0;
    kept[end + 5] = label;
    let double = false;
    for (let other = 0; other < end && !double; other += BOX_FIELDS) {
      double = kept[other + 5] === label && overlap(kept, other, end) > nmsIou;
    }
    if (!double) end += BOX_FIELDS;
  }
  return kept.slice(0, end);
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
