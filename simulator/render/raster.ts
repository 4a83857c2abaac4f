import { fillNearest, type Nearest } from './flat_fill.ts';
import { BYTES } from './light.ts';
import type { Mesh } from './mesh.ts';
import { EMISSIVE, GLOSSY, RETRO } from './mesh.ts';
import { NEAR, type View } from './view.ts';

/** Whose sample it is (0: the still scene's), and of the others colour 0xBBGGRR (bytes of RGBA in memory); one over depth. */
export interface Layer {
  colour: Int32Array;
  iz: Float32Array;
  /** `iz` as it lies in memory, two samples of a row at a time: for copying. Never what is not a number: it is ≥ 0. */
  izPairs: Float64Array;
  id: Uint16Array;
  /** `id`, two samples of a row at a time. */
  idPairs: Int32Array;
}

/** `samples` is even. */
export function makeLayer(samples: number): Layer {
  const iz = new Float32Array(samples);
  const id = new Uint16Array(samples);
  const izPairs = new Float64Array(iz.buffer);
  return { colour: new Int32Array(samples), iz, izPairs, id, idPairs: new Int32Array(id.buffer) };
}

/** What drawing one actor covered, whether seen or not. Extents are in samples, ends included. */
export interface Coverage {
  /** Samples by part; part 0 is all of the actor. */
  samples: Int32Array;
  /** Four a part: x from, y from, x to, y to. */
  extent: Int32Array;
  /** By part, the share that lies inside the picture. */
  inside: Float64Array;
}

export const PARTS = 3;
/** From one stamp to the next: leaves bits for the parts. */
const STAMP = 1 << (PARTS - 1);
/** One step of colour, in what is counted along a row. */
const ONE = 65536;

export function makeCoverage(): Coverage {
  return { samples: new Int32Array(PARTS), extent: new Int32Array(4 * PARTS), inside: new Float64Array(PARTS) };
}

/**
 * Fills triangles into a layer behind a depth test: colour runs linearly, and each sample in whose middle a
 * triangle lies belongs to it (neighbours share no sample and leave none out).
 */
export class Rasteriser {
  readonly #view: View;
  /** Light at each vertex, gamma-encoded, 1 shows a colour as it is; and what a highlight adds, 0–255. */
  readonly light: Float64Array;
  /** By sample, the stamp of what was drawn last there, and a bit for each of its parts but the first. */
  readonly #covered: Uint8Array;
  /** Red, green and blue at the three corners. */
  readonly #paint = new Float64Array(9);
  readonly #cutting = new Int32Array(8);
  #stamp = 0;
  #counts = true;

  constructor(view: View) {
    this.#view = view;
    this.light = new Float64Array(4 * view.cx.length);
    this.#covered = new Uint8Array(view.width * view.height);
  }

  /**
   * Draws what `view` last projected; parts get ids `id`, `id + 1`, …. Every part's coverage is counted; without
   * `counts` its extent alone.
   */
  draw(mesh: Mesh, layer: Layer, id: number, coverage: Coverage, counts = true): void {
    this.#counts = counts;
    const { samples, extent } = coverage;
    samples.fill(0);
    for (let i = 0; i < extent.length; i += 4) {
      extent[i] = this.#view.width;
      extent[i + 1] = this.#view.height;
      extent[i + 2] = -1;
      extent[i + 3] = -1;
    }
    if (counts) this.#nextStamp();
    const { corners, triangles, parts } = mesh;
    const { iz, sx, sy } = this.#view;
    for (let t = 0; t < triangles; t++) {
      const a = corners[3 * t] as number;
      const b = corners[3 * t + 1] as number;
      const c = corners[3 * t + 2] as number;
      const seen = ((iz[a] as number) > 0 ? 1 : 0) + ((iz[b] as number) > 0 ? 1 : 0) + ((iz[c] as number) > 0 ? 1 : 0);
      if (seen === 0) continue;
      if (seen < 3) {
        this.#fillCut(mesh, t, a, b, c, layer, id, coverage);
        continue;
      }
      const ax = sx[a] as number;
      const ay = sy[a] as number;
      const turn =
        ((sx[b] as number) - ax) * ((sy[c] as number) - ay) - ((sx[c] as number) - ax) * ((sy[b] as number) - ay);
      if (turn >= 0) continue;
      this.#paintCorners(mesh, t, a, b, c);
      this.#fill(a, b, c, parts[t] as number, layer, id, coverage);
    }
  }

  /**
   * Colours of triangles, as the layer has them, in the light at the first corner of each: for `drawFlat`.
   * @param out as many as triangles
   */
  flatColours({ corners, triangles, colours }: Mesh, out: Int32Array): void {
    const light = this.light;
    for (let t = 0; t < triangles; t++) {
      const a = 4 * (corners[3 * t] as number);
      const colour = colours[t] as number;
      const red = lit(colour >> 16, light[a] as number);
      const green = lit(colour >> 8, light[a + 1] as number);
      out[t] = (lit(colour, light[a + 2] as number) << 16) | (green << 8) | red;
    }
  }

