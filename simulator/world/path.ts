import type { Point } from './types.ts';

export interface PathPoint {
  at: Point;
  /** Of the tangent, radians, never jumping by a turn along one path. */
  heading: number;
  /** Radians a metre; positive turns left. */
  curvature: number;
}

/** Samples of a corner; a corner of a lorry of 12 m is then drawn to a few millimetres. */
const CORNER_SAMPLES = 48;

/**
 * A way through points whose corners are rounded by quintic Bézier curves that begin and end without
 * curvature: heading and steering are continuous along it.
 */
export class Path {
  readonly lengthM: number;
  readonly #points: PathPoint[] = [];
  /** Distance from the start at each point. */
  readonly #distances: number[] = [];

  /**
   * @param points at least two, neighbours apart from one another.
   * @param cornerM how far before and after a corner the curve begins; less where legs are short.
   */
  constructor(points: readonly Point[], cornerM: number) {
    const corners = rounded(points, cornerM);
    let travelled = 0;
    let before: Point | undefined;
    let heading: number | undefined;
    for (const sample of corners) {
      if (before) travelled += Math.hypot(sample.at.x - before.x, sample.at.y - before.y);
      heading = heading === undefined ? sample.heading : heading + turn(heading, sample.heading);
      this.#points.push({ ...sample, heading });
      this.#distances.push(travelled);
      before = sample.at;
    }
    this.lengthM = travelled;
  }

  /** @param distanceM from the start; held within the path. */
  at(distanceM: number): PathPoint {
    let low = 0;
    let high = this.#distances.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#distances[middle] ?? 0) <= distanceM) low = middle;
      else high = middle;
    }
    const [a, b] = [this.#points[low], this.#points[high]];
    if (!a || !b) throw new Error('a path needs two points');
    const [from, to] = [this.#distances[low] ?? 0, this.#distances[high] ?? 0];
    const share = to > from ? Math.min(1, Math.max(0, (distanceM - from) / (to - from))) : 0;
    const mix = (p: number, q: number): number => p + share * (q - p);
    return {
      at: { x: mix(a.at.x, b.at.x), y: mix(a.at.y, b.at.y) },
      heading: mix(a.heading, b.heading),
      curvature: mix(a.curvature, b.curvature),
    };
  }
}

/** From one heading to another the short way, −π to π. */
export function turn(from: number, to: number): number {
  const angle = (to - from) % (2 * Math.PI);
  return angle > Math.PI ? angle - 2 * Math.PI : angle < -Math.PI ? angle + 2 * Math.PI : angle;
}

/** Distance and speed on a way of given length, from rest to rest. */
export class Ride {
  readonly durationS: number;
  readonly #lengthM: number;
  readonly #speed: number;
  readonly #acceleration: number;

  /** @param speed metres a second at the most; a short way does not reach it. */
  constructor(lengthM: number, speed: number, acceleration: number) {
    this.#lengthM = lengthM;
    this.#acceleration = acceleration;
    this.#speed = Math.min(speed, Math.sqrt(lengthM * acceleration));
    this.durationS = lengthM / this.#speed + this.#speed / acceleration;
  }

  at(t: number): { distanceM: number; speed: number } {
    const left = this.durationS - t;
    if (t <= 0) return { distanceM: 0, speed: 0 };
    if (left <= 0) return { distanceM: this.#lengthM, speed: 0 };
    const ramp = this.#speed / this.#acceleration;
    if (t < ramp) return { distanceM: 0.5 * this.#acceleration * t * t, speed: this.#acceleration * t };
    if (left < ramp) {
      return { distanceM: this.#lengthM - 0.5 * this.#acceleration * left * left, speed: this.#acceleration * left };
    }
    return { distanceM: this.#speed * (t - 0.5 * ramp), speed: this.#speed };
  }
}

function rounded(points: readonly Point[], cornerM: number): PathPoint[] {
  const samples: PathPoint[] = [];
  for (const [index, corner] of points.entries()) {
    const [before, after] = [points[index - 1], points[index + 1]];
    const arrive = before && direction(before, corner);
    const leave = after && direction(corner, after);
    if (arrive && leave && before && after) {
      // Half of a leg belongs to each of its corners.
      const reach = Math.min(cornerM, 0.5 * distance(before, corner), 0.5 * distance(corner, after));
      samples.push(...bend(corner, arrive, leave, reach));
    } else {
      const along = arrive ?? leave;
      if (!along) throw new Error('a path needs two points');
      samples.push({ at: corner, heading: Math.atan2(along.y, along.x), curvature: 0 });
    }
  }
  return samples;
}

/** Control points of the first half, in shares of the reach before the corner; the second half mirrors it. */
const CONTROLS = [1, 0.65, 0.25] as const;

function bend(corner: Point, arrive: Point, leave: Point, reach: number): PathPoint[] {
  const [far, middle, near] = CONTROLS;
  const on = (along: Point, m: number): Point => ({ x: corner.x + along.x * m, y: corner.y + along.y * m });
  const controls = [
    ...[far, middle, near].map((share) => on(arrive, -share * reach)),
    ...[near, middle, far].map((share) => on(leave, share * reach)),
  ];
  const first = differences(controls);
  const second = differences(first);
  return Array.from({ length: CORNER_SAMPLES + 1 }, (_, index) => {
    const u = index / CORNER_SAMPLES;
    const at = bezier(controls, u);
    const d1 = bezier(first, u);
    const d2 = bezier(second, u);
    const speed = 5 * Math.hypot(d1.x, d1.y);
    const curvature = speed === 0 ? 0 : (5 * 5 * 4 * (d1.x * d2.y - d1.y * d2.x)) / speed ** 3;
    return { at, heading: Math.atan2(d1.y, d1.x), curvature };
  });
}

function differences(points: readonly Point[]): Point[] {
  return points.slice(1).map((point, index) => {
    const before = points[index] ?? point;
    return { x: point.x - before.x, y: point.y - before.y };
  });
}

/** De Casteljau. */
function bezier(controls: readonly Point[], u: number): Point {
  let points = [...controls];
  while (points.length > 1) {
    points = points.slice(1).map((point, index) => {
      const before = points[index] ?? point;
      return { x: before.x + u * (point.x - before.x), y: before.y + u * (point.y - before.y) };
    });
  }
  return points[0] ?? { x: 0, y: 0 };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(b.x - a.x, b.y - a.y);
}

function direction(a: Point, b: Point): Point {
  const length = distance(a, b);
  if (length === 0) throw new Error('a path stays where it is');
  return { x: (b.x - a.x) / length, y: (b.y - a.y) / length };
}
