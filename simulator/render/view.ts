import { type CameraModel, Projection } from '../camera.ts';
import type { Mesh } from './mesh.ts';

/** Nothing nearer than this to the lens is drawn, metres. */
export const NEAR = 0.2;

/** Room for vertices that cutting at the near plane makes. */
const SPARE = 64;

/**
 * A camera over a raster of `width` × `height` samples: where vertices fall on it. `iz` is one over the depth in
 * metres, which runs linearly over a flat face's samples.
 */
export class View {
  readonly width: number;
  readonly height: number;
  readonly position: Float64Array;
  /** Right, down, forward. */
  readonly axes: Float64Array;
  /** Focal length in samples. */
  readonly focal: number;
  readonly sx: Float64Array;
  readonly sy: Float64Array;
  readonly iz: Float64Array;
  /** In camera axes, metres. */
  readonly cx: Float64Array;
  readonly cy: Float64Array;
  readonly cz: Float64Array;
  /** Vertices projected by the last call of `project`; cutting adds behind them. */
  count = 0;

  readonly #camera: CameraModel;
  readonly #scale: number;

  constructor(camera: CameraModel, scale: number, maxVertices: number) {
    this.#camera = camera;
    this.#scale = scale;
    const projection = new Projection(camera);
    this.width = camera.width * scale;
    this.height = camera.height * scale;
    const forward = projection.ray(0.5, 0.5);
    const aside = projection.ray(1.5, 0.5);
    const below = projection.ray(0.5, 1.5);
    const [rx, ry, rz] = [aside.x - forward.x, aside.y - forward.y, aside.z - forward.z];
    const [dx, dy, dz] = [below.x - forward.x, below.y - forward.y, below.z - forward.z];
    const [perX, perY] = [Math.hypot(rx, ry, rz), Math.hypot(dx, dy, dz)];
    this.focal = this.width / perX;
    this.position = Float64Array.of(camera.position.x, camera.position.y, camera.position.z);
    this.axes = Float64Array.of(
      ...[rx / perX, ry / perX, rz / perX],
      ...[dx / perY, dy / perY, dz / perY],
      ...[forward.x, forward.y, forward.z],
    );
    const size = maxVertices + SPARE;
    this.sx = new Float64Array(size);
    this.sy = new Float64Array(size);
    this.iz = new Float64Array(size);
    this.cx = new Float64Array(size);
    this.cy = new Float64Array(size);
    this.cz = new Float64Array(size);
  }

  /** The same view with room for another number of vertices. */
  withRoom(maxVertices: number): View {
    return new View(this.#camera, this.#scale, maxVertices);
  }

  project(mesh: Pick<Mesh, 'x' | 'y' | 'z' | 'vertices'>): void {
    const { position, axes, cx, cy, cz } = this;
    const px = position[0] as number;
    const py = position[1] as number;
    const pz = position[2] as number;
    const [rx, ry, rz, dx, dy, dz, fx, fy, fz] = axes as unknown as number[] as [
      ...[number, number, number],
      ...[number, number, number],
      ...[number, number, number],
    ];
    const { x, y, z, vertices } = mesh;
    for (let i = 0; i < vertices; i++) {
      const ox = (x[i] as number) - px;
      const oy = (y[i] as number) - py;
      const oz = (z[i] as number) - pz;
      cx[i] = ox * rx + oy * ry + oz * rz;
      cy[i] = ox * dx + oy * dy + oz * dz;
      cz[i] = ox * fx + oy * fy + oz * fz;
      this.place(i);
    }
    this.count = vertices;
  }

  /** From camera axes to the raster; behind the near plane `iz` is 0. */
  place(i: number): void {
    const depth = this.cz[i] as number;
    if (depth < NEAR) {
      this.iz[i] = 0;
      return;
    }
    const inverse = 1 / depth;
    this.iz[i] = inverse;
    this.sx[i] = this.width / 2 + this.focal * (this.cx[i] as number) * inverse;
    this.sy[i] = this.height / 2 + this.focal * (this.cy[i] as number) * inverse;
  }

  /**
   * Samples that hold the first `vertices` as they were last projected, ends included; `out[2]` is -1 where none does.
   * @returns whether some lie behind the near plane, which are left out
   */
  extent(vertices: number, out: Int32Array): boolean {
    const { iz, sx, sy, width, height } = this;
    let [left, top, right, bottom] = [width, height, -1, -1];
    let isCut = false;
    for (let v = 0; v < vertices; v++) {
      if (iz[v] === 0) {
        isCut = true;
        continue;
      }
      const x = sx[v] as number;
      const y = sy[v] as number;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
    }
    out[0] = Math.max(0, Math.floor(left));
    out[1] = Math.max(0, Math.floor(top));
    out[2] = Math.min(width - 1, Math.ceil(right));
    out[3] = Math.min(height - 1, Math.ceil(bottom));
    if (right < 0 || bottom < 0 || left >= width || top >= height) out[2] = -1;
    return isCut;
  }

  /** A new vertex where the edge from `inside` to `outside` meets the near plane; `share` tells how far along. */
  cut(inside: number, outside: number): number {
    const i = Math.min(this.count, this.cz.length - 1);
    this.count = i + 1;
    const share = this.cutShare(inside, outside);
    this.cx[i] = mix(this.cx, inside, outside, share);
    this.cy[i] = mix(this.cy, inside, outside, share);
    this.cz[i] = NEAR;
    this.place(i);
    return i;
  }

  cutShare(inside: number, outside: number): number {
    const from = this.cz[inside] as number;
    return (from - NEAR) / (from - (this.cz[outside] as number));
  }
}

function mix(array: Float64Array, a: number, b: number, share: number): number {
  return (array[a] as number) * (1 - share) + (array[b] as number) * share;
}
