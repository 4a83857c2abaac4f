import type { Conditions } from '../world/types.ts';
import type { Planes } from './convert.ts';
import { BEAM_LEVELS, FLICKER_DEPTH, graded, RAIN_VEIL, SWITCHED_GAIN } from './grades.ts';
import { share } from './hash.ts';

/**
 * Lamps pulse at twice the mains frequency; against a frame rate that nearly divides it, that is seen as
 * this slow beat, and as bands because rows are exposed one after the other.
 */
export const FLICKER_BEAT_HZ = 1.3;
/** Periods from the first row to the last. */
const FLICKER_BANDS = 0.6;
/** Grey of rain in the air, luma. */
const VEIL_LUMA = 140;
/** A vehicle passes about this often; its beam crosses the picture in this time. */
const BEAM_EVERY_S = 9;
const BEAM_LASTS_S = 3;

/** Brightness of a row: flicker and lamps just switched. */
export function rowGain(
  conditions: Pick<Conditions, 'flicker' | 'switched'>,
  seed: number,
  t: number,
  row: number,
  height: number,
): number {
  const depth = graded(conditions.flicker, FLICKER_DEPTH);
  const phase = FLICKER_BEAT_HZ * t + (FLICKER_BANDS * row) / height + share(seed, 11);
  return (1 + graded(conditions.switched, SWITCHED_GAIN)) * (1 + depth * Math.sin(2 * Math.PI * phase));
}

/** Flicker, switched lamps and the veil of rain, in one pass. */
export function applyGain(picture: Planes, conditions: Conditions, seed: number, t: number): void {
  const { flicker, switched, rain } = conditions;
  if (flicker <= 0 && switched <= 0 && rain <= 0) return;
  const { width, height, y, u, v } = picture;
  const veil = graded(rain, RAIN_VEIL);
  for (let row = 0; row < height; row++) {
    const gain = rowGain(conditions, seed, t, row, height) * (1 - veil);
    const scale = Math.round(gain * 4096);
    const offset = Math.round((16 - 16 * gain + (VEIL_LUMA - 16) * veil) * 4096) + 2048;
    const end = (row + 1) * width;
    for (let i = row * width; i < end; i++) y[i] = ((y[i] as number) * scale + offset) >> 12;
    if (row % 2 === 1) continue;
    const shift = Math.round((128 - 128 * gain) * 4096) + 2048;
    const chromaEnd = ((row / 2 + 1) * width) / 2;
    for (let i = chromaEnd - width / 2; i < chromaEnd; i++) {
      u[i] = ((u[i] as number) * scale + shift) >> 12;
      v[i] = ((v[i] as number) * scale + shift) >> 12;
    }
  }
}

/** A beam on its way through the picture, normalized; null while none passes. */
export function beamAt(seed: number, t: number): { x: number; y: number; spread: number } | null {
  const round = Math.floor(t / BEAM_EVERY_S);
  const begins = share(seed, 21, round) * (BEAM_EVERY_S - BEAM_LASTS_S);
  const way = (t - round * BEAM_EVERY_S - begins) / BEAM_LASTS_S;
  if (way < 0 || way >= 1) return null;
  const spread = 0.1 + 0.08 * share(seed, 22, round);
  const from = share(seed, 23, round) < 0.5 ? way : 1 - way;
  return { x: -2 * spread + from * (1 + 4 * spread), y: 0.45 + 0.35 * share(seed, 24, round), spread };
}

/** Headlights of vehicles outside the picture: light that sweeps over what is there. */
export class HeadlightSweep {
  readonly #across: Float32Array;

  constructor(width: number) {
    this.#across = new Float32Array(width);
  }

  apply(picture: Planes, grade: number, seed: number, t: number): void {
    if (grade <= 0) return;
    const beam = beamAt(seed, t);
    if (beam === null) return;
    const { width, height, y } = picture;
    const levels = graded(grade, BEAM_LEVELS);
    const across = this.#across;
    const left = Math.max(0, Math.floor((beam.x - 3 * beam.spread) * width));
    const right = Math.min(width, Math.ceil((beam.x + 3 * beam.spread) * width));
    for (let x = left; x < right; x++) across[x] = Math.exp(-0.5 * ((x / width - beam.x) / beam.spread) ** 2);
    const tall = beam.spread * 0.8;
    const top = Math.max(0, Math.floor((beam.y - 3 * tall) * height));
    const bottom = Math.min(height, Math.ceil((beam.y + 3 * tall) * height));
    for (let row = top; row < bottom; row++) {
      const down = levels * Math.exp(-0.5 * ((row / height - beam.y) / tall) ** 2);
      for (let x = left, i = row * width + left; x < right; x++, i++) {
        // Half falls on the ground as light does, in proportion; half is glare.
        const was = y[i] as number;
        y[i] = was + down * (across[x] as number) * (0.5 + was / 256);
      }
    }
  }
}
