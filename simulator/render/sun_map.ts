import { type FlatVertices, fillNearest, type Nearest } from './flat_fill.ts';
import { clamp, SUN } from './light.ts';
import type { Mesh } from './mesh.ts';

/** Metres of ground that the maps cover. */
export interface Extent {
  west: number;
  south: number;
  sizeM: number;
}

const SUN_SIZE = 2048;
const COVER_SIZE = 512;
/** What comes nearer to the sun than this above a point shades it; less is the point itself. Metres. */
const BIAS_M = 0.07;
/** How far from things the ground is darker because they hide its sky, metres. */
const HIDE_M = 0.7;

/** What the sun sees: which points of the site lie in the shade of what stands there. */
export class SunMap {
  readonly #extent: Extent;
  readonly #map: Nearest = {
    width: SUN_SIZE,
    height: SUN_SIZE,
    z: new Float32Array(SUN_SIZE * SUN_SIZE),
    triangle: null,
  };
  readonly #cover: Float32Array;

  constructor(mesh: Mesh, extent: Extent) {
    this.#extent = extent;
    const count = mesh.vertices;
    const vertices: FlatVertices = {
      sx: new Float64Array(count),
      sy: new Float64Array(count),
      z: new Float64Array(count),
    };
    for (let v = 0; v < count; v++) {
      const [x, y, z] = [mesh.x[v] as number, mesh.y[v] as number, mesh.z[v] as number];
      vertices.sx[v] = this.#u(x, z);
      vertices.sy[v] = this.#v(y, z);
      vertices.z[v] = z + 10;
    }
    for (let t = 0; t < mesh.triangles; t++) {
      fillNearest(
        vertices,
        corner(mesh, t, 0),
        corner(mesh, t, 1),
        corner(mesh, t, 2),
        this.#map,
        0,
        mesh.materials[t] === 9,
      );
    }
    this.#cover = covered(mesh, extent);
  }

  /** Along the sun's rays down to the ground. */
  #u(x: number, z: number): number {
    return ((x - (SUN.x / SUN.z) * z - this.#extent.west) * SUN_SIZE) / this.#extent.sizeM;
  }

  #v(y: number, z: number): number {
    return ((y - (SUN.y / SUN.z) * z - this.#extent.south) * SUN_SIZE) / this.#extent.sizeM;
  }

  /** Share of the sun that reaches a point, 0–1, with soft edges. */
  lit(x: number, y: number, z: number): number {
    const u = this.#u(x, z) - 0.5;
    const v = this.#v(y, z) - 0.5;
    const top = z + 10 + BIAS_M;
    const iu = Math.floor(u);
    const iv = Math.floor(v);
    if (iu < 1 || iv < 1 || iu > SUN_SIZE - 4 || iv > SUN_SIZE - 4) return 1;
    const fu = u - iu;
    const fv = v - iv;
    const { z: map } = this.#map;
    let sum = 0;
    for (let j = -1; j <= 2; j++) {
      const wv = j === -1 ? 1 - fv : j === 2 ? fv : 1;
      const row = (iv + j) * SUN_SIZE + iu;
      const a = (map[row - 1] as number) < top ? 1 - fu : 0;
      const b = (map[row] as number) < top ? 1 : 0;
      const c = (map[row + 1] as number) < top ? 1 : 0;
      const d = (map[row + 2] as number) < top ? fu : 0;
      sum += wv * (a + b + c + d);
    }
    return sum / 9;
  }

  /** Share of the sky over a point of the ground that things beside it leave, 0–1. */
  open(x: number, y: number): number {
    const { west, south, sizeM } = this.#extent;
    const u = Math.floor(((x - west) * COVER_SIZE) / sizeM);
    const v = Math.floor(((y - south) * COVER_SIZE) / sizeM);
    if (u < 0 || v < 0 || u >= COVER_SIZE - 1 || v >= COVER_SIZE - 1) return 1;
    const fu = ((x - west) * COVER_SIZE) / sizeM - u;
    const fv = ((y - south) * COVER_SIZE) / sizeM - v;
    const i = v * COVER_SIZE + u;
    const c = this.#cover;
    const low = (c[i] as number) * (1 - fu) + (c[i + 1] as number) * fu;
    const high = (c[i + COVER_SIZE] as number) * (1 - fu) + (c[i + COVER_SIZE + 1] as number) * fu;
    return clamp(1 - 0.75 * (low * (1 - fv) + high * fv), 0, 1);
  }
}

/** Seen from straight above: which ground something stands on, blurred. */
function covered(mesh: Mesh, { west, south, sizeM }: Extent): Float32Array {
  const count = mesh.vertices;
  const scale = COVER_SIZE / sizeM;
  const vertices: FlatVertices = {
    sx: new Float64Array(count),
    sy: new Float64Array(count),
    z: new Float64Array(count),
  };
  for (let v = 0; v < count; v++) {
    vertices.sx[v] = ((mesh.x[v] as number) - west) * scale;
    vertices.sy[v] = ((mesh.y[v] as number) - south) * scale;
    vertices.z[v] = Math.max(0.001, 6 - (mesh.z[v] as number));
  }
  const map: Nearest = {
    width: COVER_SIZE,
    height: COVER_SIZE,
    z: new Float32Array(COVER_SIZE * COVER_SIZE),
    triangle: null,
  };
  for (let t = 0; t < mesh.triangles; t++) {
    fillNearest(vertices, corner(mesh, t, 0), corner(mesh, t, 1), corner(mesh, t, 2), map, 0, false);
  }
  // Low things hide the sky, high ones (a crane's jib) do not.
  const cover = Float32Array.from(map.z, (z) => clamp((z - 3.5) / 2, 0, 1));
  const radius = Math.max(1, Math.round((HIDE_M / 2) * scale));
  for (let pass = 0; pass < 2; pass++) {
    blurRows(cover, COVER_SIZE, 1, radius);
    blurRows(cover, 1, COVER_SIZE, radius);
  }
  return cover;
}

function blurRows(map: Float32Array, stepOut: number, stepIn: number, radius: number): void {
  const line = new Float32Array(COVER_SIZE);
  for (let row = 0; row < COVER_SIZE; row++) {
    for (let i = 0; i < COVER_SIZE; i++) line[i] = map[row * stepOut + i * stepIn] as number;
    for (let i = 0; i < COVER_SIZE; i++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) sum += line[clamp(i + k, 0, COVER_SIZE - 1)] as number;
      map[row * stepOut + i * stepIn] = sum / (2 * radius + 1);
    }
  }
}

function corner(mesh: Mesh, t: number, k: number): number {
  return mesh.corners[3 * t + k] as number;
}
