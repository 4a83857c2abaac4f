import type { CameraModel, Matrix3 } from '../camera.ts';
import type { TruthObject } from '../truth.ts';
import type { Conditions } from '../world/types.ts';
import { graded, SHAKE_REACH, TURN_REACH } from './grades.ts';
import { share } from './hash.ts';
import { apply, IDENTITY, times } from './matrix.ts';

/** There and back again, seconds. */
export const TURN_PERIOD_S = 40;
/** A pole in the wind: Hz, and the share of each in the whole. */
const SHAKES = [
  { hz: 1.7, part: 0.5 },
  { hz: 3.9, part: 0.3 },
  { hz: 7.3, part: 0.2 },
] as const;

/** How much wider than the picture its source has to be on each side, in picture widths, to show no edge. */
export const WARP_MARGIN = 0.05;

/**
 * Where the picture of a camera that shakes and turns has what it would have at rest: normalized picture
 * coordinates to normalized picture coordinates. Exact for a camera that only rotates: H = K R K⁻¹
 * (Hartley and Zisserman, Multiple View Geometry, 2nd ed., 8.4.2).
 */
export function warp(
  camera: Pick<CameraModel, 'horizontalFovDeg' | 'width' | 'height'>,
  seed: number,
  conditions: Pick<Conditions, 'shake' | 'turning'>,
  t: number,
): Matrix3 {
  const { shake, turning } = conditions;
  if (shake <= 0 && turning <= 0) return IDENTITY;
  const fx = 0.5 / Math.tan((camera.horizontalFovDeg * Math.PI) / 360);
  const fy = (fx * camera.width) / camera.height;
  const turn = graded(turning, TURN_REACH) * Math.sin((2 * Math.PI * t) / TURN_PERIOD_S + 2 * Math.PI * share(seed, 1));
  const reach = graded(shake, SHAKE_REACH) * gust(seed, t);
  const yaw = Math.atan((turn + reach * wobble(seed, 2, t)) / fx);
  const pitch = Math.atan((0.8 * reach * wobble(seed, 3, t)) / fx);
  const roll = 0.6 * reach * wobble(seed, 4, t);
  return times(times([fx, 0, 0.5, 0, fy, 0.5, 0, 0, 1], rotation(yaw, pitch, roll)), [
    1 / fx,
    0,
    -0.5 / fx,
    0,
    1 / fy,
    -0.5 / fy,
    0,
    0,
    1,
  ]);
}

/** Camera axes right, down, forward; radians. */
function rotation(yaw: number, pitch: number, roll: number): Matrix3 {
  const [cy, sy, cp, sp, cr, sr] = [yaw, pitch, roll].flatMap((a) => [Math.cos(a), Math.sin(a)]) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const aboutDown: Matrix3 = [cy, 0, sy, 0, 1, 0, -sy, 0, cy];
  const aboutRight: Matrix3 = [1, 0, 0, 0, cp, sp, 0, -sp, cp];
  const aboutForward: Matrix3 = [cr, -sr, 0, sr, cr, 0, 0, 0, 1];
  return times(aboutForward, times(aboutRight, aboutDown));
}

/** Within ±1. */
function wobble(seed: number, axis: number, t: number): number {
  return SHAKES.reduce(
    (sum, { hz, part }, i) => sum + part * Math.sin(2 * Math.PI * (hz * t * (1 + 0.05 * axis) + share(seed, axis, i))),
    0,
  );
}

/** Wind comes and goes: 0.4–1. */
function gust(seed: number, t: number): number {
  return 0.7 + 0.3 * Math.sin(2 * Math.PI * (t / 11 + share(seed, 5)));
}

/**
 * Truth of a source picture, moved into the picture that the camera shows.
 * @param toSource from the shown picture at rest to the source: its margin on each side, in its own pixels.
 * @returns those with anything inside; `inside` is what is left of it by area, `visible` stays.
 */
export function movedTruth(
  objects: readonly TruthObject[],
  matrix: Matrix3,
  { width, height, margin }: { width: number; height: number; margin: number },
): TruthObject[] {
  if (matrix === IDENTITY && margin === 0) return [...objects];
  const moved: TruthObject[] = [];
  for (const object of objects) {
    const [x1, y1, x2, y2] = object.box;
    const xs = [x1, x2].map((x) => (x * (width + 2 * margin) - margin) / width);
    const ys = [y1, y2].map((y) => (y * (height + 2 * margin) - margin) / height);
    const corners = xs.flatMap((x) => ys.map((y) => apply(matrix, x, y)));
    const left = Math.min(...corners.map(({ x }) => x));
    const right = Math.max(...corners.map(({ x }) => x));
    const top = Math.min(...corners.map(({ y }) => y));
    const bottom = Math.max(...corners.map(({ y }) => y));
    const box = [Math.max(0, left), Math.max(0, top), Math.min(1, right), Math.min(1, bottom)] as const;
    const area = (box[2] - box[0]) * (box[3] - box[1]);
    if (box[2] <= box[0] || box[3] <= box[1]) continue;
    moved.push({ ...object, box, inside: (object.inside * area) / ((right - left) * (bottom - top)) });
  }
  return moved;
}
