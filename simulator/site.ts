/** The cameras of the demo site, and the plan's areas and lines as they see them. */
import { type CameraModel, Projection } from './camera.ts';
import { POLES } from './world/furniture.ts';
import { area, groundLine } from './world/plan.ts';
import type { Point } from './world/types.ts';

/** Normalized 0–1, x right, y down. */
export type PicturePoint = [x: number, y: number];

const PICTURE = { width: 960, height: 540, fps: 10 } as const;

export const CAMERAS: readonly CameraModel[] = [
  {
    id: 'gate',
    position: { ...POLES.gate, z: 7 },
    lookAt: { x: 30, y: 5, z: 0.3 },
    horizontalFovDeg: 60,
    ...PICTURE,
    rate: { mode: 'vbr', kbps: 1600, gop: 20, smartGop: null },
  },
  {
    id: 'pit',
    position: { ...POLES.pit, z: 7.8 },
    lookAt: { x: 14.2, y: 28, z: 0 },
    horizontalFovDeg: 62,
    ...PICTURE,
    rate: { mode: 'vbr', kbps: 1400, gop: 20, smartGop: 100 },
  },
  {
    id: 'crane',
    position: { ...POLES.east, z: 7.5 },
    lookAt: { x: 48, y: 29.8, z: 0 },
    horizontalFovDeg: 66,
    ...PICTURE,
    rate: { mode: 'cbr', kbps: 1800, gop: 10, smartGop: null },
  },
  {
    id: 'yard',
    position: { ...POLES.east, z: 7 },
    lookAt: { x: 45.2, y: 10.4, z: 0 },
    horizontalFovDeg: 62,
    ...PICTURE,
    rate: { mode: 'vbr', kbps: 1600, gop: 50, smartGop: null },
  },
];

/** @throws when the site has no such camera. */
export function cameraModel(id: string): CameraModel {
  const found = CAMERAS.find((one) => one.id === id);
  if (!found) throw new Error(`the site has no camera ${id}`);
  return found;
}

/**
 * An area of the plan as the camera sees it, for a site file: corners in order, inside the picture.
 * Null when nothing of it is in sight.
 * @throws when the site has no such area.
 */
export function zoneInPicture(camera: CameraModel, areaId: string): PicturePoint[] | null {
  const corners = withoutRepeats(clipToPicture(camera, area(areaId).polygon).map(divided));
  return corners.length < 3 ? null : corners;
}

/**
 * A line of the plan as the camera sees it, from → to. Left and right stay what they are on the ground:
 * a camera above the ground shows it the way round it is, so `in` is the same for all.
 * @throws when the site has no such line.
 */
export function lineInPicture(camera: CameraModel, lineId: string): [PicturePoint, PicturePoint] | null {
  const { from, to } = groundLine(lineId);
  const projection = new Projection(camera);
  let a = homogeneous(projection, from);
  let b = homogeneous(projection, to);
  for (const inside of PICTURE_SIDES) {
    const [atA, atB] = [inside(a), inside(b)];
    if (atA < 0 && atB < 0) return null;
    if (atA < 0) a = between(a, b, atA / (atA - atB));
    else if (atB < 0) b = between(b, a, atB / (atB - atA));
  }
  const ends: [PicturePoint, PicturePoint] = [divided(a), divided(b)];
  return Math.hypot(ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]) < 1e-3 ? null : ends;
}

/** The share of an area's ground that lies inside the camera's picture, 0–1, whatever stands before it. */
export function shareInSight(camera: CameraModel, areaId: string): number {
  const { polygon } = area(areaId);
  const projection = new Projection(camera);
  const seen = clipToPicture(camera, polygon).flatMap((corner) => {
    const [x, y] = divided(corner);
    return projection.ground(x, y) ?? [];
  });
  return surface(seen) / surface(polygon);
}

/**
 * Whether somebody who stands at a point is in the picture from the soles to the crown.
 * @param heightM of the person.
 */
export function isInPicture(camera: CameraModel, at: Point, heightM = 1.8): boolean {
  const projection = new Projection(camera);
  return [0, heightM].every((z) => {
    const seen = projection.project({ ...at, z });
    return seen !== null && seen.x >= 0 && seen.x <= 1 && seen.y >= 0 && seen.y <= 1;
  });
}

/** A picture point before the division by depth: x and y are times `w`. */
interface Homogeneous {
  x: number;
  y: number;
  /** Depth, metres. */
  w: number;
}

/** Nearer than this is behind the camera. */
const NEAR_M = 0.1;

/** At least 0 on the inner side: before the camera, right of its left edge, … */
const PICTURE_SIDES: readonly ((p: Homogeneous) => number)[] = [
  ({ w }) => w - NEAR_M,
  ({ x }) => x,
  ({ x, w }) => w - x,
  ({ y }) => y,
  ({ y, w }) => w - y,
];

/** Sutherland–Hodgman, before the division, so that corners behind the camera do no harm. */
function clipToPicture(camera: CameraModel, polygon: readonly Point[]): Homogeneous[] {
  const projection = new Projection(camera);
  let corners = polygon.map((corner) => homogeneous(projection, corner));
  for (const inside of PICTURE_SIDES) {
    const kept: Homogeneous[] = [];
    for (const [index, corner] of corners.entries()) {
      const before = corners.at(index - 1) ?? corner;
      const [was, is] = [inside(before), inside(corner)];
      if (was < 0 !== is < 0) kept.push(between(before, corner, was / (was - is)));
      if (is >= 0) kept.push(corner);
    }
    corners = kept;
  }
  return corners;
}

function homogeneous(projection: Projection, { x, y }: Point): Homogeneous {
  const [a, b, c, d, e, f, g, h, i] = projection.homography();
  return { x: a * x + b * y + c, y: d * x + e * y + f, w: g * x + h * y + i };
}

function between(a: Homogeneous, b: Homogeneous, share: number): Homogeneous {
  return { x: a.x + share * (b.x - a.x), y: a.y + share * (b.y - a.y), w: a.w + share * (b.w - a.w) };
}

function divided({ x, y, w }: Homogeneous): PicturePoint {
  const unit = (value: number): number => Math.min(1, Math.max(0, value));
  return [unit(x / w), unit(y / w)];
}

/** A corner that the picture's edge cuts exactly comes twice. */
function withoutRepeats(corners: readonly PicturePoint[]): PicturePoint[] {
  return corners.filter(([x, y], index) => {
    const [beforeX, beforeY] = corners.at(index - 1) ?? [x, y];
    return corners.length === 1 || Math.hypot(x - beforeX, y - beforeY) > 1e-6;
  });
}

/** Shoelace formula, square metres. */
function surface(polygon: readonly Point[]): number {
  const twice = polygon.reduce((sum, corner, index) => {
    const before = polygon.at(index - 1) ?? corner;
    return sum + before.x * corner.y - corner.x * before.y;
  }, 0);
  return Math.abs(twice) / 2;
}
