/** What the grades 0–3 of a disturbance are worth; between grades, in proportion. */
export type Scale = readonly [number, number, number, number];

/** @param grade 0–3, also between; beyond is cut. */
export function graded(grade: number, scale: Scale): number {
  const within = Math.min(3, Math.max(0, grade));
  const below = Math.min(2, Math.floor(within));
  const from = scale[below] ?? 0;
  return from + (within - below) * ((scale[below + 1] ?? 0) - from);
}

/** Standard deviation of the noise by `noise` and by `night`, luma levels of 255; they add as variances. */
export const NOISE_SD: Scale = [0, 1.5, 4, 8];
export const NIGHT_NOISE_SD: Scale = [0, 1.5, 4, 9];
/** Half of the swing of brightness. */
export const FLICKER_DEPTH: Scale = [0, 0.03, 0.08, 0.18];
/** Brightness that switched lamps add. */
export const SWITCHED_GAIN: Scale = [0, 0.12, 0.35, 0.8];
/** What a headlight beam adds in its middle, luma levels. */
export const BEAM_LEVELS: Scale = [0, 35, 80, 150];
/** Streaks in a picture of 960 × 540, and the contrast that rain in the air takes. */
export const RAIN_STREAKS: Scale = [0, 60, 180, 450];
export const RAIN_VEIL: Scale = [0, 0.03, 0.08, 0.16];
/** Greatest displacement, in picture widths. */
export const SHAKE_REACH: Scale = [0, 0.0007, 0.0022, 0.006];
export const TURN_REACH: Scale = [0, 0.006, 0.018, 0.04];
/** How opaque the worst spot on the lens is. */
export const DIRT_OPACITY: Scale = [0, 0.35, 0.7, 0.95];
/** Luma levels that the brightest reflection adds. */
export const REFLECTION_LEVELS: Scale = [0, 18, 45, 90];
/** Share of the picture behind what hangs before the lens. */
export const COVERED_SHARE: Scale = [0, 0.15, 0.5, 1];
