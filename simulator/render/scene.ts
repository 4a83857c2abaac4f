import type { Furniture } from '../world/furniture.ts';
import { SITE_SIZE } from '../world/plan.ts';
import { fillNearest, type Nearest } from './flat_fill.ts';
import type { Ground } from './ground.ts';
import { clamp, SUN } from './light.ts';
import { EMISSIVE, Mesh } from './mesh.ts';
import { fractal, noise2 } from './noise.ts';
import { addFurniture, addTarpaulin, CORRUGATED, LEAVES, SOIL, WIRE, WOOD } from './props.ts';
import { SunMap } from './sun_map.ts';
import { addTree } from './tree.ts';
import type { View } from './view.ts';

/** What a sample shows. */
export const SKY = 1;
export const GROUND = 2;
export const LIGHT_SOURCE = 4;

/** Lamps are nearer to a camera than this when they carry it: not in its picture. Metres. */
const OWN_POLE_M = 1;
const MAX_VERTICES = 420_000;
const MAX_TRIANGLES = 260_000;
/** Bytes of `lamp` for light as right below a lamp of 7 m: room for brighter. */
export const LAMP_FULL = 160;
const LAMP_REACH_M = 49;

export interface LampAt {
  x: number;
  y: number;
  z: number;
}

export function lampsOf(furniture: readonly Furniture[]): LampAt[] {
  return furniture.filter(({ kind }) => kind === 'lamp').map(({ at, size }) => ({ ...at, z: size.heightM - 0.1 }));
}

/** Light of all lamps on a surface, 1 right below one of 7 m. */
export function lampLight(
  lamps: readonly LampAt[],
  x: number,
  y: number,
  z: number,
  nx: number,
  ny: number,
  nz: number,
): number {
  let sum = 0;
  for (let i = 0; i < lamps.length; i++) {
    const lamp = lamps[i] as LampAt;
    const dx = lamp.x - x;
    const dy = lamp.y - y;
    const dz = lamp.z - z;
    const square = dx * dx + dy * dy + dz * dz + 1.5;
    if (square > 1200) continue;
    const facing = (dx * nx + dy * ny + dz * nz) / Math.sqrt(square);
    if (facing <= -0.3) continue;
    const down = dz > 0 ? 1 : 0.15;
    sum += (LAMP_REACH_M / square) * down * Math.max(facing * 0.82 + 0.18, 0);
  }
  return Math.min(sum, 1.6);
}

/**
 * The part of a picture that stands still, before any light: what each sample shows, in which colour, and how
 * much of sun, sky and lamps reaches it.
 */
export class Scene {
  /** 0xFFRRGGBB with what it shows in the top byte. */
  readonly albedo: Int32Array;
  /** 0–255 of what falls on a surface that faces it. */
  readonly sun: Uint8Array;
  readonly sky: Uint8Array;
  readonly lamp: Uint8Array;
  /** Water that stands there in rain; of the sky: clouds. */
  readonly extra: Uint8Array;
  /** One over metres; 0 for the sky. */
  readonly iz: Float32Array;
  /** `iz` as it lies in memory. */
  readonly izPairs: Float64Array;
  readonly sunMap: SunMap;
  readonly #view: View;
  readonly #ground: Ground;
  readonly #lamps: readonly LampAt[];
  readonly #seed: number;

