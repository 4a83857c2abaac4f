import { Affine } from './affine.ts';

/** Sides of lofts: cosine and sine, by number of sides. */
const CIRCLES = new Map<number, Float64Array>();

function circle(sides: number): Float64Array {
  const known = CIRCLES.get(sides);
  if (known) return known;
  const made = new Float64Array(2 * sides);
  for (let i = 0; i < sides; i++) {
    made[2 * i] = Math.cos((2 * Math.PI * (i + 0.5)) / sides);
    made[2 * i + 1] = Math.sin((2 * Math.PI * (i + 0.5)) / sides);
  }
  CIRCLES.set(sides, made);
  return made;
}

export function rgb(red: number, green: number, blue: number): number {
  return (red << 16) | (green << 8) | blue;
}

/** The colour of an actor's look, lighter or darker. */
export function tint([red, green, blue]: readonly [number, number, number], factor = 1): number {
  const byte = (value: number): number => Math.max(0, Math.min(255, Math.round(value * factor)));
  return rgb(byte(red), byte(green), byte(blue));
}

/** How a triangle takes light: as it is, with a highlight, by its own light, or throwing light back to its lamp. */
export const MATTE = 0;
export const GLOSSY = 1;
export const EMISSIVE = 2;
export const RETRO = 3;

/**
 * Triangles in world metres, made again in every frame in the same arrays. `colour`, `material` and `part` are
 * a pen's: they go on what is added next. Triangles run counter-clockwise seen from outside.
 */
export class Mesh {
  readonly at = new Affine();
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly z: Float32Array;
  readonly nx: Float32Array;
  readonly ny: Float32Array;
  readonly nz: Float32Array;
  readonly corners: Uint32Array;
  readonly colours: Uint32Array;
  readonly materials: Uint8Array;
  readonly parts: Uint8Array;
  vertices = 0;
  triangles = 0;
  colour = 0x808080;
  material = MATTE;
  part = 0;
  /** Colours by side of a loft; null: `colour`. */
  palette: Uint32Array | null = null;
  #sides = 8;
  #circle = circle(8);
  #firstVertex = 0;
  #firstTriangle = 0;
  #rings = 0;

  constructor(maxVertices: number, maxTriangles: number) {
    this.x = new Float32Array(maxVertices);
    this.y = new Float32Array(maxVertices);
    this.z = new Float32Array(maxVertices);
    this.nx = new Float32Array(maxVertices);
    this.ny = new Float32Array(maxVertices);
    this.nz = new Float32Array(maxVertices);
    this.corners = new Uint32Array(3 * maxTriangles);
    this.colours = new Uint32Array(maxTriangles);
    this.materials = new Uint8Array(maxTriangles);
    this.parts = new Uint8Array(maxTriangles);
  }

  clear(): this {
    this.vertices = 0;
    this.triangles = 0;
    this.colour = 0x808080;
    this.material = MATTE;
    this.part = 0;
    this.palette = null;
    this.at.reset();
    return this;
  }

  pen(colour: number, material = MATTE): this {
    this.colour = colour;
    this.material = material;
    return this;
  }

  /** In the frame of `at`; returns its index. Beyond the mesh's size nothing is added. */
  vertex(x: number, y: number, z: number): number {
    const m = this.at.m;
    const i = Math.min(this.vertices, this.x.length - 1);
    this.vertices = i + 1;
    this.x[i] = (m[0] as number) * x + (m[1] as number) * y + (m[2] as number) * z + (m[3] as number);
    this.y[i] = (m[4] as number) * x + (m[5] as number) * y + (m[6] as number) * z + (m[7] as number);
    this.z[i] = (m[8] as number) * x + (m[9] as number) * y + (m[10] as number) * z + (m[11] as number);
    this.nx[i] = 0;
    this.ny[i] = 0;
    this.nz[i] = 0;
    return i;
  }

  triangle(a: number, b: number, c: number, colour = this.colour): void {
    const t = this.triangles;
    if (t >= this.colours.length) return;
    this.triangles = t + 1;
    this.corners[3 * t] = a;
    this.corners[3 * t + 1] = b;
    this.corners[3 * t + 2] = c;
    this.colours[t] = colour;
    this.materials[t] = this.material;
    this.parts[t] = this.part;
  }

  /** A flat face from four vertices of its own. */
  quad(points: readonly number[]): void {
    const first = this.triangles;
    const p = (i: number): number => points[i] ?? 0;
    const a = this.vertex(p(0), p(1), p(2));
    const b = this.vertex(p(3), p(4), p(5));
    const c = this.vertex(p(6), p(7), p(8));
    const d = this.vertex(p(9), p(10), p(11));
    this.triangle(a, b, c);
    this.triangle(a, c, d);
    this.#normals(a, first);
  }

