import type { Conditions } from '../world/types.ts';

/** Towards the sun; it stays there, and goes red and weak with dusk. */
export const SUN = unit(-0.52, -0.46, 0.72);

type Light3 = readonly [red: number, green: number, blue: number];

/** Light over the site; 1 shows a surface in its own colour. Linear, not gamma-encoded. */
export interface Light {
  /** The same for lights that differ in `cover` alone, if in anything. */
  key: string;
  /** How much of the sun clouds take now, 0–1. */
  cover: number;
  /** Grade 0–3. */
  night: number;
  /** 0–1. */
  rain: number;
  sun: Light3;
  sky: Light3;
  /** Of a lamp, right below it. */
  lamp: Light3;
  /** How brightly lamps themselves shine, 0–1. */
  lampOn: number;
  /** 0 dry … 1 puddles. */
  wet: number;
  /** Of far things, sRGB 0–255, and its strength per metre. */
  haze: Light3;
  hazePerM: number;
  skyTop: Light3;
  horizon: Light3;
  clouds: number;
}

/** Steps between grades of night and clouds: light changes in steps too small to see, so that a scene can be kept. */
const NIGHT_STEPS = 32;
const CLOUD_STEPS = 48;
const RAIN_STEPS = 4;

/** Grades 0–3 of night. Lamps come on about grade 1.5; an exposure that follows the dark is in the figures. */
const NIGHT: Record<'sun' | 'sky' | 'lamp' | 'top' | 'horizon', readonly [Light3, Light3, Light3, Light3]> = {
  sun: [
    [1.42, 1.32, 1.14],
    [1.15, 0.84, 0.52],
    [0.1, 0.06, 0.04],
    [0.012, 0.016, 0.028],
  ],
  sky: [
    [0.36, 0.42, 0.52],
    [0.32, 0.34, 0.42],
    [0.12, 0.14, 0.2],
    [0.022, 0.029, 0.05],
  ],
  lamp: [
    [0, 0, 0],
    [0, 0, 0],
    [0.85, 0.7, 0.48],
    [1.15, 0.93, 0.62],
  ],
  top: [
    [70, 136, 216],
    [86, 112, 158],
    [36, 48, 84],
    [7, 10, 20],
  ],
  horizon: [
    [198, 216, 232],
    [236, 196, 156],
    [124, 96, 100],
    [26, 28, 40],
  ],
};

export function lightOf(conditions: Conditions, t: number, seed: number): Light {
  const night = Math.round(clamp(conditions.night, 0, 3) * NIGHT_STEPS) / NIGHT_STEPS;
  const cover = Math.round(passing(conditions.clouds, t, seed) * CLOUD_STEPS) / CLOUD_STEPS;
  const rain = Math.round((clamp(conditions.rain, 0, 3) / 3) * 3 * RAIN_STEPS) / (3 * RAIN_STEPS);
  return light(night, cover, rain, clamp(0.6 + clamp(conditions.clouds, 0, 3) / 6 + Math.min(1, 1.6 * rain), 0, 1));
}

/** The same hour and weather with the sun otherwise covered. */
export function underCover({ night, rain, clouds }: Light, cover: number): Light {
  return light(night, cover, rain, clouds);
}

/** @param night grade 0–3. @param cover of the sun, 0–1. @param rain 0–1. @param clouds that are seen in the sky, 0–1. */
function light(night: number, cover: number, rain: number, clouds: number): Light {
  const dull = Math.min(1, 1.6 * rain);
  const open = (1 - 0.9 * cover) * (1 - 0.75 * dull);
  const grey = Math.max(cover * 0.7, dull);
  const sun = scale(between(NIGHT.sun, night), open);
  const sky = scale(greyed(between(NIGHT.sky, night), grey), 1 + 0.22 * grey - 0.3 * dull);
  const skyDim = 1 - 0.22 * grey;
  const top = scale(greyed(between(NIGHT.top, night), grey), skyDim);
  const horizon = scale(greyed(between(NIGHT.horizon, night), grey), skyDim);
  return {
    key: `${night}/${rain}/${clouds}`,
    night,
    cover,
    rain,
    sun,
    sky,
    lamp: between(NIGHT.lamp, night),
    lampOn: clamp((night - 1.2) / 0.6, 0, 1),
    wet: Math.min(1, 1.3 * rain),
    haze: horizon,
    hazePerM: 0.0016 + 0.004 * rain,
    skyTop: top,
    horizon,
    clouds,
  };
}

/** How much of the sun the clouds that pass take, 0–1: slow, uneven, gone altogether at grade 0. */
function passing(grade: number, t: number, seed: number): number {
  if (grade <= 0) return 0;
  const phase = (seed % 997) / 7;
  const wave = 0.5 + 0.32 * Math.sin(t / 5.3 + phase) + 0.18 * Math.sin(t / 2.1 + 2.7 * phase);
  return clamp(grade / 3, 0, 1) * (0.3 + 0.7 * wave);
}

const GAMMA_SIZE = 1024;
const GAMMA_MAX = 2.5;
const GAMMA = Float32Array.from({ length: GAMMA_SIZE + 1 }, (_, i) => ((i / GAMMA_SIZE) * GAMMA_MAX) ** (1 / 2.2));

/** Gamma-encoded factor of a linear light: what an sRGB colour is multiplied with. */
export function encoded(light: number): number {
  const at = light * (GAMMA_SIZE / GAMMA_MAX);
  return GAMMA[at >= GAMMA_SIZE ? GAMMA_SIZE : at | 0] as number;
}

/** Brighter than this, an sRGB value is bent towards 255 instead of cut. */
const SHOULDER = 200;

/** sRGB values up to 511, bent to bytes. */
export const BYTES = Uint8Array.from({ length: 512 }, (_, value) =>
  value <= SHOULDER
    ? value
    : Math.round(SHOULDER + (255 - SHOULDER) * (1 - Math.exp(-(value - SHOULDER) / (255 - SHOULDER)))),
);

function between(steps: readonly [Light3, Light3, Light3, Light3], grade: number): Light3 {
  const below = Math.min(2, Math.floor(grade));
  const [from, to] = [steps[below] ?? steps[0], steps[below + 1] ?? steps[3]];
  const share = grade - below;
  return [0, 1, 2].map((i) => (from[i] ?? 0) * (1 - share) + (to[i] ?? 0) * share) as unknown as Light3;
}

function scale([r, g, b]: Light3, factor: number): Light3 {
  return [r * factor, g * factor, b * factor];
}

function greyed([r, g, b]: Light3, share: number): Light3 {
  const grey = 0.3 * r + 0.59 * g + 0.11 * b;
  return [r + (grey - r) * share, g + (grey - g) * share, b + (grey - b) * share];
}

export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : Math.min(value, high);
}

function unit(x: number, y: number, z: number): { x: number; y: number; z: number } {
  const length = Math.hypot(x, y, z);
  return { x: x / length, y: y / length, z: z / length };
}
