/** Value noise for textures: smooth, 0–1, the same everywhere. */

export function hash2(x: number, y: number, seed: number): number {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ Math.imul(seed, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

export function noise2(x: number, y: number, seed: number): number {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  let fx = x - ix;
  let fy = y - iy;
  fx = fx * fx * (3 - 2 * fx);
  fy = fy * fy * (3 - 2 * fy);
  const top = hash2(ix, iy, seed) * (1 - fx) + hash2(ix + 1, iy, seed) * fx;
  const bottom = hash2(ix, iy + 1, seed) * (1 - fx) + hash2(ix + 1, iy + 1, seed) * fx;
  return top * (1 - fy) + bottom * fy;
}

/**
 * Octaves of noise, 0–1, from `frequency` (per metre) up; those finer than a sample of `footprint` metres are
 * left out, so that far ground does not flicker.
 */
export function fractal(
  x: number,
  y: number,
  frequency: number,
  octaves: number,
  seed: number,
  footprint: number,
): number {
  let sum = 0;
  let weight = 0.5;
  let f = frequency;
  for (let i = 0; i < octaves; i++) {
    const sharp = 1.6 - 2.2 * f * footprint;
    if (sharp <= 0) break;
    sum += weight * Math.min(sharp, 1) * (noise2(x * f, y * f, seed + i) - 0.5);
    weight *= 0.55;
    f *= 2.1;
  }
  return 0.5 + sum;
}