  /** Edges along the axes of `at`, between two corners; `taper` draws the top in, by share of its size. */
  box(x0: number, y0: number, z0: number, x1: number, y1: number, z1: number, taper = 0): void {
    const [ex, ey] = [(taper * (x1 - x0)) / 2, (taper * (y1 - y0)) / 2];
    const [a, b, c, d] = [x0 + ex, y0 + ey, x1 - ex, y1 - ey];
    this.#face(x0, y0, z0, x1, y0, z0, c, b, z1, a, b, z1);
    this.#face(x1, y1, z0, x0, y1, z0, a, d, z1, c, d, z1);
    this.#face(x0, y1, z0, x0, y0, z0, a, b, z1, a, d, z1);
    this.#face(x1, y0, z0, x1, y1, z0, c, d, z1, c, b, z1);
    this.#face(a, b, z1, c, b, z1, c, d, z1, a, d, z1);
    this.#face(x0, y1, z0, x1, y1, z0, x1, y0, z0, x0, y0, z0);
  }

  /** A bar of square section between two points. */
  bar(x0: number, y0: number, z0: number, x1: number, y1: number, z1: number, thick: number, sides = 4): void {
    this.loft(sides);
    const [dx, dy, dz] = [x1 - x0, y1 - y0, z1 - z0];
    const length = Math.hypot(dx, dy, dz) || 1;
    const upright = Math.abs(dz) > 0.9 * length;
    const r = (thick / 2) * (sides === 4 ? Math.SQRT2 : 1);
    // Any two directions across the bar do.
    const flat = Math.hypot(dx, dy) || 1;
    const [sx, sy] = upright ? [1, 0] : [-dy / flat, dx / flat];
    const [ux, uy, uz] = upright
      ? [0, 1, 0]
      : [(-dx / flat) * (dz / length), (-dy / flat) * (dz / length), flat / length];
    this.ring(x0, y0, z0, sx * r, sy * r, 0, ux * r, uy * r, uz * r);
    this.ring(x1, y1, z1, sx * r, sy * r, 0, ux * r, uy * r, uz * r);
    this.finish(true, true, sides === 4);
  }

  /** Begins a body made of rings. */
  loft(sides: number): this {
    this.#sides = sides;
    this.#circle = circle(sides);
    this.#firstVertex = this.vertices;
    this.#firstTriangle = this.triangles;
    this.#rings = 0;
    return this;
  }

  /** A ring round a centre, spanned by two half axes; joined to the ring before it. */
  ring(
    cx: number,
    cy: number,
    cz: number,
    sx: number,
    sy: number,
    sz: number,
    fx: number,
    fy: number,
    fz: number,
  ): this {
    const sides = this.#sides;
    const round = this.#circle;
    const start = this.vertices;
    for (let i = 0; i < sides; i++) {
      const c = round[2 * i] as number;
      const s = round[2 * i + 1] as number;
      this.vertex(cx + c * sx + s * fx, cy + c * sy + s * fy, cz + c * sz + s * fz);
    }
    if (this.#rings > 0) {
      const before = start - sides;
      for (let i = 0; i < sides; i++) {
        const next = i + 1 === sides ? 0 : i + 1;
        const colour = this.palette === null ? this.colour : (this.palette[i % this.palette.length] as number);
        this.triangle(before + i, before + next, start + next, colour);
        this.triangle(before + i, start + next, start + i, colour);
      }
    }
    this.#rings++;
    return this;
  }

  /** A ring that lies flat: half axes along x and y. */
  flatRing(cx: number, cy: number, cz: number, rx: number, ry: number): this {
    return this.ring(cx, cy, cz, rx, 0, 0, 0, ry, 0);
  }

  /** Closes the ends where asked, turns the surface outwards and finds its normals (`flat`: one a face). */
  finish(capStart = true, capEnd = true, flat = false): void {
    const sides = this.#sides;
    const first = this.#firstVertex;
    if (capStart) this.#cap(first, true);
    if (capEnd) this.#cap(first + (this.#rings - 1) * sides, false);
    this.#outwards();
    if (flat) this.#split();
    else this.#normals(first, this.#firstTriangle);
  }

  /** One normal a vertex for all from these on. */
  smooth(firstVertex: number, firstTriangle: number): void {
    this.#normals(firstVertex, firstTriangle);
  }

  /** Sets the normal of all vertices from `firstVertex` on, given in the frame of `at`. */
  aim(firstVertex: number, x: number, y: number, z: number): void {
    const m = this.at.m;
    const length = Math.hypot(x, y, z) || 1;
    for (let v = firstVertex; v < this.vertices; v++) {
      for (const [row, normals] of [this.nx, this.ny, this.nz].entries()) {
        normals[v] =
          ((m[4 * row] as number) * x + (m[4 * row + 1] as number) * y + (m[4 * row + 2] as number) * z) / length;
      }
    }
  }

