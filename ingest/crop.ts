import type { Box } from '../runtime/messages/types.ts';
import { type I420Layout, i420Layout, type Plane } from './i420.ts';

/** A box in whole pixels, even, inside the picture and at least 16 wide and high. */
export interface Crop {
  x: number;
  y: number;
  width: number;
  height: number;
}

const MIN_PX = 16;
const even = (value: number): number => Math.floor(value / 2) * 2;

/** @param box normalized @param width of the picture, pixels, at least 16 */
export function cropOf([x1, y1, x2, y2]: Box, width: number, height: number): Crop {
  const x = Math.min(even(x1 * width), Math.max(0, even(width) - MIN_PX));
  const y = Math.min(even(y1 * height), Math.max(0, even(height) - MIN_PX));
  return {
    x,
    y,
    width: Math.max(MIN_PX, Math.min(even(x2 * width) - x, even(width - x))),
    height: Math.max(MIN_PX, Math.min(even(y2 * height) - y, even(height - y))),
  };
}

/** Copies a crop out of a picture into `target`, laid out by `i420Layout(crop.width, crop.height)`. */
export function copyCrop(picture: Buffer, from: I420Layout, crop: Crop, target: Buffer): void {
  const to = i420Layout(crop.width, crop.height);
  copyPlane(picture, from.y, crop.x, crop.y, target, to.y);
  copyPlane(picture, from.u, crop.x / 2, crop.y / 2, target, to.u);
  copyPlane(picture, from.v, crop.x / 2, crop.y / 2, target, to.v);
}

function copyPlane(picture: Buffer, from: Plane, x: number, y: number, target: Buffer, to: Plane): void {
  for (let row = 0; row < to.height; row += 1) {
    const at = from.offset + (y + row) * from.stride + x;
    picture.copy(target, to.offset + row * to.stride, at, at + to.width);
  }
}
