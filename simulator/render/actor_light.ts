import { VEHICLE_SIZE, type VehicleState } from '../world/types.ts';
import { clamp, encoded, type Light, SUN } from './light.ts';
import { luminance } from './lit_scene.ts';
import type { Mesh } from './mesh.ts';
import { type LampAt, lampLight, type Scene } from './scene.ts';
import type { View } from './view.ts';

/** How far headlights reach, metres. */
const BEAM_M = 17;
const BEAM_STRENGTH = 0.9;
/** Of what falls on sunlit ground, the share that it throws up. */
const BOUNCE = 0.24;

/** The light before a vehicle. */
export class Beam {
  readonly #x: number;
  readonly #y: number;
  readonly #c: number;
  readonly #s: number;

  constructor({ kind, at, heading }: VehicleState) {
    this.#c = Math.cos(heading);
    this.#s = Math.sin(heading);
    const front = VEHICLE_SIZE[kind].lengthM * (kind === 'forklift' ? 0.2 : 0.5);
    this.#x = at.x + this.#c * front;
    this.#y = at.y + this.#s * front;
  }

  /** Linear light at a point. */
  at(x: number, y: number, z: number): number {
    const dx = x - this.#x;
    const dy = y - this.#y;
    const ahead = dx * this.#c + dy * this.#s;
    if (ahead < 0.15 || ahead > BEAM_M || z > 3) return 0;
    const aside = dy * this.#c - dx * this.#s;
    const wide = 0.75 + 0.3 * ahead;
    const across = (aside * aside) / (wide * wide);
    if (across > 4) return 0;
    const near = clamp((ahead - 0.1) / 2.4, 0, 1);
    const far = 1 - ahead / BEAM_M;
    return BEAM_STRENGTH * near * far * far * Math.exp(-1.6 * across) * Math.exp(-(z * z) / 2.2) * 1.7;
  }

  /** Samples that it may light; null: none. */
  extent(view: View): { left: number; top: number; right: number; bottom: number } | null {
    let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, -1e9, -1e9];
    const { position: p, axes: a, focal } = view;
    for (const ahead of [0, BEAM_M * 0.5, BEAM_M]) {
      for (const aside of [-1, 1]) {
        for (const z of [-1, 2.5]) {
          const wide = aside * 2 * (0.75 + 0.3 * ahead);
          const ox = this.#x + this.#c * ahead - this.#s * wide - (p[0] as number);
          const oy = this.#y + this.#s * ahead + this.#c * wide - (p[1] as number);
          const oz = z - (p[2] as number);
          const along = (k: number): number =>
            ox * (a[k] as number) + oy * (a[k + 1] as number) + oz * (a[k + 2] as number);
          const depth = Math.max(0.5, along(6));
          const sx = view.width / 2 + (focal * along(0)) / depth;
          const sy = view.height / 2 + (focal * along(3)) / depth;
          [left, right] = [Math.min(left, sx), Math.max(right, sx)];
          [top, bottom] = [Math.min(top, sy), Math.max(bottom, sy)];
        }
      }
    }
    if (right < 0 || bottom < 0 || left > view.width || top > view.height) return null;
    return {
      left: Math.max(0, left),
      top: Math.max(0, top),
      right: Math.min(view.width, right),
      bottom: Math.min(view.height, bottom),
    };
  }
}

/** Light on actors, vertex by vertex. */
export class ActorLight {
  readonly #view: View;
  readonly #out: Float64Array;
  readonly #lamps: readonly LampAt[];
  #light: Light | null = null;
  #scene: Scene | null = null;
  beams: Beam[] = [];

  constructor(view: View, out: Float64Array, lamps: readonly LampAt[]) {
    this.#view = view;
    this.#out = out;
    this.#lamps = lamps;
  }

  set(light: Light, scene: Scene, vehicles: readonly VehicleState[]): void {
    this.#light = light;
    this.#scene = scene;
    this.beams = vehicles.map((vehicle) => new Beam(vehicle));
  }

