/** What can be wrong with an area. Pure geometry on normalized points. */
import type { Point } from '../runtime/messages/types.ts';

/** A thousandth of a thousandth of the picture: under it no point can be inside. */
const LEAST_AREA = 1e-6;
const MAX_CORNERS = 200;

/** @returns what is wrong, or undefined. */
export function polygonFault(corners: readonly Point[]): string | undefined {
  const open = withoutClosingCorner(corners);
  if (open.length < 3) return `has ${open.length} corners; an area needs at least 3`;
  if (open.length > MAX_CORNERS) return `has ${open.length} corners; at most ${MAX_CORNERS}`;
  const crossing = firstCrossing(open);
  if (crossing) return `crosses itself: edge ${crossing[0] + 1} and edge ${crossing[1] + 1} meet`;
  if (Math.abs(signedArea(open)) < LEAST_AREA) return 'has no area';
  return undefined;
}

/** Shoelace formula; positive where corners go clockwise in the picture (y down). */
export function signedArea(corners: readonly Point[]): number {
  let twice = 0;
  for (const [index, [x, y]] of corners.entries()) {
    const [nextX, nextY] = corners[(index + 1) % corners.length] ?? [x, y];
    twice += x * nextY - nextX * y;
  }
  return twice / 2;
}

/** Some tools repeat the first corner at the end. */
function withoutClosingCorner(corners: readonly Point[]): readonly Point[] {
  const [first, last] = [corners[0], corners.at(-1)];
  const closed = corners.length > 1 && first && last && first[0] === last[0] && first[1] === last[1];
  return closed ? corners.slice(0, -1) : corners;
}

/**
 * First pair of edges (by index of their first corner) that meet elsewhere than at the corner which
 * neighbours share. O(n²), n bounded. Corners all on one line are left to the area check.
 */
function firstCrossing(corners: readonly Point[]): [number, number] | undefined {
  if (Math.abs(signedArea(corners)) < LEAST_AREA && collinear(corners)) return undefined;
  const count = corners.length;
  const corner = (index: number): Point => corners[index % count] ?? [0, 0];
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const neighbours = j === i + 1 || (i === 0 && j === count - 1);
      const [a, b, c, d] = [corner(i), corner(i + 1), corner(j), corner(j + 1)];
      if (neighbours ? foldsBack(a, b, c, d) : segmentsMeet(a, b, c, d)) return [i, j];
    }
  }
  return undefined;
}

const cross = (o: Point, a: Point, b: Point): number => (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
const EPSILON = 1e-12;
const side = (o: Point, a: Point, b: Point): number => {
  const value = cross(o, a, b);
  return Math.abs(value) < EPSILON ? 0 : Math.sign(value);
};

function collinear(corners: readonly Point[]): boolean {
  const [first] = corners;
  const other = corners.find((corner) => first && (corner[0] !== first[0] || corner[1] !== first[1]));
  return !first || !other || corners.every((corner) => side(first, other, corner) === 0);
}

function within(a: Point, b: Point, p: Point): boolean {
  return (
    Math.min(a[0], b[0]) <= p[0] &&
    p[0] <= Math.max(a[0], b[0]) &&
    Math.min(a[1], b[1]) <= p[1] &&
    p[1] <= Math.max(a[1], b[1])
  );
}

function segmentsMeet(a: Point, b: Point, c: Point, d: Point): boolean {
  const [s1, s2, s3, s4] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (s1 !== s2 && s3 !== s4) return true;
  return (
    (s1 === 0 && within(a, b, c)) ||
    (s2 === 0 && within(a, b, d)) ||
    (s3 === 0 && within(c, d, a)) ||
    (s4 === 0 && within(c, d, b))
  );
}

/** Neighbours share a corner; they cross where one runs back over the other. */
function foldsBack(a: Point, b: Point, c: Point, d: Point): boolean {
  const shared = same(b, c) ? b : a;
  const [p, q] = same(b, c) ? [a, d] : [b, c];
  if (side(shared, p, q) !== 0) return false;
  return (p[0] - shared[0]) * (q[0] - shared[0]) + (p[1] - shared[1]) * (q[1] - shared[1]) > 0;
}

const same = (a: Point, b: Point): boolean => a[0] === b[0] && a[1] === b[1];
