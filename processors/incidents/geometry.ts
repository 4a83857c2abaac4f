/**
 * Geometry of zones and lines in normalized picture coordinates, x right, y down. CONTRACTS, Geometry.
 * Distances are normalized too: 0.01 is one hundredth of the picture in either direction.
 */
import type { Box, Point, Polygon } from '../../runtime/messages/types.ts';

/** Half-width of what counts as being on an edge or a line: an object there has not changed sides. */
export const HYSTERESIS = 0.01;
/** Distances under this are rounding errors of normalized coordinates, far below a pixel. */
const EPSILON = 1e-9;

/** Where an object stands: the bottom centre of its box, clamped to the picture. */
export function groundPoint([x1, , x2, y2]: Box): Point {
  return [clamp((x1 + x2) / 2), clamp(y2)];
}

/** Of the part inside the picture, as a share of it (0-1). */
export function boxArea([x1, y1, x2, y2]: Box): number {
  return (clamp(x2) - clamp(x1)) * (clamp(y2) - clamp(y1));
}

/** Even-odd rule; a point on an edge is inside. */
export function insidePolygon(polygon: Polygon, point: Point): boolean {
  const [x, y] = point;
  let inside = false;
  for (const [a, b] of edges(polygon)) {
    if (distanceToSegment(a, b, point) <= EPSILON) return true;
    if (a[1] > y !== b[1] > y && x < a[0] + ((y - a[1]) / (b[1] - a[1])) * (b[0] - a[0])) inside = !inside;
  }
  return inside;
}

/**
 * Whether an object is in a zone, with memory: it comes in by crossing the edge and is out again only
 * when it is further than the hysteresis band from it, so that nobody on the edge flickers.
 */
export function insideZone(polygon: Polygon, point: Point, wasInside: boolean): boolean {
  if (insidePolygon(polygon, point)) return true;
  return wasInside && edges(polygon).some(([a, b]) => distanceToSegment(a, b, point) <= HYSTERESIS + EPSILON);
}

/** Shortest distance from a point to the segment from a to b. */
export function distanceToSegment(a: Point, b: Point, [x, y]: Point): number {
  const dx = b[0] - a[0];
  const dy = b[1] - a[1];
  const length2 = dx * dx + dy * dy;
  const t = length2 === 0 ? 0 : clamp(((x - a[0]) * dx + (y - a[1]) * dy) / length2);
  return Math.hypot(x - a[0] - t * dx, y - a[1] - t * dy);
}

/** cross(b−a, p−a): negative left of the line seen along a→b in the picture, positive right of it. */
export function side(a: Point, b: Point, p: Point): number {
  return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);
}

/** Far enough from the line for its side to be believed. */
export function clearOfLine([a, b]: readonly [Point, Point], point: Point): boolean {
  return distanceToSegment(a, b, point) >= HYSTERESIS - EPSILON;
}

/**
 * Which way the path between two points cuts the segment of a line; null when it does not, or when an
 * end is nearer to it than the hysteresis. `in`: from left to right seen along a→b.
 */
export function crossing(line: readonly [Point, Point], from: Point, to: Point): 'in' | 'out' | null {
  const [a, b] = line;
  if (!clearOfLine(line, from) || !clearOfLine(line, to)) return null;
  const before = side(a, b, from);
  const after = side(a, b, to);
  if (before === 0 || after === 0 || before > 0 === after > 0) return null;
  // The line's ends must lie on different sides of the path, or on it.
  if (side(from, to, a) * side(from, to, b) > 0) return null;
  return before < 0 ? 'in' : 'out';
}

function edges(polygon: Polygon): [Point, Point][] {
  return polygon.map((point, index): [Point, Point] => [polygon.at(index - 1) ?? point, point]);
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
