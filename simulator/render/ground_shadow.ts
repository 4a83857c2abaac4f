import type { CameraModel } from '../camera.ts';
import { fillNearest, type Nearest } from './flat_fill.ts';
import { clamp, SUN } from './light.ts';
import type { Mesh } from './mesh.ts';
import type { LampAt } from './scene.ts';
import { PIXELS, type Tiles } from './tiles.ts';
import { View } from './view.ts';

/** Nothing higher than this over the ground hides the sky from it, metres. */
const NEAR_GROUND_M = 0.8;

/** Less of 255 is no shadow. */
const FAINT = 4;

/** Shadows that actors throw on the ground, as shares of light taken from the picture's pixels, 0–255. */
export class GroundShadows {
  /** Of the sun, or of the lamp that shines strongest. */
  readonly direct: Uint8Array;
  /** Of the sky. */
  readonly sky: Uint8Array;
  readonly #view: View;
  readonly #flat: { x: Float32Array; y: Float32Array; z: Float32Array; vertices: number };
  readonly #drawn: Nearest;
  /** Of the part that is being softened alone. */
  readonly #soft: Float32Array;
  readonly #softer: Float32Array;
  readonly #line: Float32Array;
  readonly #sums: Float64Array;
  readonly #tiles: Tiles;

  constructor(camera: CameraModel, maxVertices: number, tiles: Tiles) {
    this.#view = new View(camera, 1, maxVertices);
    const { width, height } = this.#view;
    this.direct = new Uint8Array(width * height);
    this.sky = new Uint8Array(width * height);
    this.#drawn = { width, height, z: new Float32Array(width * height), triangle: null };
    this.#soft = new Float32Array(width * height);
    this.#softer = new Float32Array(width * height);
    this.#line = new Float32Array(width);
    this.#sums = new Float64Array(width);
    this.#flat = {
      x: new Float32Array(maxVertices),
      y: new Float32Array(maxVertices),
      z: new Float32Array(maxVertices),
      vertices: 0,
    };
    this.#tiles = tiles;
  }

  /** Adds the shadow of a mesh on the ground at `groundZ`; `lamp` null: by the sun. */
  add(mesh: Mesh, groundZ: number, lamp: LampAt | null): void {
    const flat = this.#flat;
    flat.vertices = mesh.vertices;
    for (let v = 0; v < mesh.vertices; v++) {
      const x = mesh.x[v] as number;
      const y = mesh.y[v] as number;
      const above = Math.max(0, (mesh.z[v] as number) - groundZ);
      flat.z[v] = groundZ;
      if (lamp === null) {
        flat.x[v] = x - (SUN.x / SUN.z) * above;
        flat.y[v] = y - (SUN.y / SUN.z) * above;
      } else {
        const share = above / Math.max(0.8, lamp.z - groundZ - above);
        flat.x[v] = x + (x - lamp.x) * share;
        flat.y[v] = y + (y - lamp.y) * share;
      }
    }
    this.#spread(mesh, this.direct, Number.POSITIVE_INFINITY, 0.035, 1);
    for (let v = 0; v < mesh.vertices; v++) {
      flat.x[v] = mesh.x[v] as number;
      flat.y[v] = mesh.y[v] as number;
    }
    this.#spread(mesh, this.sky, groundZ + NEAR_GROUND_M, 0.11, 2);
  }

  /** Draws what lies below `ceiling`, softened by `softM`, into a mask; the darker of two shadows counts. */
  #spread(mesh: Mesh, mask: Uint8Array, ceiling: number, softM: number, passes: number): void {
    const view = this.#view;
    view.project(this.#flat);
    const { width, height, sx, sy, iz } = view;
    const drawn = this.#drawn;
    const vertices = { sx, sy, z: iz };
    let [left, top, right, bottom] = [width, height, -1, -1];
    let near = 0;
    const { corners } = mesh;
    for (let t = 0; t < mesh.triangles; t++) {
      const a = corners[3 * t] as number;
      const b = corners[3 * t + 1] as number;
      const c = corners[3 * t + 2] as number;
      if (iz[a] === 0 || iz[b] === 0 || iz[c] === 0 || (mesh.z[a] as number) > ceiling) continue;
      const ax = sx[a] as number;
      const ay = sy[a] as number;
      const bx = sx[b] as number;
      const by = sy[b] as number;
      const cx = sx[c] as number;
      const cy = sy[c] as number;
      // One of the two sides of a closed body is enough.
      if ((bx - ax) * (cy - ay) >= (cx - ax) * (by - ay)) continue;
      fillNearest(vertices, a, b, c, drawn, 0, false);
      // All that is drawn is taken out again below: none of it may lie outside.
      left = Math.min(left, ax, bx, cx);
      right = Math.max(right, ax, bx, cx);
      top = Math.min(top, ay, by, cy);
      bottom = Math.max(bottom, ay, by, cy);
      if ((iz[a] as number) > near) near = iz[a] as number;
    }
    if (right < left) return;
    const radius = clamp(Math.round(softM * view.focal * near), 1, 10);
    const pad = radius * passes + 1;
    left = Math.max(0, Math.floor(left) - pad);
    top = Math.max(0, Math.floor(top) - pad);
    right = Math.min(width, Math.ceil(right) + pad);
    bottom = Math.min(height, Math.ceil(bottom) + pad);
    if (left >= right || top >= bottom) return;
    this.#blur(mask, left, top, right, bottom, radius, passes);
    this.#tiles.mark(left, top, right, bottom, PIXELS);
  }

  #blur(
    mask: Uint8Array,
    left: number,
    top: number,
    right: number,
    bottom: number,
    radius: number,
    passes: number,
  ): void {
    const { z, width } = this.#drawn;
    const [across, down] = [right - left, bottom - top];
    let from = this.#soft;
    let to = this.#softer;
    for (let y = top, k = 0; y < bottom; y++) {
      for (let i = y * width + left; i < y * width + right; i++, k++) {
        from[k] = (z[i] as number) > 0 ? 255 : 0;
        z[i] = 0;
      }
    }
    for (let pass = 0; pass < passes; pass++) {
      this.#slideAcross(from, across, down, radius);
      // Ground lies slanted: less blur up than across.
      this.#slideDown(from, to, across, down, Math.max(1, Math.round(radius * 0.5)));
      [from, to] = [to, from];
    }
    for (let y = top, k = 0; y < bottom; y++) {
      for (let i = y * width + left; i < y * width + right; i++, k++) {
        const value = from[k] as number;
        if (value >= FAINT && value > (mask[i] as number)) mask[i] = value;
      }
    }
  }

  /** Mean of `2 * radius + 1` in each row, in place. */
  #slideAcross(from: Float32Array, across: number, down: number, radius: number): void {
    const line = this.#line;
    const scale = 1 / (2 * radius + 1);
    for (let y = 0; y < down; y++) {
      const start = y * across;
      let sum = 0;
      for (let k = 0; k < across; k++) line[k] = from[start + k] as number;
      for (let k = 0; k < Math.min(radius, across); k++) sum += line[k] as number;
      for (let k = 0; k < across; k++) {
        if (k + radius < across) sum += line[k + radius] as number;
        if (k > radius) sum -= line[k - radius - 1] as number;
        from[start + k] = sum > 0.01 ? sum * scale : 0;
      }
    }
  }

  /** Mean of `2 * radius + 1` in each column. Goes row by row, as the memory lies. */
  #slideDown(from: Float32Array, to: Float32Array, across: number, down: number, radius: number): void {
    const sums = this.#sums.fill(0, 0, across);
    const scale = 1 / (2 * radius + 1);
    for (let k = 0; k < Math.min(radius, down) * across; ) {
      for (let x = 0; x < across; x++, k++) sums[x] = (sums[x] as number) + (from[k] as number);
    }
    for (let y = 0, k = 0; y < down; y++) {
      const entering = y + radius < down ? radius * across : -1;
      const leaving = y > radius ? (radius + 1) * across : -1;
      for (let x = 0; x < across; x++, k++) {
        let sum = sums[x] as number;
        if (entering >= 0) sum += from[k + entering] as number;
        if (leaving >= 0) sum -= from[k - leaving] as number;
        sums[x] = sum;
        to[k] = sum > 0.01 ? sum * scale : 0;
      }
    }
  }
}
