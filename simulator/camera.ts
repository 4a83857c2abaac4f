import type { Point, Point3 } from './world/types.ts';

/** How a camera's encoder spends bits, as cameras do it. */
export interface RateControl {
  mode: 'vbr' | 'cbr';
  kbps: number;
  /** Pictures from key to key. */
  gop: number;
  /** Stretches the group of pictures to this while nothing moves ("smart" codecs); null: never. */
  smartGop: number | null;
}

export interface CameraModel {
  id: string;
  position: Point3;
  /** What lies in the middle of the picture. */
  lookAt: Point3;
  /** Across the whole picture. */
  horizontalFovDeg: number;
  /** Pixels, square. */
  width: number;
  height: number;
  fps: number;
  rate: RateControl;
}

/** Row-major 3×3. */
export type Matrix3 = readonly [number, number, number, number, number, number, number, number, number];

/**
 * A pinhole camera. Picture coordinates are normalized 0–1, x right, y down, as everywhere in the
 * product; depth is metres along the optical axis.
 */
export class Projection {
  readonly #position: Point3;
  /** Rows: right, down, forward; unit vectors in world axes. */
  readonly #axes: readonly [Point3, Point3, Point3];
  /** Focal length in picture widths and heights. */
  readonly #fx: number;
  readonly #fy: number;

  constructor(camera: Pick<CameraModel, 'position' | 'lookAt' | 'horizontalFovDeg' | 'width' | 'height'>) {
    const { position, lookAt, horizontalFovDeg, width, height } = camera;
    const forward = unit(minus(lookAt, position));
    const right = unit(cross(forward, { x: 0, y: 0, z: 1 }));
    this.#position = position;
    this.#axes = [right, cross(forward, right), forward];
    this.#fx = 0.5 / Math.tan((horizontalFovDeg * Math.PI) / 360);
    this.#fy = (this.#fx * width) / height;
  }

  /** Where a point is in the picture (also outside 0–1), and how deep; null behind the camera. */
  project(point: Point3): { x: number; y: number; depth: number } | null {
    const [right, down, forward] = this.#axes;
    const from = minus(point, this.#position);
    const depth = dot(from, forward);
    if (depth <= 1e-6) return null;
    return {
      x: 0.5 + (this.#fx * dot(from, right)) / depth,
      y: 0.5 + (this.#fy * dot(from, down)) / depth,
      depth,
    };
  }

  /** The ray through a picture point: from the camera, per metre of depth. */
  ray(x: number, y: number): Point3 {
    const [right, down, forward] = this.#axes;
    const a = (x - 0.5) / this.#fx;
    const b = (y - 0.5) / this.#fy;
    return {
      x: forward.x + a * right.x + b * down.x,
      y: forward.y + a * right.y + b * down.y,
      z: forward.z + a * right.z + b * down.z,
    };
  }

  /** The ground point seen at a picture point; null above the horizon. */
  ground(x: number, y: number): Point | null {
    const ray = this.ray(x, y);
    if (ray.z >= -1e-9) return null;
    const depth = -this.#position.z / ray.z;
    return { x: this.#position.x + depth * ray.x, y: this.#position.y + depth * ray.y };
  }

  /** Ground (x, y, 1) → picture (x·w, y·w, w); scaled so that the last element is positive depth. */
  homography(): Matrix3 {
    const [right, down, forward] = this.#axes;
    const { x, y, z } = this.#position;
    const row = (axis: Point3): [number, number, number] => [axis.x, axis.y, -(axis.x * x + axis.y * y + axis.z * z)];
    const [r, d, f] = [row(right), row(down), row(forward)];
    const at = (i: 0 | 1 | 2): [number, number, number] => [
      0.5 * f[i] + this.#fx * r[i],
      0.5 * f[i] + this.#fy * d[i],
      f[i],
    ];
    const [a, b, c] = [at(0), at(1), at(2)];
    return [a[0], b[0], c[0], a[1], b[1], c[1], a[2], b[2], c[2]];
  }
}

function minus(a: Point3, b: Point3): Point3 {
  return { x: a.x - b.x, y: a.y - b.y, z: a.z - b.z };
}

function dot(a: Point3, b: Point3): number {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

function cross(a: Point3, b: Point3): Point3 {
  return { x: a.y * b.z - a.z * b.y, y: a.z * b.x - a.x * b.z, z: a.x * b.y - a.y * b.x };
}

function unit(a: Point3): Point3 {
  const length = Math.hypot(a.x, a.y, a.z);
  return { x: a.x / length, y: a.y / length, z: a.z / length };
}