  /** @param still whether leaves and cloth are in it, at rest. */
  constructor(view: View, ground: Ground, furniture: readonly Furniture[], seed: number, still: boolean) {
    this.#view = view;
    this.#ground = ground;
    this.#lamps = lampsOf(furniture);
    this.#seed = seed;
    const size = view.width * view.height;
    this.albedo = new Int32Array(size);
    this.sun = new Uint8Array(size);
    this.sky = new Uint8Array(size);
    this.lamp = new Uint8Array(size);
    this.extra = new Uint8Array(size);
    const mesh = new Mesh(MAX_VERTICES, MAX_TRIANGLES);
    const [px, py] = [view.position[0] as number, view.position[1] as number];
    for (const item of furniture) {
      if (item.kind === 'lamp' && Math.hypot(item.at.x - px, item.at.y - py) < OWN_POLE_M) continue;
      addFurniture(mesh, item, seed);
    }
    const fixed = { vertices: mesh.vertices, triangles: mesh.triangles };
    for (const item of furniture) {
      if (item.kind === 'tree') addTree(mesh, item, seed);
      else if (item.kind === 'tarpaulin') addTarpaulin(mesh, item, 0, 0);
    }
    const sizeM = Math.max(SITE_SIZE.widthM, SITE_SIZE.depthM) + 40;
    this.sunMap = new SunMap(mesh, { west: -20, south: -30, sizeM });
    if (!still) {
      mesh.vertices = fixed.vertices;
      mesh.triangles = fixed.triangles;
    }
    const nearest: Nearest = {
      width: view.width,
      height: view.height,
      z: new Float32Array(size),
      triangle: new Int32Array(size),
    };
    this.iz = nearest.z;
    this.izPairs = new Float64Array(this.iz.buffer);
    this.#fill(mesh, nearest);
    this.#shade(mesh, nearest.triangle as Int32Array);
  }