  /**
   * Fills the light of every vertex, or of the first of `every` many. `leafy`: thin and in its own shade, as leaves are.
   */
  shine(mesh: Mesh, groundZ: number, leafy = false, every = 1): void {
    const light = this.#light as Light;
    const { sunMap } = this.#scene as Scene;
    const out = this.#out;
    const { position } = this.#view;
    const px = position[0] as number;
    const py = position[1] as number;
    const pz = position[2] as number;
    const [sunR, sunG, sunB] = light.sun;
    const [skyR, skyG, skyB] = light.sky;
    const [lampR, lampG, lampB] = light.lamp;
    const hasLamps = lampR > 0.01;
    const shine = 170 * luminance(light.sun);
    for (let v = 0; v < mesh.vertices; v += every) {
      const x = mesh.x[v] as number;
      const y = mesh.y[v] as number;
      const z = mesh.z[v] as number;
      const nx = mesh.nx[v] as number;
      const ny = mesh.ny[v] as number;
      const nz = mesh.nz[v] as number;
      let facing = nx * SUN.x + ny * SUN.y + nz * SUN.z;
      if (leafy) facing = 0.25 + 0.6 * facing;
      const lit = facing > 0 && sunR > 0.02 ? facing * (leafy ? 0.85 : sunMap.lit(x, y, Math.max(z, 0.03))) : 0;
      // Near the ground less sky is seen, and less of the sky when looking down.
      const sky = (0.64 + 0.36 * nz) * (0.72 + 0.28 * Math.min(1, (z - groundZ) / 0.9));
      const up = BOUNCE * (0.5 - 0.5 * nz);
      const lamp = hasLamps ? lampLight(this.#lamps, x, y, z, nx, ny, nz) : 0;
      let beam = 0;
      for (let k = 0; k < this.beams.length; k++) beam += (this.beams[k] as Beam).at(x, y, z - groundZ);
      const at = 4 * v;
      out[at] = encoded(sunR * (lit + up) + skyR * sky + lampR * lamp + beam);
      out[at + 1] = encoded(sunG * (lit + up) + skyG * sky + lampG * lamp + beam * 0.95);
      out[at + 2] = encoded(sunB * (lit + up * 0.8) + skyB * sky + lampB * lamp + beam * 0.82);
      // Highlight half way between sun and eye.
      const ex = px - x;
      const ey = py - y;
      const ez = pz - z;
      const away = Math.sqrt(ex * ex + ey * ey + ez * ez);
      const hx = SUN.x + ex / away;
      const hy = SUN.y + ey / away;
      const hz = SUN.z + ez / away;
      const sharp = (nx * hx + ny * hy + nz * hz) / Math.sqrt(hx * hx + hy * hy + hz * hz);
      const p2 = sharp * sharp;
      const p8 = p2 * p2 * p2 * p2;
      out[at + 3] = lit > 0 && sharp > 0 ? shine * p8 * p8 * p8 : 0;
    }
  }

  /** Headlights on the still scene at a sample. */
  beamAtSample(sx: number, sy: number, iz: number): number {
    if (iz === 0) return 0;
    const { axes, position, width, height, focal } = this.#view;
    const depth = 1 / iz;
    const a = ((sx - width / 2) / focal) * depth;
    const b = ((sy - height / 2) / focal) * depth;
    const x = (position[0] as number) + a * (axes[0] as number) + b * (axes[3] as number) + depth * (axes[6] as number);
    const y = (position[1] as number) + a * (axes[1] as number) + b * (axes[4] as number) + depth * (axes[7] as number);
    const z = (position[2] as number) + a * (axes[2] as number) + b * (axes[5] as number) + depth * (axes[8] as number);
    let sum = 0;
    for (let k = 0; k < this.beams.length; k++) sum += (this.beams[k] as Beam).at(x, y, z);
    return sum;
  }
}
