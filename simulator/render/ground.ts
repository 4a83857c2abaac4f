import { SITE_SIZE } from '../world/plan.ts';
import type { Area, AreaKind, Point, SitePlan } from '../world/types.ts';
import { clamp } from './light.ts';
import { fractal, hash2, noise2 } from './noise.ts';

/** The pit: how deep, and how far its slopes run in from the excavation's edge. Metres. */
export const PIT_DEPTH_M = 1.1;
const SLOPE_M = 1.3;
const LIP_M = 0.15;

interface Shape extends Pick<Area, 'id' | 'kind' | 'polygon'> {
  west: number;
  east: number;
  south: number;
  north: number;
}

/** Colour of a patch of ground: sRGB 0–255, and how much of it stands under water when it rains, 0–1. */
export interface Patch {
  red: number;
  green: number;
  blue: number;
  puddle: number;
}

/** Ground of the site: what it is made of and painted with, and how deep it lies. */
export class Ground {
  readonly #shapes: Shape[];
  readonly #pits: Shape[];
  readonly #track: Point[];
  readonly #plan: SitePlan;
  readonly #seed: number;
  readonly patch: Patch = { red: 0, green: 0, blue: 0, puddle: 0 };

  constructor(plan: SitePlan, seed: number) {
    this.#plan = plan;
    this.#seed = seed & 0xffff;
    this.#shapes = plan.areas.map((area) => ({ ...area, ...extentOf(area.polygon) }));
    this.#pits = this.#shapes.filter(({ kind }) => kind === 'excavation');
    const middle = (kind: AreaKind): Point[] =>
      this.#shapes
        .filter((one) => one.kind === kind)
        .map((one) => ({ x: (one.west + one.east) / 2, y: (one.south + one.north) / 2 }));
    const gate = middle('gate')[0];
    this.#track = [
      ...(gate ? [{ x: gate.x, y: -6 }] : []),
      ...middle('gate'),
      ...middle('yard'),
      ...middle('crane_bay'),
    ];
  }

  /** Metres, 0 or below. */
  height(x: number, y: number): number {
    for (const pit of this.#pits) {
      if (x <= pit.west || x >= pit.east || y <= pit.south || y >= pit.north) continue;
      const inside = distanceIn(pit, x, y);
      if (inside <= LIP_M) continue;
      const way = Math.min(1, (inside - LIP_M) / SLOPE_M);
      const rough = 0.16 * (noise2(x * 1.3, y * 1.3, 91) - 0.5) + 0.05 * (noise2(x * 5, y * 5, 92) - 0.5);
      return Math.min(0, -PIT_DEPTH_M * way * way * (3 - 2 * way) + rough * Math.min(1, 3 * way));
    }
    return 0;
  }

  isPit(x: number, y: number): boolean {
    return this.#pits.some(
      (pit) => x > pit.west && x < pit.east && y > pit.south && y < pit.north && distanceIn(pit, x, y) > LIP_M,
    );
  }

  /** Fills `patch`; `footprint` is how many metres a sample covers. */
  look(x: number, y: number, footprint: number): Patch {
    const seed = this.#seed;
    const big = fractal(x, y, 0.12, 3, seed, footprint);
    const fine = fractal(x, y, 2.2, 4, seed + 20, footprint);
    const p = this.patch;
    p.puddle = clamp((fractal(x, y, 0.35, 3, seed + 40, footprint) - 0.53) * 11, 0, 1);
    const outside = x < -0.3 || y < -0.3 || x > SITE_SIZE.widthM + 0.3 || y > SITE_SIZE.depthM + 0.3;
    if (outside) this.#surroundings(x, y, big, fine, footprint);
    else this.#site(x, y, big, fine, footprint);
    return p;
  }

  #site(x: number, y: number, big: number, fine: number, footprint: number): void {
    const earth = clamp((big - 0.42) * 4, 0, 1);
    set(this.patch, 158 - 26 * earth, 147 - 30 * earth, 128 - 34 * earth);
    const pebble = noise2(x * 14, y * 14, 7) - 0.5;
    let grain = (fine - 0.5) * 62 + pebble * 30 * clamp(1.4 - 14 * footprint, 0, 1);
    let dirt = 0;
    let paving = 0;
    for (const shape of this.#shapes) {
      if (x < shape.west - 1 || x > shape.east + 1 || y < shape.south - 1 || y > shape.north + 1) continue;
      const edge = distanceIn(shape, x, y);
      // Paving ends in a worn, not a straight, edge.
      const worn = edge + (fine - 0.5) * 0.25;
      if (shape.kind === 'yard' && worn > 0) paving = this.#slabs(x, y, big, 166, 165, 160, 4.2, footprint);
      else if (shape.kind === 'crane_bay' && worn > 0) paving = this.#slabs(x, y, big, 148, 148, 146, 3.6, footprint);
      else if (shape.kind === 'gate' && worn > 0) paving = this.#asphalt(big);
      else if (shape.kind === 'walkway' && worn > 0) paving = this.#slabs(x, y, big, 150, 152, 150, 2.4, footprint);
      else if (shape.kind === 'excavation' && edge > -0.6) {
        const damp = clamp(edge / 1.2 + 0.5, 0, 1);
        mixIn(this.patch, 112 + 26 * (fine - 0.5), 86 + 18 * (fine - 0.5), 60, damp);
        this.patch.puddle = edge > 1.4 ? clamp((big - 0.45) * 6, 0, 1) : 0;
        grain *= 1.25;
      }
    }
    if (paving > 0) {
      grain *= 0.42;
      dirt = clamp((fractal(x, y, 0.3, 3, 61, footprint) - 0.5) * 2.2, 0, 0.55);
      mixIn(this.patch, 142, 128, 106, dirt);
    }
    this.#tyres(x, y, fine);
    for (const shape of this.#shapes) {
      if (x < shape.west - 1 || x > shape.east + 1 || y < shape.south - 1 || y > shape.north + 1) continue;
      this.#paint(shape, x, y, distanceIn(shape, x, y), fine, footprint);
    }
    for (const { from, to } of this.#plan.lines) this.#line(segment(x, y, from, to), fine, footprint);
    add(this.patch, grain);
  }

  #slabs(
    x: number,
    y: number,
    big: number,
    red: number,
    green: number,
    blue: number,
    size: number,
    footprint: number,
  ): number {
    const tone = (hash2(Math.floor(x / size), Math.floor(y / size), 5) - 0.5) * 12 + (big - 0.5) * 26;
    set(this.patch, red + tone, green + tone, blue + tone);
    const joint = Math.min(fold(x, size), fold(y, size));
    mixIn(this.patch, 84, 82, 78, 0.75 * cover(0.022 - joint, footprint));
    return 1;
  }

  #asphalt(big: number): number {
    const tone = (big - 0.5) * 30;
    set(this.patch, 98 + tone, 98 + tone, 101 + tone);
    return 1;
  }

  /** Two dark bands where lorries roll. */
  #tyres(x: number, y: number, fine: number): void {
    let near = 99;
    for (let i = 1; i < this.#track.length; i++) {
      const [from, to] = [this.#track[i - 1], this.#track[i]];
      if (from && to) near = Math.min(near, segment(x, y, from, to));
    }
    if (near > 3) return;
    const wander = near + (noise2(x * 0.25, y * 0.25, 77) - 0.5) * 1.1;
    const band = Math.max(0, 1 - Math.abs(wander - 0.95) / 0.3) + 0.5 * Math.max(0, 1 - Math.abs(wander - 1.9) / 0.22);
    mixIn(this.patch, 66, 60, 54, clamp(band, 0, 1) * (0.08 + 0.2 * fine));
  }

  #paint(shape: Shape, x: number, y: number, edge: number, fine: number, footprint: number): void {
    const wear = clamp(1.35 - fine * 1.1, 0.15, 0.92);
    switch (shape.kind) {
      case 'walkway': {
        mixIn(this.patch, 74, 128, 96, edge > 0.22 ? wear * 0.55 : 0);
        mixIn(this.patch, 236, 234, 222, wear * cover(0.07 - Math.abs(edge - 0.16), footprint));
        const along = shape.east - shape.west > shape.north - shape.south ? x - shape.west : y - shape.south;
        const stripe = cover(0.3 - Math.abs(fold2(along, 1.7)), footprint) * cover(edge - 0.85, footprint);
        mixIn(this.patch, 236, 234, 222, wear * stripe * 0.8);
        break;
      }
      case 'yard':
        mixIn(this.patch, 232, 232, 226, wear * 0.9 * cover(0.06 - Math.abs(edge - 0.1), footprint));
        break;
      case 'crane_bay': {
        const hatch = cover(0.17 - Math.abs(fold2(x + y, 0.7)), footprint);
        const within = cover(0.17 - Math.abs(edge - 0.19), footprint);
        mixIn(this.patch, 226 - 180 * hatch, 182 - 140 * hatch, 40, wear * within * 0.95);
        break;
      }
      case 'exclusion': {
        const dash = fold2(x + y, 1.6) > 0 ? 1 : 0;
        mixIn(
          this.patch,
          206 + 30 * dash,
          44 + 186 * dash,
          40 + 184 * dash,
          wear * cover(0.09 - Math.abs(edge - 0.1), footprint),
        );
        break;
      }
      case 'hard_hat':
        mixIn(this.patch, 40, 96, 176, wear * cover(0.09 - Math.abs(edge - 0.1), footprint));
        break;
      case 'gate':
        mixIn(this.patch, 224, 184, 40, wear * 0.8 * cover(0.06 - Math.abs(edge - 0.1), footprint));
        break;
      case 'excavation':
        break;
    }
  }

  #line(away: number, fine: number, footprint: number): void {
    if (away < 0.5) mixIn(this.patch, 236, 236, 230, clamp(1.3 - fine, 0.2, 0.95) * cover(0.14 - away, footprint));
  }

  /** Street and pavement in the south, grass elsewhere. */
  #surroundings(x: number, y: number, big: number, fine: number, footprint: number): void {
    if (y < -0.3 && y > -2.4) {
      this.#slabs(x, y, big, 162, 158, 152, 0.6, footprint);
    } else if (y <= -2.4 && y > -9.6) {
      this.#asphalt(big);
      const dash = fold2(x, 6) > -0.2 ? 1 : 0;
      mixIn(this.patch, 226, 224, 214, dash * 0.8 * cover(0.07 - Math.abs(y + 6), footprint));
      mixIn(this.patch, 128, 124, 118, cover(0.14 - Math.min(Math.abs(y + 2.4), Math.abs(y + 9.6)), footprint));
    } else {
      set(this.patch, 88 + 50 * (big - 0.4), 108 + 34 * (big - 0.4), 58 + 20 * (big - 0.4));
      this.patch.puddle *= 0.2;
    }
    add(this.patch, (fine - 0.5) * 34);
  }
}

