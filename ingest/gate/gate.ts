import type { MotionOptions, Polygon } from '../../runtime/messages/types.ts';
import { cellsOutside } from './cells.ts';

/** What one picture told. */
export interface Look {
  /** The gate is open: something moves, or did within `hold_s`. */
  open: boolean;
  /** Share of the looked-at cells that differ from the background, 0-1. */
  share: number;
  /** Light or scene changed as a whole: look now. */
  changed: boolean;
  /** After such a change the picture has come to rest: look once more; the background is new. */
  settled: boolean;
}

/** Time in which the background takes a change in: slow while something moves, so that who stands is kept. */
const ADAPT_CLOSED_S = 3;
const ADAPT_OPEN_S = 20;
const NOISE_S = 5;
/** A cell's own noise counts this many times on top of the threshold. */
const NOISE_FACTOR = 3;
const NOISE_START = 2;
const NOISE_MAX = 20;
/** So many of the cells at once is light, not somebody. */
const CHANGE_SHARE = 0.5;
/** A shift of the whole picture's brightness, grey levels. */
const CHANGE_MEAN = 10;
/** Rest: from picture to picture no more than this. */
const SETTLE_MEAN = 1.5;
const SETTLE_LIMIT_S = 3;

/**
 * Motion gate on low-resolution luma: differences from a background that adapts, each cell against its
 * own noise, with hysteresis. A change of light opens it like motion: people arrive with headlights
 * and switches. Logic runs on capture time; no allocation per picture.
 */
export class MotionGate {
  readonly #width: number;
  readonly #height: number;
  #options: MotionOptions;
  #cells: Uint32Array;
  readonly #background: Float32Array;
  readonly #noise: Float32Array;
  #known = false;
  #open = false;
  #lastMotionMs = Number.NEGATIVE_INFINITY;
  #lastMs = 0;
  #lastMean = 0;
  #changingSince: number | null = null;

  constructor(width: number, height: number, options: MotionOptions, ignoreMasks: readonly Polygon[]) {
    this.#width = width;
    this.#height = height;
    this.#options = options;
    this.#cells = cellsOutside(ignoreMasks, width, height);
    this.#background = new Float32Array(width * height);
    this.#noise = new Float32Array(width * height).fill(NOISE_START);
  }

  /** Takes other options and masks without losing the background. */
  configure(options: MotionOptions, ignoreMasks: readonly Polygon[]): void {
    this.#options = options;
    this.#cells = cellsOutside(ignoreMasks, this.#width, this.#height);
  }

  /** @param luma `width * height` bytes @param timeMs capture time */
  look(luma: Uint8Array, timeMs: number): Look {
    const mean = this.#mean(luma);
    if (!this.#known) {
      this.#known = true;
      this.#lastMs = timeMs;
      this.#lastMean = mean;
      this.#reset(luma);
      return { open: false, share: 0, changed: true, settled: true };
    }
    const seconds = Math.max(0, Math.min(1, (timeMs - this.#lastMs) / 1000));
    this.#lastMs = timeMs;
    const { share, shift } = this.#compare(luma, seconds);
    const rest = Math.abs(mean - this.#lastMean) < SETTLE_MEAN;
    this.#lastMean = mean;

    const changed = this.#changingSince === null && (share > CHANGE_SHARE || Math.abs(shift) > CHANGE_MEAN);
    if (changed) this.#changingSince = timeMs;
    let settled = false;
    if (this.#changingSince !== null && !changed) {
      const late = timeMs - this.#changingSince > SETTLE_LIMIT_S * 1000;
      if (rest || late) {
        this.#changingSince = null;
        settled = true;
        this.#reset(luma);
      }
    }
    const { open_share, close_share, hold_s } = this.#options;
    if (share >= (this.#open ? close_share : open_share) || changed) {
      this.#open = true;
      this.#lastMotionMs = timeMs;
    } else if (this.#open && timeMs - this.#lastMotionMs > hold_s * 1000) {
      this.#open = false;
    }
    return { open: this.#open, share, changed, settled };
  }

  #mean(luma: Uint8Array): number {
    const cells = this.#cells;
    let sum = 0;
    for (let i = 0; i < cells.length; i += 1) sum += luma[cells[i] ?? 0] ?? 0;
    return cells.length === 0 ? 0 : sum / cells.length;
  }

  #reset(luma: Uint8Array): void {
    for (let i = 0; i < this.#background.length; i += 1) this.#background[i] = luma[i] ?? 0;
  }

  #compare(luma: Uint8Array, seconds: number): { share: number; shift: number } {
    const cells = this.#cells;
    const background = this.#background;
    const noise = this.#noise;
    const { threshold } = this.#options;
    const adapt = Math.min(1, seconds / (this.#open ? ADAPT_OPEN_S : ADAPT_CLOSED_S));
    const learn = Math.min(1, seconds / NOISE_S);
    let moved = 0;
    let shift = 0;
    for (let i = 0; i < cells.length; i += 1) {
      const cell = cells[i] ?? 0;
      const difference = (luma[cell] ?? 0) - (background[cell] ?? 0);
      const size = Math.abs(difference);
      const own = noise[cell] ?? 0;
      shift += difference;
      if (size > threshold + NOISE_FACTOR * own) moved += 1;
      // Only what is not motion teaches what noise is; night makes it grow within seconds.
      else noise[cell] = Math.min(NOISE_MAX, own + (size - own) * learn);
      background[cell] = (background[cell] ?? 0) + difference * adapt;
    }
    return cells.length === 0 ? { share: 0, shift: 0 } : { share: moved / cells.length, shift: shift / cells.length };
  }
}
