import { fillNearest, type Nearest } from './flat_fill.ts';
import type { Mesh } from './mesh.ts';
import { type Coverage, PARTS } from './raster.ts';
import type { View } from './view.ts';

/** Cells along a side of the grid on which a body that the picture's edge cuts is measured. */
const GRID = 192;
/** What sticks out further than this many pictures is cut off. */
const REACH = 3;

/** How much of a body lies inside the picture. */
export class InsideShare {
  readonly #view: View;
  readonly #grid: Nearest = { width: GRID, height: GRID, z: new Float32Array(GRID * GRID), triangle: null };
  readonly #sx: Float64Array;
  readonly #sy: Float64Array;

  constructor(view: View) {
    this.#view = view;
    this.#sx = new Float64Array(view.sx.length);
    this.#sy = new Float64Array(view.sy.length);
  }

  /** Fills `coverage.inside` for each part of what `view` last projected. */
  measure(mesh: Mesh, coverage: Coverage): void {
    coverage.inside.fill(1);
    if (!this.#isCut(mesh)) return;
    for (let part = 0; part < PARTS; part++) coverage.inside[part] = this.#share(mesh, part);
  }

  #isCut({ vertices }: Mesh): boolean {
    const { sx, sy, iz, width, height } = this.#view;
    for (let v = 0; v < vertices; v++) {
      if (iz[v] === 0) return true;
      if ((sx[v] as number) < 0 || (sx[v] as number) > width || (sy[v] as number) < 0 || (sy[v] as number) > height)
        return true;
    }
    return false;
  }

  #share(mesh: Mesh, part: number): number {
    const { sx, sy, iz, width, height } = this.#view;
    let [left, top, right, bottom] = [1e9, 1e9, -1e9, -1e9];
    this.#each(mesh, part, (v) => {
      left = Math.min(left, sx[v] as number);
      right = Math.max(right, sx[v] as number);
      top = Math.min(top, sy[v] as number);
      bottom = Math.max(bottom, sy[v] as number);
    });
    if (right <= left) return 1;
    left = Math.max(left, -REACH * width);
    right = Math.min(right, (1 + REACH) * width);
    top = Math.max(top, -REACH * height);
    bottom = Math.min(bottom, (1 + REACH) * height);
    const [kx, ky] = [GRID / (right - left), GRID / (bottom - top)];
    for (let v = 0; v < mesh.vertices; v++) {
      this.#sx[v] = ((sx[v] as number) - left) * kx;
      this.#sy[v] = ((sy[v] as number) - top) * ky;
    }
    const grid = this.#grid;
    grid.z.fill(0);
    const vertices = { sx: this.#sx, sy: this.#sy, z: iz };
    for (let t = 0; t < mesh.triangles; t++) {
      if (part !== 0 && mesh.parts[t] !== part) continue;
      const [a, b, c] = [mesh.corners[3 * t], mesh.corners[3 * t + 1], mesh.corners[3 * t + 2]] as [
        number,
        number,
        number,
      ];
      if (iz[a] !== 0 && iz[b] !== 0 && iz[c] !== 0) fillNearest(vertices, a, b, c, grid, 0, false);
    }
    let [all, within] = [0, 0];
    for (let j = 0; j < GRID; j++) {
      const y = top + (j + 0.5) / ky;
      for (let i = 0; i < GRID; i++) {
        if (grid.z[j * GRID + i] === 0) continue;
        all++;
        const x = left + (i + 0.5) / kx;
        if (x >= 0 && x < width && y >= 0 && y < height) within++;
      }
    }
    return all === 0 ? 1 : within / all;
  }

  #each(mesh: Mesh, part: number, visit: (vertex: number) => void): void {
    for (let t = 0; t < mesh.triangles; t++) {
      if (part !== 0 && mesh.parts[t] !== part) continue;
      for (let k = 0; k < 3; k++) {
        const v = mesh.corners[3 * t + k] as number;
        if (this.#view.iz[v] !== 0) visit(v);
      }
    }
  }
}