  /**
   * Draws what `view` last projected in one colour a triangle, whichever way round, and counts nothing: for leaves,
   * of which there are thousands. `extent` becomes that of the mesh, in samples, ends included.
   */
  drawFlat(mesh: Mesh, painted: Int32Array, layer: Layer, id: number, extent: Int32Array): void {
    const { corners, triangles, vertices } = mesh;
    const { iz, sx, sy, width, height } = this.#view;
    this.#view.extent(vertices, extent);
    if (extent[2] === -1) return;
    const nearest: Nearest = { width, height, z: layer.iz, triangle: layer.colour, ids: layer.id, owner: id };
    const seen = { sx, sy, z: iz };
    for (let t = 0; t < triangles; t++) {
      const a = corners[3 * t] as number;
      const b = corners[3 * t + 1] as number;
      const c = corners[3 * t + 2] as number;
      if (iz[a] === 0 || iz[b] === 0 || iz[c] === 0) continue;
      fillNearest(seen, a, b, c, nearest, painted[t] as number, false);
    }
  }

  #nextStamp(): void {
    this.#stamp += STAMP;
    if (this.#stamp < 256) return;
    this.#covered.fill(0);
    this.#stamp = STAMP;
  }

  #fillCut(mesh: Mesh, t: number, a: number, b: number, c: number, layer: Layer, id: number, coverage: Coverage): void {
    const view = this.#view;
    const before = view.count;
    const out = this.#cutting;
    let n = 0;
    for (let k = 0; k < 3; k++) {
      const from = k === 0 ? a : k === 1 ? b : c;
      const to = k === 0 ? b : k === 1 ? c : a;
      const fromSeen = (view.cz[from] as number) >= NEAR;
      const toSeen = (view.cz[to] as number) >= NEAR;
      if (fromSeen) out[n++] = from;
      if (fromSeen === toSeen) continue;
      const [inside, outside] = fromSeen ? [from, to] : [to, from];
      const share = view.cutShare(inside, outside);
      const v = view.cut(inside, outside);
      for (let k4 = 0; k4 < 4; k4++) {
        this.light[4 * v + k4] =
          (this.light[4 * inside + k4] as number) * (1 - share) + (this.light[4 * outside + k4] as number) * share;
      }
      out[n++] = v;
    }
    for (let k = 1; k + 1 < n; k++) {
      const [p, q, r] = [out[0] as number, out[k] as number, out[k + 1] as number];
      const turn =
        (at(view.sx, q) - at(view.sx, p)) * (at(view.sy, r) - at(view.sy, p)) -
        (at(view.sx, r) - at(view.sx, p)) * (at(view.sy, q) - at(view.sy, p));
      if (turn >= 0) continue;
      this.#paintCorners(mesh, t, p, q, r);
      this.#fill(p, q, r, mesh.parts[t] as number, layer, id, coverage);
    }
    view.count = before;
  }

  #paintCorners(mesh: Mesh, t: number, a: number, b: number, c: number): void {
    const colour = mesh.colours[t] as number;
    const material = mesh.materials[t];
    const own = material === EMISSIVE;
    const gain = material === RETRO ? 1.22 : 1;
    const paint = this.#paint;
    const light = this.light;
    for (let k = 0; k < 3; k++) {
      const v = 4 * (k === 0 ? a : k === 1 ? b : c);
      const shine = material === GLOSSY ? (light[v + 3] as number) : 0;
      for (let channel = 0; channel < 3; channel++) {
        const value =
          ((colour >> (16 - 8 * channel)) & 255) * (own ? 1 : gain * (light[v + channel] as number)) + shine;
        paint[3 * k + channel] = (BYTES[value > 511 ? 511 : value | 0] as number) + 0.5;
      }
    }
  }

  #fill(a: number, b: number, c: number, part: number, layer: Layer, id: number, coverage: Coverage): void {
    const { sx, sy, iz, width, height } = this.#view;
    const paint = this.#paint;
    // Corners by height: top, middle, bottom.
    let p = a;
    let q = b;
    let r = c;
    if ((sy[q] as number) < (sy[p] as number)) [p, q] = [q, p];
    if ((sy[r] as number) < (sy[q] as number)) {
      [q, r] = [r, q];
      if ((sy[q] as number) < (sy[p] as number)) [p, q] = [q, p];
    }
    const px = sx[p] as number;
    const py = sy[p] as number;
    const qx = sx[q] as number;
    const qy = sy[q] as number;
    const rx = sx[r] as number;
    const ry = sy[r] as number;
    const top = Math.max(0, Math.ceil(py - 0.5));
    const bottom = Math.min(height, Math.ceil(ry - 0.5));
    if (top >= bottom) return;
    const ax = sx[a] as number;
    const ay = sy[a] as number;
    const ux = (sx[b] as number) - ax;
    const uy = (sy[b] as number) - ay;
    const vx = (sx[c] as number) - ax;
    const vy = (sy[c] as number) - ay;
    const inverse = 1 / (ux * vy - vx * uy);
    const za = iz[a] as number;
    const zu = (iz[b] as number) - za;
    const zv = (iz[c] as number) - za;
    const zx = (zu * vy - zv * uy) * inverse;
    const zy = (zv * ux - zu * vx) * inverse;
    const r0 = paint[0] as number;
    const ru = (paint[3] as number) - r0;
    const rv = (paint[6] as number) - r0;
    const rdx = (ru * vy - rv * uy) * inverse;
    const rdy = (rv * ux - ru * vx) * inverse;
    const g0 = paint[1] as number;
    const gu = (paint[4] as number) - g0;
    const gv = (paint[7] as number) - g0;
    const gdx = (gu * vy - gv * uy) * inverse;
    const gdy = (gv * ux - gu * vx) * inverse;
    const b0 = paint[2] as number;
    const bu = (paint[5] as number) - b0;
    const bv = (paint[8] as number) - b0;
    const bdx = (bu * vy - bv * uy) * inverse;
    const bdy = (bv * ux - bu * vx) * inverse;
    // Along a row colours are counted in 65,536ths, which need no conversion from sample to sample.
    const redStep = (rdx * ONE) | 0;
    const greenStep = (gdx * ONE) | 0;
    const blueStep = (bdx * ONE) | 0;
    const long = (rx - px) / (ry - py);
    const upper = (qx - px) / (qy - py);
    const lower = (rx - qx) / (ry - qy);
    const middleLeft = qx < px + long * (qy - py);
    const { colour, iz: depth, id: ids } = layer;
    const covered = this.#covered;
    const stamp = this.#stamp;
    const bit = part === 0 ? 0 : 1 << (part - 1);
    const own = id + part;
    const counts = this.#counts;
    const { samples, extent } = coverage;
    let count = 0;
    let partCount = 0;
    let minX = width;
    let maxX = -1;
    let minY = height;
    let maxY = -1;
    for (let row = top; row < bottom; row++) {
      const y = row + 0.5;
      const onLong = px + long * (y - py);
      const onShort = y < qy ? px + upper * (y - py) : qx + lower * (y - qy);
      const left = middleLeft ? onShort : onLong;
      const right = middleLeft ? onLong : onShort;
      let from = Math.ceil(left - 0.5);
      let to = Math.ceil(right - 0.5);
      if (from < 0) from = 0;
      if (to > width) to = width;
      if (from >= to) continue;
      if (from < minX) minX = from;
      if (to - 1 > maxX) maxX = to - 1;
      if (row < minY) minY = row;
      maxY = row;
      const dx = from + 0.5 - ax;
      const dy = y - ay;
      let z = za + zx * dx + zy * dy;
      let red = ((r0 + rdx * dx + rdy * dy) * ONE) | 0;
      let green = ((g0 + gdx * dx + gdy * dy) * ONE) | 0;
      let blue = ((b0 + bdx * dx + bdy * dy) * ONE) | 0;
      const end = row * width + to;
      for (let i = row * width + from; i < end; i++) {
        if (counts) {
          const by = covered[i] as number;
          if (by < stamp) {
            covered[i] = stamp | bit;
            count++;
            partCount++;
          } else if ((by & bit) !== bit) {
            covered[i] = by | bit;
            partCount++;
          }
        }
        if (z > (depth[i] as number)) {
          depth[i] = z;
          ids[i] = own;
          colour[i] = (blue & 0xff0000) | ((green >> 8) & 0xff00) | ((red >> 16) & 0xff);
        }
        z += zx;
        red = (red + redStep) | 0;
        green = (green + greenStep) | 0;
        blue = (blue + blueStep) | 0;
      }
    }
    if (maxX < 0) return;
    samples[0] = (samples[0] as number) + count;
    widen(extent, 0, minX, minY, maxX, maxY);
    if (part === 0) return;
    samples[part] = (samples[part] as number) + partCount;
    widen(extent, 4 * part, minX, minY, maxX, maxY);
  }
}

function lit(byte: number, light: number): number {
  const value = (byte & 255) * light;
  return BYTES[value > 511 ? 511 : value | 0] as number;
}

function widen(extent: Int32Array, at: number, minX: number, minY: number, maxX: number, maxY: number): void {
  if (minX < (extent[at] as number)) extent[at] = minX;
  if (minY < (extent[at + 1] as number)) extent[at + 1] = minY;
  if (maxX > (extent[at + 2] as number)) extent[at + 2] = maxX;
  if (maxY > (extent[at + 3] as number)) extent[at + 3] = maxY;
}

function at(array: Float64Array, index: number): number {
  return array[index] as number;
}
