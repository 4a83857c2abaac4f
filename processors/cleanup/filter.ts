import type { Box, CameraRecord, ClassFilter, Detection } from '../../runtime/messages/types.ts';
import { isActive } from '../../runtime/schedule.ts';
import { groundPoint, insidePolygon } from '../incidents/geometry.ts';
import { area, contained, iou, kindOf } from './boxes.ts';
import type { Candidate } from './tracker.ts';

/** What a camera's configuration says about its detections. */
export type FilterRules = Pick<CameraRecord, 'filters' | 'ignore_masks' | 'suppress_static'>;

/** For a class that neither the camera nor `*` names, and for a camera without a record. */
export const DEFAULT_FILTER: ClassFilter = Object.freeze({
  score: 0.4,
  low: 0.2,
  min_area: 0,
  max_area: 1,
  min_aspect: 0,
  max_aspect: 100,
  during: [],
});

export const DEFAULT_RULES: FilterRules = Object.freeze({ filters: {}, ignore_masks: [], suppress_static: true });

export type RejectReason = 'score' | 'area' | 'aspect' | 'ignore_mask' | 'duplicate';

export interface Filtered {
  /** Best score first. `index` is the place in the detections record. */
  candidates: (Candidate & { index: number })[];
  rejected: Partial<Record<RejectReason, number>>;
}

/** Two boxes of one kind that overlap more than this are one object found twice. */
const DUPLICATE_IOU = 0.65;
/** A box that lies in a better one of its kind to this share, and is not much smaller, is a part of it. */
const PART_CONTAINED = 0.9;
const PART_AREA = 0.3;

/**
 * Sorts out what is not worth tracking, each box with the first reason that holds.
 * @param time capture time, epoch ms: decides which schedule is active.
 * @param aspect width over height of the picture, so that a box's aspect is one of pixels.
 */
export function filterDetections(
  boxes: readonly Detection[],
  rules: FilterRules,
  time: number,
  aspect: number,
): Filtered {
  const candidates: Filtered['candidates'] = [];
  const rejected: Filtered['rejected'] = {};
  const order = boxes.map((_, index) => index);
  order.sort((a, b) => (boxes[b]?.score ?? 0) - (boxes[a]?.score ?? 0) || a - b);
  for (const index of order) {
    const detection = boxes[index];
    if (!detection) continue;
    const filter = rules.filters[detection.class] ?? rules.filters['*'] ?? DEFAULT_FILTER;
    const { score, low } = thresholdsAt(filter, time);
    const reason = judge(detection, filter, Math.min(low, score), rules, aspect) ?? duplicate(detection, candidates);
    if (reason) rejected[reason] = (rejected[reason] ?? 0) + 1;
    else candidates.push({ ...detection, high: detection.score >= score, index });
  }
  return { candidates, rejected };
}

/** Scores that hold at that time: of the first schedule that is active, else the filter's own. */
export function thresholdsAt(filter: ClassFilter, time: number): { score: number; low: number } {
  return filter.during.find(({ schedule }) => isActive(schedule, time)) ?? filter;
}

function judge(
  { score, box }: Detection,
  filter: ClassFilter,
  low: number,
  rules: FilterRules,
  aspect: number,
): RejectReason | null {
  if (score < low) return 'score';
  const size = area(box);
  if (size <= 0 || size < filter.min_area || size > filter.max_area) return 'area';
  const shape = ((box[2] - box[0]) * aspect) / (box[3] - box[1]);
  if (shape < filter.min_aspect || shape > filter.max_aspect) return 'aspect';
  if (isMasked(box, rules)) return 'ignore_mask';
  return null;
}

function isMasked(box: Box, { ignore_masks }: FilterRules): boolean {
  const ground = groundPoint(box);
  return ignore_masks.some((mask) => insidePolygon(mask, ground));
}

function duplicate(detection: Detection, better: readonly Candidate[]): RejectReason | null {
  const kind = kindOf(detection.class);
  const same = better.some(
    (other) =>
      kindOf(other.class) === kind &&
      (iou(detection.box, other.box) > DUPLICATE_IOU ||
        (contained(detection.box, other.box) > PART_CONTAINED && area(detection.box) > PART_AREA * area(other.box))),
  );
  return same ? 'duplicate' : null;
}
