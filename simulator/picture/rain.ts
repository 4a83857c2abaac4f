import type { Planes } from './convert.ts';
import { graded, RAIN_STREAKS } from './grades.ts';
import { share, tickOf } from './hash.ts';

/** Horizontal way of a drop per vertical pixel, by seed: the wind. */
export function slantOf(seed: number): number {
  return -0.25 + 0.5 * share(seed, 31);
}

/**
 * Streaks of drops near the camera. A drop falls through the picture between two frames, so each frame has
 * its own (Garg and Nayar, Vision and Rain, IJCV 2007: brighter than what is behind, semi-transparent).
 */
export function rainStreaks(picture: Planes, grade: number, seed: number, t: number): void {
  if (grade <= 0) return;
  const { width, height, y } = picture;
  const tick = tickOf(t);
  const slant = slantOf(seed);
  const count = Math.round((graded(grade, RAIN_STREAKS) * width * height) / (960 * 540));
  for (let drop = 0; drop < count; drop++) {
    const near = share(seed ^ 0x7a1, tick, drop * 4) ** 3;
    const length = Math.round(height * (0.03 + 0.13 * near));
    const wide = near > 0.6 ? 2 : 1;
    const strength = 0.12 + 0.2 * share(seed ^ 0x7a1, tick, drop * 4 + 1);
    const left = share(seed ^ 0x7a1, tick, drop * 4 + 2) * width;
    const top = Math.floor(share(seed ^ 0x7a1, tick, drop * 4 + 3) * (height + length)) - length;
    for (let step = Math.max(0, -top); step < length && top + step < height; step++) {
      // Faint at both ends.
      const alpha = strength * Math.min(1, (4 * Math.min(step + 1, length - step)) / length);
      const x = Math.floor(left + slant * step);
      if (x < 0 || x + wide > width) continue;
      const at = (top + step) * width + x;
      for (let i = at; i < at + wide; i++) y[i] = (y[i] as number) + alpha * (225 - (y[i] as number));
    }
  }
}