  /** Adds the back of a sheet that was added from these indices on. */
  mirror(firstVertex: number, firstTriangle: number): void {
    const shift = this.vertices - firstVertex;
    const lastVertex = this.vertices;
    for (let v = firstVertex; v < lastVertex && this.vertices < this.x.length; v++) {
      const i = this.vertices++;
      for (const array of [this.x, this.y, this.z]) array[i] = at(array, v);
      for (const array of [this.nx, this.ny, this.nz]) array[i] = -at(array, v);
    }
    const last = this.triangles;
    for (let t = firstTriangle; t < last; t++) {
      const a = (this.corners[3 * t] as number) + shift;
      const b = (this.corners[3 * t + 1] as number) + shift;
      const c = (this.corners[3 * t + 2] as number) + shift;
      this.triangle(a, c, b, this.colours[t]);
    }
  }

  #cap(start: number, reversed: boolean): void {
    for (let i = 1; i + 1 < this.#sides; i++) {
      if (reversed) this.triangle(start, start + i + 1, start + i);
      else this.triangle(start, start + i, start + i + 1);
    }
  }

  #face(
    ax: number,
    ay: number,
    az: number,
    bx: number,
    by: number,
    bz: number,
    cx: number,
    cy: number,
    cz: number,
    dx: number,
    dy: number,
    dz: number,
  ): void {
    const first = this.triangles;
    const a = this.vertex(ax, ay, az);
    const b = this.vertex(bx, by, bz);
    const c = this.vertex(cx, cy, cz);
    const d = this.vertex(dx, dy, dz);
    this.triangle(a, b, c);
    this.triangle(a, c, d);
    this.#normals(a, first);
  }

  /** A body's signed volume says which way its faces look. */
  #outwards(): void {
    const { x, y, z, corners } = this;
    const o = this.#firstVertex;
    let volume = 0;
    for (let t = this.#firstTriangle; t < this.triangles; t++) {
      const a = corners[3 * t] as number;
      const b = corners[3 * t + 1] as number;
      const c = corners[3 * t + 2] as number;
      const [ax, ay, az] = [at(x, a) - at(x, o), at(y, a) - at(y, o), at(z, a) - at(z, o)];
      const [bx, by, bz] = [at(x, b) - at(x, o), at(y, b) - at(y, o), at(z, b) - at(z, o)];
      const [cx, cy, cz] = [at(x, c) - at(x, o), at(y, c) - at(y, o), at(z, c) - at(z, o)];
      volume += ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx);
    }
    if (volume >= 0) return;
    for (let t = this.#firstTriangle; t < this.triangles; t++) {
      const b = corners[3 * t + 1] as number;
      corners[3 * t + 1] = corners[3 * t + 2] as number;
      corners[3 * t + 2] = b;
    }
  }

  /** Gives every face of the loft vertices of its own. */
  #split(): void {
    const { x, y, z, corners } = this;
    const last = this.triangles;
    for (let t = this.#firstTriangle; t < last; t++) {
      const from = this.vertices;
      for (let k = 0; k < 3; k++) {
        const v = corners[3 * t + k] as number;
        const i = Math.min(this.vertices, x.length - 1);
        this.vertices = i + 1;
        x[i] = at(x, v);
        y[i] = at(y, v);
        z[i] = at(z, v);
        this.nx[i] = 0;
        this.ny[i] = 0;
        this.nz[i] = 0;
        corners[3 * t + k] = i;
      }
      this.#normals(from, t, t + 1);
    }
  }

  /** Mean of the faces that meet in a vertex, by their area. */
  #normals(firstVertex: number, firstTriangle: number, endTriangle = this.triangles): void {
    const { x, y, z, nx, ny, nz, corners } = this;
    for (let t = firstTriangle; t < endTriangle; t++) {
      const a = corners[3 * t] as number;
      const b = corners[3 * t + 1] as number;
      const c = corners[3 * t + 2] as number;
      const [ux, uy, uz] = [at(x, b) - at(x, a), at(y, b) - at(y, a), at(z, b) - at(z, a)];
      const [vx, vy, vz] = [at(x, c) - at(x, a), at(y, c) - at(y, a), at(z, c) - at(z, a)];
      const [px, py, pz] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
      for (let k = 0; k < 3; k++) {
        const v = corners[3 * t + k] as number;
        nx[v] = at(nx, v) + px;
        ny[v] = at(ny, v) + py;
        nz[v] = at(nz, v) + pz;
      }
    }
    for (let v = firstVertex; v < this.vertices; v++) {
      const length = Math.sqrt(at(nx, v) ** 2 + at(ny, v) ** 2 + at(nz, v) ** 2) || 1;
      nx[v] = at(nx, v) / length;
      ny[v] = at(ny, v) / length;
      nz[v] = at(nz, v) / length;
    }
  }
}

function at(array: Float32Array, index: number): number {
  return array[index] as number;
}
