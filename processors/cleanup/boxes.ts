import type { Box } from '../../runtime/messages/types.ts';
import type { Axis } from './motion.ts';

/** 0 for a box that is turned inside out. */
export function area([x1, y1, x2, y2]: Box): number {
  return Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
}

export function overlap(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width <= 0 || height <= 0 ? 0 : width * height;
}

/** Intersection over union, 0-1. */
export function iou(a: Box, b: Box): number {
  const both = overlap(a, b);
  return both === 0 ? 0 : both / (area(a) + area(b) - both);
}

/** Share of `inner` that lies in `outer`, 0-1. */
export function contained(inner: Box, outer: Box): number {
  const own = area(inner);
  return own === 0 ? 0 : overlap(inner, outer) / own;
}

const VEHICLES: readonly string[] = ['car', 'truck', 'bus', 'train'];

/** Classes that detectors take for one another from one frame to the next are one kind. */
export function kindOf(name: string): string {
  return VEHICLES.includes(name) ? 'vehicle' : name;
}

/** Where a box stands and how large it is, in picture heights. */
export function measure(
  [x1, y1, x2, y2]: Box,
  aspect: number,
): { x: number; y: number; width: number; height: number } {
  return {
    x: ((x1 + x2) / 2) * aspect,
    y: y2,
    width: Math.max(1e-4, (x2 - x1) * aspect),
    height: Math.max(1e-4, y2 - y1),
  };
}

/** The box of what stands there; clamped to the picture, as detections are. */
export function boxAt(
  { x, y, width, height }: { x: Axis; y: Axis; width: number; height: number },
  aspect: number,
): Box {
  const left = (x.position - width / 2) / aspect;
  const right = (x.position + width / 2) / aspect;
  return [unit(left), unit(y.position - height), unit(right), unit(y.position)];
}

/** `share` 0: `a`; 1: `b`. */
export function between(a: Box, b: Box, share: number): Box {
  const edge = (index: 0 | 1 | 2 | 3): number => a[index] + share * (b[index] - a[index]);
  return [edge(0), edge(1), edge(2), edge(3)];
}

function unit(value: number): number {
  return Math.min(1, Math.max(0, value));
}
