import type { Box } from '../../runtime/messages/types.ts';

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
