import type { TruthObject } from '../truth.ts';
import type { Conditions } from '../world/types.ts';
import type { Planes } from './convert.ts';
import { COVERED_SHARE, DIRT_OPACITY, graded, REFLECTION_LEVELS } from './grades.ts';
import { share } from './hash.ts';

const DIRT_LUMA = 78;
const COVER_LUMA = 24;
/** The edge of what is so near is out of focus over this share of the picture. */
const COVER_BLUR = 0.15;
const GRID = 48;
/** A pixel of which less than this is the scene's shows nothing of it. */
const LEAST_CLEAR = 0.5;
/** A box is looked at in so many rows and columns. */
const BOX_GRID = 16;

/** Where a map is not zero, so that a frame touches only that. */
interface SpotMap {
  at: Uint32Array;
  /** 0–1. */
  weight: Float32Array;
}

function spots(width: number, height: number, value: (x: number, y: number) => number): SpotMap {
  const at: number[] = [];
  const weight: number[] = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const here = value((column + 0.5) / width, (row + 0.5) / height);
      if (here < 0.01) continue;
      at.push(row * width + column);
      weight.push(Math.min(1, here));
    }
  }
  return { at: Uint32Array.from(at), weight: Float32Array.from(weight) };
}

/** What is on the lens and the pane before it: it stays where it is while the camera moves. */
export class Lens {
  readonly #seed: number;
  readonly #aspect: number;
  #dirt: { luma: SpotMap; chroma: SpotMap } | null = null;
  #panes: SpotMap | null = null;
  #edge: CoverEdge | null = null;

  constructor(seed: number, width: number, height: number) {
    this.#seed = seed;
    this.#aspect = width / height;
  }

  apply(picture: Planes, conditions: Pick<Conditions, 'dirt' | 'reflections' | 'covered'>, t: number): void {
    if (conditions.reflections > 0) this.#reflect(picture, graded(conditions.reflections, REFLECTION_LEVELS), t);
    if (conditions.dirt > 0) this.#soil(picture, graded(conditions.dirt, DIRT_OPACITY));
    if (conditions.covered > 0) this.#cover(picture, graded(conditions.covered, COVERED_SHARE));
  }

  /** The share of a box's pixels that dirt and cover leave in sight: 0–1. */
  inSight([x1, y1, x2, y2]: TruthObject['box'], conditions: Pick<Conditions, 'dirt' | 'covered'>): number {
    const opacity = graded(conditions.dirt, DIRT_OPACITY);
    const edge = conditions.covered > 0 ? this.#edgeOf(graded(conditions.covered, COVERED_SHARE)) : null;
    if (edge === null && 1 - opacity >= LEAST_CLEAR) return 1;
    let seen = 0;
    for (let row = 0; row < BOX_GRID; row++) {
      const y = y1 + ((row + 0.5) / BOX_GRID) * (y2 - y1);
      for (let column = 0; column < BOX_GRID; column++) {
        const x = x1 + ((column + 0.5) / BOX_GRID) * (x2 - x1);
        const outside = edge === null ? 0 : edge.nx * x + edge.ny * y - edge.at;
        const clear = edge === null || outside >= edge.reach ? 1 : 1 - opacityOfCover(outside, edge.reach);
        // Dirt is asked for only where it can matter: it takes longer.
        if (clear < LEAST_CLEAR) continue;
        const soiled = clear * (1 - opacity) >= LEAST_CLEAR ? 0 : opacity * this.#dirtAt(x, y);
        if (clear * (1 - soiled) >= LEAST_CLEAR) seen++;
      }
    }
    return seen / BOX_GRID ** 2;
  }

