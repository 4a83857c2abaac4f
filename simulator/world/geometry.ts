/** Geometry on the ground, metres. */
import { type GroundLine, type Point, VEHICLE_SIZE, type VehicleState } from './types.ts';

/** A rectangle on the ground, turned. */
export interface Outline {
  at: Point;
  heading: number;
  lengthM: number;
  widthM: number;
}

/** The outline of a vehicle; a forklift's forks are part of it. */
export function vehicleOutline({ kind, at, heading }: Pick<VehicleState, 'kind' | 'at' | 'heading'>): Outline {
  return { at, heading, ...VEHICLE_SIZE[kind] };
}

/** From a point to the nearest of an outline; 0 inside. */
export function distanceToOutline(outline: Outline, point: Point): number {
  const { x, y } = inFrameOf(outline, point);
  return Math.hypot(Math.max(0, Math.abs(x) - outline.lengthM / 2), Math.max(0, Math.abs(y) - outline.widthM / 2));
}

/** Whether two outlines meet (separating axes). */
export function outlinesMeet(a: Outline, b: Outline): boolean {
  return !separates(a, b) && !separates(b, a);
}

/** Even–odd rule; of points on the edge those on the west and south sides are inside. */
export function insideArea(polygon: readonly Point[], { x, y }: Point): boolean {
  let inside = false;
  for (const [index, b] of polygon.entries()) {
    const a = polygon.at(index - 1) ?? b;
    if (a.y > y !== b.y > y && x < a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x)) inside = !inside;
  }
  return inside;
}

/** From a point to the nearest edge of an area, inside or outside. */
export function distanceToEdge(polygon: readonly Point[], point: Point): number {
  return Math.min(...polygon.map((b, index) => distanceToSegment(polygon.at(index - 1) ?? b, b, point)));
}

export function surfaceOf(polygon: readonly Point[]): number {
  const twice = polygon.reduce((sum, b, index) => {
    const a = polygon.at(index - 1) ?? b;
    return sum + a.x * b.y - b.x * a.y;
  }, 0);
  return Math.abs(twice) / 2;
}

/** Seen along from → to: positive left, negative right. */
export function sideOf({ from, to }: GroundLine, { x, y }: Point): number {
  return (to.x - from.x) * (y - from.y) - (to.y - from.y) * (x - from.x);
}

/** Which way a step cuts the line's segment: `in` is from left to right. */
export function crossing(line: GroundLine, before: Point, after: Point): 'in' | 'out' | null {
  const wasLeft = sideOf(line, before) > 0;
  if (wasLeft === sideOf(line, after) > 0) return null;
  const step = { id: '', from: before, to: after };
  if (sideOf(step, line.from) * sideOf(step, line.to) > 0) return null;
  return wasLeft ? 'in' : 'out';
}

export function distanceBetween(a: Point, b: Point): number {
  return Math.hypot(b.x - a.x, b.y - a.y);
}

function distanceToSegment(a: Point, b: Point, p: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length2 = dx * dx + dy * dy;
  const t = length2 === 0 ? 0 : Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2));
  return Math.hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/** x along the outline, y to its left. */
function inFrameOf({ at, heading }: Outline, point: Point): Point {
  const [dx, dy] = [point.x - at.x, point.y - at.y];
  const [c, s] = [Math.cos(heading), Math.sin(heading)];
  return { x: c * dx + s * dy, y: c * dy - s * dx };
}

function corners({ at, heading, lengthM, widthM }: Outline): Point[] {
  const [c, s] = [Math.cos(heading), Math.sin(heading)];
  return [
    [1, 1],
    [-1, 1],
    [-1, -1],
    [1, -1],
  ].map(([along = 0, across = 0]) => {
    const [x, y] = [(along * lengthM) / 2, (across * widthM) / 2];
    return { x: at.x + c * x - s * y, y: at.y + s * x + c * y };
  });
}

function separates(axes: Outline, other: Outline): boolean {
  const seen = corners(other).map((corner) => inFrameOf(axes, corner));
  const apart = (values: number[], half: number): boolean => Math.min(...values) > half || Math.max(...values) < -half;
  return (
    apart(
      seen.map(({ x }) => x),
      axes.lengthM / 2,
    ) ||
    apart(
      seen.map(({ y }) => y),
      axes.widthM / 2,
    )
  );
}
