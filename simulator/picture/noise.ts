import type { Conditions } from '../world/types.ts';
import type { Planes } from './convert.ts';
import { graded, NIGHT_NOISE_SD, NOISE_SD } from './grades.ts';
import { hash, share, tickOf } from './hash.ts';

/** Standard deviation of the luma noise, levels of 255: that of the sensor and that of night's gain. */
export function noiseSd(conditions: Pick<Conditions, 'noise' | 'night'>): number {
  return Math.hypot(graded(conditions.noise, NOISE_SD), graded(conditions.night, NIGHT_NOISE_SD));
}

const SIZE = 1 << 18;
const UNIT = 256;
let table: Int16Array | null = null;

/** Gaussian, standard deviation UNIT (Box and Muller 1958). The same for every camera; where it is read differs. */
function gaussians(): Int16Array {
  if (table) return table;
  table = new Int16Array(SIZE);
  for (let i = 0; i < SIZE; i += 2) {
    const radius = UNIT * Math.sqrt(-2 * Math.log(1 - share(0x6a55, i)));
    const angle = 2 * Math.PI * share(0x6a55, i + 1);
    table[i] = Math.round(radius * Math.cos(angle));
    table[i + 1] = Math.round(radius * Math.sin(angle));
  }
  return table;
}

/** Sensor noise: white in luma; in chroma half as strong, and coarser, because it has half the resolution. */
export function addNoise(
  picture: Planes,
  conditions: Pick<Conditions, 'noise' | 'night'>,
  seed: number,
  t: number,
): void {
  const sd = noiseSd(conditions);
  if (sd <= 0) return;
  const tick = tickOf(t);
  noisy(picture.y, picture.width, sd, seed, tick);
  noisy(picture.u, picture.width / 2, sd / 2, seed ^ 0x55, tick);
  noisy(picture.v, picture.width / 2, sd / 2, seed ^ 0xaa, tick);
}

function noisy(plane: Uint8ClampedArray, width: number, sd: number, seed: number, tick: number): void {
  const numbers = gaussians();
  const scale = Math.round((sd * 65536) / UNIT);
  for (let begin = 0, row = 0; begin < plane.length; begin += width, row++) {
    // A row is read from the table at its own place; the table is much longer than a row.
    const shift = (hash(seed, tick, row) % (SIZE - width)) - begin;
    const end = begin + width;
    for (let i = begin; i < end; i++) {
      plane[i] = (plane[i] as number) + (((numbers[i + shift] as number) * scale + 32768) >> 16);
    }
  }
}