  #soil(picture: Planes, opacity: number): void {
    const { width, height } = picture;
    this.#dirt ??= {
      luma: spots(width, height, (x, y) => this.#dirtAt(x, y)),
      chroma: spots(width / 2, height / 2, (x, y) => this.#dirtAt(x, y)),
    };
    const blend = (plane: Uint8ClampedArray, { at, weight }: SpotMap, towards: number): void => {
      for (let i = 0; i < at.length; i++) {
        const index = at[i] as number;
        const was = plane[index] as number;
        plane[index] = was + opacity * (weight[i] as number) * (towards - was);
      }
    };
    blend(picture.y, this.#dirt.luma, DIRT_LUMA);
    blend(picture.u, this.#dirt.chroma, 122);
    blend(picture.v, this.#dirt.chroma, 134);
  }

  /** Drops and dust out of focus: soft discs, more of them low in the picture. */
  #dirtAt(x: number, y: number): number {
    let clear = 1;
    for (let spot = 0; spot < 26; spot++) {
      const radius = 0.008 + 0.045 * share(this.#seed, 41, spot) ** 2;
      const dx = (x - share(this.#seed, 42, spot)) / radius;
      const dy = (y - share(this.#seed, 43, spot) ** 0.7) / (radius * this.#aspect);
      const distance = dx * dx + dy * dy;
      if (distance < 1) clear *= 1 - (0.35 + 0.65 * share(this.#seed, 44, spot)) * (1 - distance) ** 0.7;
    }
    return 1 - clear;
  }

  /** Bright windows mirrored in the pane, and within them a ghost of the picture itself, left for right. */
  #reflect(picture: Planes, levels: number, t: number): void {
    const { width, height, y } = picture;
    this.#panes ??= spots(width, height, (x, row) => this.#paneAt(x, row));
    const { at, weight } = this.#panes;
    const now = levels * (0.85 + 0.15 * Math.sin(2 * Math.PI * (t / 17 + share(this.#seed, 51))));
    for (let i = 0; i < at.length; i++) {
      const index = at[i] as number;
      const column = index % width;
      const mirrored = y[index - column + width - 1 - column] as number;
      y[index] = (y[index] as number) + now * (weight[i] as number) * (0.6 + mirrored / 320);
    }
  }

  #paneAt(x: number, y: number): number {
    let sum = 0;
    for (let pane = 0; pane < 3; pane++) {
      const skew = 0.3 * (share(this.#seed, 52, pane) - 0.5);
      const across = (x - share(this.#seed, 53, pane) - skew * (y - 0.5)) / (0.05 + 0.1 * share(this.#seed, 54, pane));
      const down = (y - share(this.#seed, 55, pane)) / (0.1 + 0.15 * share(this.#seed, 56, pane));
      // Soft at its frame, with a bar in the middle as windows have.
      const inside = Math.min(1, 6 * Math.max(0, 1 - Math.max(Math.abs(across), Math.abs(down))));
      sum += inside * (Math.abs(across) < 0.06 ? 0.4 : 1) * (0.5 + 0.5 * share(this.#seed, 57, pane));
    }
    return sum;
  }

  /** Something dark and near pushed in from one side, until `part` of the picture is behind it. */
  #cover({ width, height, y, u, v }: Planes, part: number): void {
    const { nx, ny, at, reach } = this.#edgeOf(part);
    for (let row = 0; row < height; row++) {
      const base = ny * ((row + 0.5) / height) - at;
      const chromaRow = row % 2 === 0 ? ((row / 2) * width) / 2 : -1;
      for (let x = 0, i = row * width; x < width; x++, i++) {
        const outside = base + (nx * (x + 0.5)) / width;
        if (outside >= reach) continue;
        const alpha = opacityOfCover(outside, reach);
        y[i] = (y[i] as number) + alpha * (COVER_LUMA - (y[i] as number));
        if (chromaRow < 0 || x % 2 === 1) continue;
        const c = chromaRow + x / 2;
        u[c] = (u[c] as number) + alpha * (128 - (u[c] as number));
        v[c] = (v[c] as number) + alpha * (128 - (v[c] as number));
      }
    }
  }

  #edgeOf(part: number): CoverEdge {
    if (this.#edge?.part === part) return this.#edge;
    const angle = 2 * Math.PI * share(this.#seed, 61);
    const [nx, ny] = [Math.cos(angle), Math.sin(angle) / this.#aspect];
    // At both ends the blur has left the picture as well.
    const reach = COVER_BLUR * Math.min(1, 8 * part * (1 - part));
    this.#edge = { part, nx, ny, at: quantile(nx, ny, part), reach };
    return this.#edge;
  }
}

/** Behind the cover is where nx·x + ny·y is below `at`; its edge is out of focus for `reach` on both sides. */
interface CoverEdge {
  /** Of the picture, behind it. */
  part: number;
  nx: number;
  ny: number;
  at: number;
  reach: number;
}

/** 0–1. @param outside how far beyond the edge's middle, below `reach`. */
function opacityOfCover(outside: number, reach: number): number {
  return outside <= -reach ? 0.97 : 0.97 * (0.5 - outside / (2 * reach));
}

/** Below what nx·x + ny·y is `part` of the unit square? */
function quantile(nx: number, ny: number, part: number): number {
  if (part >= 1) return 3;
  const values: number[] = [];
  for (let i = 0; i < GRID; i++) {
    for (let j = 0; j < GRID; j++) values.push((nx * (i + 0.5) + ny * (j + 0.5)) / GRID);
  }
  values.sort((a, b) => a - b);
  return values[Math.floor(part * values.length)] ?? 3;
}
