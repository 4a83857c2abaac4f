import type { Matrix3 } from '../camera.ts';
import type { Planes } from './convert.ts';
import { times } from './matrix.ts';

/** Division by perspective every so many pixels, straight lines between: below 0.01 px off for small turns. */
const SPAN = 16;

/**
 * Shows `from` through a homography, bilinear.
 * @param toRest shown → at rest, both normalized to the shown picture.
 * @param margin by how many pixels `from` is larger than `into` on each side.
 */
export function resample(from: Planes, into: Planes, toRest: Matrix3, margin: number): void {
  plane(from.y, from.width, from.height, into.y, into.width, into.height, toRest, margin);
  const half = [from.width / 2, from.height / 2] as const;
  plane(from.u, ...half, into.u, into.width / 2, into.height / 2, toRest, margin / 2);
  plane(from.v, ...half, into.v, into.width / 2, into.height / 2, toRest, margin / 2);
}

function plane(
  from: Uint8ClampedArray,
  fromWidth: number,
  fromHeight: number,
  into: Uint8ClampedArray,
  width: number,
  height: number,
  toRest: Matrix3,
  margin: number,
): void {
  // Pixel centres are at halves; the source is sampled in whole indices.
  const [a, b, c, d, e, f, g, h, i] = times(
    [width, 0, margin - 0.5, 0, height, margin - 0.5, 0, 0, 1],
    times(toRest, [1 / width, 0, 0.5 / width, 0, 1 / height, 0.5 / height, 0, 0, 1]),
  );
  const lastU = (fromWidth - 1) * 65536 - 1;
  const lastV = (fromHeight - 1) * 65536 - 1;
  const clampU = (u: number): number => Math.min(lastU, Math.max(0, Math.round(u * 65536)));
  const clampV = (v: number): number => Math.min(lastV, Math.max(0, Math.round(v * 65536)));
  let at = 0;
  for (let row = 0; row < height; row++) {
    let w = h * row + i;
    let u = clampU((b * row + c) / w);
    let v = clampV((e * row + f) / w);
    for (let column = 0; column < width; column += SPAN) {
      const next = Math.min(width, column + SPAN);
      w = g * next + h * row + i;
      const endU = clampU((a * next + b * row + c) / w);
      const endV = clampV((d * next + e * row + f) / w);
      const stepU = Math.trunc((endU - u) / (next - column));
      const stepV = Math.trunc((endV - v) / (next - column));
      for (let x = column; x < next; x++) {
        const index = (v >> 16) * fromWidth + (u >> 16);
        const right = (u >> 8) & 255;
        const down = (v >> 8) & 255;
        const nw = from[index] as number;
        const sw = from[index + fromWidth] as number;
        const top = (nw << 8) + ((from[index + 1] as number) - nw) * right;
        const bottom = (sw << 8) + ((from[index + fromWidth + 1] as number) - sw) * right;
        into[at++] = ((top << 8) + (bottom - top) * down + 32768) >> 16;
        u += stepU;
        v += stepV;
      }
      u = endU;
      v = endV;
    }
  }
}