function set(p: Patch, red: number, green: number, blue: number): void {
  p.red = red;
  p.green = green;
  p.blue = blue;
}

function mixIn(p: Patch, red: number, green: number, blue: number, share: number): void {
  if (share <= 0) return;
  p.red += (red - p.red) * share;
  p.green += (green - p.green) * share;
  p.blue += (blue - p.blue) * share;
}

function add(p: Patch, value: number): void {
  p.red += value;
  p.green += value;
  p.blue += value * 0.95;
}

/** How much of a sample lies inside an edge that is `inside` metres away. */
function cover(inside: number, footprint: number): number {
  return clamp(0.5 + inside / Math.max(footprint, 0.004), 0, 1);
}

/** Distance to the nearest multiple of `size`. */
function fold(value: number, size: number): number {
  const rest = value / size - Math.floor(value / size);
  return size * Math.min(rest, 1 - rest);
}

/** −size/2 … size/2, repeating. */
function fold2(value: number, size: number): number {
  return (value / size - Math.floor(value / size) - 0.5) * size;
}

/** Metres inside a polygon's edge; negative outside. */
function distanceIn(shape: Shape, x: number, y: number): number {
  const { polygon } = shape;
  let near = 1e9;
  let inside = false;
  let a = polygon[polygon.length - 1] as Point;
  for (let i = 0; i < polygon.length; i++) {
    const b = polygon[i] as Point;
    const away = segment(x, y, a, b);
    if (away < near) near = away;
    if (a.y > y !== b.y > y && x < a.x + ((y - a.y) * (b.x - a.x)) / (b.y - a.y)) inside = !inside;
    a = b;
  }
  return inside ? near : -near;
}

function segment(x: number, y: number, from: Point, to: Point): number {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const share = clamp(((x - from.x) * dx + (y - from.y) * dy) / (dx * dx + dy * dy || 1), 0, 1);
  const ex = x - from.x - dx * share;
  const ey = y - from.y - dy * share;
  return Math.sqrt(ex * ex + ey * ey);
}

function extentOf(polygon: readonly Point[]): { west: number; east: number; south: number; north: number } {
  const xs = polygon.map(({ x }) => x);
  const ys = polygon.map(({ y }) => y);
  return { west: Math.min(...xs), east: Math.max(...xs), south: Math.min(...ys), north: Math.max(...ys) };
}