  #fill(mesh: Mesh, nearest: Nearest): void {
    const view = this.#view.withRoom(mesh.vertices);
    view.project(mesh);
    const vertices = { sx: view.sx, sy: view.sy, z: view.iz };
    const out = new Int32Array(4);
    for (let t = 0; t < mesh.triangles; t++) {
      const abc = [0, 1, 2].map((k) => mesh.corners[3 * t + k] as number);
      const coarse = mesh.materials[t] === WIRE;
      const before = view.count;
      let n = 0;
      for (let k = 0; k < 3; k++) {
        const from = abc[k] as number;
        const to = abc[(k + 1) % 3] as number;
        const [fromSeen, toSeen] = [(view.iz[from] as number) > 0, (view.iz[to] as number) > 0];
        if (fromSeen) out[n++] = from;
        if (fromSeen !== toSeen) out[n++] = fromSeen ? view.cut(from, to) : view.cut(to, from);
      }
      for (let k = 1; k + 1 < n; k++) {
        const [a, b, c] = [out[0] as number, out[k] as number, out[k + 1] as number];
        const turn = at(view.sx, b, a) * at(view.sy, c, a) - at(view.sx, c, a) * at(view.sy, b, a);
        if (turn < 0) fillNearest(vertices, a, b, c, nearest, t + 1, coarse);
      }
      view.count = before;
    }
  }

  #shade(mesh: Mesh, triangle: Int32Array): void {
    const { width, height, axes, position, focal } = this.#view;
    const [rx, ry, rz, dx, dy, dz, fx, fy, fz] = Array.from(axes) as [
      ...[number, number, number],
      ...[number, number, number],
      ...[number, number, number],
    ];
    const [px, py, pz] = Array.from(position) as [number, number, number];
    for (let row = 0, i = 0; row < height; row++) {
      const b = (row + 0.5 - height / 2) / focal;
      for (let column = 0; column < width; column++, i++) {
        const a = (column + 0.5 - width / 2) / focal;
        const vx = fx + a * rx + b * dx;
        const vy = fy + a * ry + b * dy;
        const vz = fz + a * rz + b * dz;
        const depth = vz < -1e-6 ? -pz / vz : Number.POSITIVE_INFINITY;
        if ((triangle[i] as number) > 0 && 1 / depth <= (this.iz[i] as number)) {
          const d = 1 / (this.iz[i] as number);
          this.#thing(i, mesh, (triangle[i] as number) - 1, px + vx * d, py + vy * d, pz + vz * d, d / focal);
        } else if (depth < 400) {
          this.#floor(i, px, py, pz, vx, vy, vz, depth, focal);
        } else {
          this.#heaven(i, vx, vy, vz);
        }
      }
    }
  }

  #heaven(i: number, vx: number, vy: number, vz: number): void {
    const length = Math.hypot(vx, vy, vz);
    const up = clamp(vz / length, 0, 1);
    const over = 1 / (up + 0.08);
    const cloud = clamp(
      (fractal((vx / length) * over * 1.4, (vy / length) * over * 1.4, 1, 5, this.#seed + 3, 0) - 0.42) * 3.4,
      0,
      1,
    );
    this.albedo[i] = SKY << 24;
    this.sky[i] = 255 * Math.min(1, up * 1.7);
    this.extra[i] = 255 * cloud;
    this.iz[i] = 0;
  }

  #floor(
    i: number,
    px: number,
    py: number,
    pz: number,
    vx: number,
    vy: number,
    vz: number,
    flat: number,
    focal: number,
  ): void {
    const ground = this.#ground;
    let depth = flat;
    let [nx, ny, nz] = [0, 0, 1];
    let x = px + vx * depth;
    let y = py + vy * depth;
    if (ground.isPit(x, y)) {
      // On along the ray until it is under the pit's ground.
      const step = Math.max(0.02, 0.04 / Math.hypot(vx, vy, vz));
      for (let k = 0; k < 90; k++) {
        if (pz + vz * depth <= ground.height(x, y)) break;
        depth += step;
        x = px + vx * depth;
        y = py + vy * depth;
      }
      const e = 0.06;
      nx = -(ground.height(x + e, y) - ground.height(x - e, y)) / (2 * e);
      ny = -(ground.height(x, y + e) - ground.height(x, y - e)) / (2 * e);
      const length = Math.hypot(nx, ny, 1);
      nx /= length;
      ny /= length;
      nz = 1 / length;
      if (1 / depth <= (this.iz[i] as number)) depth = 1 / (this.iz[i] as number);
    }
    const z = pz + vz * depth;
    // Along the ground a sample reaches further than across.
    const footprint = (depth / focal) * Math.min(6, 0.5 + 0.5 / Math.max(0.05, -vz));
    const patch = ground.look(x, y, footprint);
    this.albedo[i] = pack(patch.red, patch.green, patch.blue, GROUND);
    const facing = Math.max(0, nx * SUN.x + ny * SUN.y + nz * SUN.z) / SUN.z;
    const lit = this.sunMap.lit(x, y, Math.max(0, z)) * (z < -0.02 ? this.#pitSun(x, y, z) : 1);
    this.sun[i] = 255 * clamp(0.72 * facing * lit, 0, 1);
    const deep = z < 0 ? 1 - 0.4 * Math.min(1, -z) : 1;
    this.sky[i] = 255 * clamp(this.sunMap.open(x, y) * (0.35 + 0.65 * nz) * deep, 0, 1);
    this.lamp[i] = Math.min(255, LAMP_FULL * lampLight(this.#lamps, x, y, z, nx, ny, nz));
    this.extra[i] = 255 * patch.puddle;
    this.iz[i] = 1 / depth;
  }

  /** The pit's own edge throws shade into it. */
  #pitSun(x: number, y: number, z: number): number {
    let open = 1;
    for (let k = 1; k <= 12; k++) {
      const away = k * 0.14;
      const over = this.#ground.height(x + SUN.x * away, y + SUN.y * away) - (z + SUN.z * away);
      if (over > -0.05) open = Math.min(open, clamp(-over / 0.05, 0, 1));
    }
    return open;
  }

  #thing(i: number, mesh: Mesh, t: number, x: number, y: number, z: number, footprint: number): void {
    const colour = mesh.colours[t] as number;
    const surface = mesh.materials[t] as number;
    let [red, green, blue] = [colour >> 16, (colour >> 8) & 255, colour & 255];
    if (surface === EMISSIVE) {
      this.albedo[i] = pack(red, green, blue, LIGHT_SOURCE);
      return;
    }
    const v = mesh.corners[3 * t] as number;
    const v1 = mesh.corners[3 * t + 1] as number;
    const v2 = mesh.corners[3 * t + 2] as number;
    let nx = mean(mesh.nx, v, v1, v2);
    let ny = mean(mesh.ny, v, v1, v2);
    let nz = mean(mesh.nz, v, v1, v2);
    let tone = 1;
    if (surface === CORRUGATED && Math.abs(nz) < 0.5) {
      const along = (-ny * x + nx * y) / 0.24;
      const wave = Math.sin(2 * Math.PI * along);
      const strength = 0.75 * clamp(1.5 - footprint * 9, 0, 1);
      // Trapezoid: flat crests, steep flanks.
      const flank = strength * clamp(wave * 2.2, -1, 1) * (Math.abs(Math.cos(2 * Math.PI * along)) < 0.8 ? 1 : 0.25);
      [nx, ny] = [nx - ny * flank * 0.8, ny + nx * flank * 0.8];
      tone = 1 - 0.1 * strength * (wave < 0 ? 1 : 0);
    }
    const u = Math.abs(nz) > 0.6 ? x : -ny * x + nx * y;
    const w = Math.abs(nz) > 0.6 ? y : z;
    const grime = fractal(u, w, 0.8, 4, this.#seed + 70, footprint);
    if (surface === SOIL) {
      tone *= 0.72 + 0.56 * fractal(x, y + z, 3, 4, 33, footprint);
      const e = 0.5 * (noise2(x * 5, y * 5 + z * 3, 34) - 0.5);
      [nx, ny] = [nx + e, ny - e];
    } else if (surface === WOOD) tone *= 0.8 + 0.4 * noise2(x * 3, y * 3 + z * 40, 8);
    else if (surface !== LEAVES) tone *= 0.92 + 0.16 * grime;
    if (surface === CORRUGATED && colour !== 0xd6d4ca) {
      // Rust runs down from the upper edge.
      const rust = clamp((noise2(u * 3, w * 0.5, 51) * 0.6 + grime * 0.7 - 0.78) * 5, 0, 0.55);
      red += (112 - red) * rust;
      green += (66 - green) * rust;
      blue += (44 - blue) * rust;
    }
    // Mud splashes up.
    const mud = surface === LEAVES ? 0 : clamp((0.45 - z) * 1.2 * grime, 0, 0.4);
    red += (126 - red) * mud;
    green += (110 - green) * mud;
    blue += (88 - blue) * mud;
    const length = Math.hypot(nx, ny, nz) || 1;
    [nx, ny, nz] = [nx / length, ny / length, nz / length];
    this.albedo[i] = pack(red * tone, green * tone, blue * tone, 0);
    let facing = nx * SUN.x + ny * SUN.y + nz * SUN.z;
    if (surface === LEAVES) facing = 0.4 + 0.6 * facing;
    const lit = facing > 0 ? this.sunMap.lit(x + nx * 0.08, y + ny * 0.08, z + nz * 0.08) : 0;
    this.sun[i] = 255 * clamp(facing * lit, 0, 1);
    this.sky[i] = 255 * clamp((0.62 + 0.38 * nz) * (0.62 + 0.38 * Math.min(1, z / 0.7)), 0, 1);
    this.lamp[i] = Math.min(255, LAMP_FULL * lampLight(this.#lamps, x, y, z, nx, ny, nz));
    this.extra[i] = 0;
  }
}

function pack(red: number, green: number, blue: number, kind: number): number {
  return (kind << 24) | (clamp(red, 4, 250) << 16) | (clamp(green, 4, 250) << 8) | clamp(blue, 4, 250);
}

function mean(array: Float32Array, a: number, b: number, c: number): number {
  return ((array[a] as number) + (array[b] as number) + (array[c] as number)) / 3;
}

function at(array: Float64Array, index: number, from: number): number {
  return (array[index] as number) - (array[from] as number);
}
