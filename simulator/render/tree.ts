import type { Furniture } from '../world/furniture.ts';
import type { Point } from '../world/types.ts';
import { Mesh, rgb } from './mesh.ts';
import { hash2, noise2 } from './noise.ts';
import { LEAVES, shade, WOOD } from './props.ts';

const TWIGS = 420;
/** A middle, which is the first corner of all its triangles, and five points about it. */
export const TWIG_VERTICES = 6;
const TWIG_TRIANGLES = 5;
/** Twigs that face away from the camera more than this, a cosine, are hidden by others. */
const BEHIND = -0.1;

/** A tree at rest, seen from both sides of its leaves. */
export function addTree(mesh: Mesh, item: Furniture, seed: number): void {
  addTrunk(mesh, item, 0, seed);
  addCrown(mesh, item, seed, null);
}

function addTrunk(mesh: Mesh, item: Furniture, gust: number, seed: number): void {
  const h = item.size.heightM;
  stand(mesh, item, seed);
  mesh.pen(rgb(92, 74, 56), WOOD).loft(7);
  mesh
    .flatRing(0, 0, 0, 0.2, 0.2)
    .flatRing(0, 0, h * 0.3, 0.14, 0.14)
    .flatRing(gust * 0.4, 0, h * 0.7, 0.06, 0.06);
  mesh.finish();
}

/** Where twigs are on the crown, as angle about the trunk and sine of the height. */
interface TwigAt {
  index: number;
  u: number;
  v: number;
}

/**
 * @param from who looks: twigs that hang behind the crown are left out, those in front come first, of one side only.
 * Null: all, from both sides.
 * @returns the heights of its twigs over that of the tree.
 */
function addCrown(mesh: Mesh, item: Furniture, seed: number, from: Point | null): Float64Array {
  const own = stand(mesh, item, seed);
  const r = item.size.lengthM / 2;
  const h = item.size.heightM;
  const hue = hash2(own, 1, 9);
  const crownZ = h * 0.62;
  const crownH = h * 0.38;
  const twigs = Array.from({ length: TWIGS }, (_, index): TwigAt => {
    return { index, u: hash2(index, own, 1) * 2 * Math.PI, v: 2 * hash2(index, own, 2) - 1 };
  });
  const shown = from === null ? twigs : inFront(twigs, item.at, from, own);
  return Float64Array.from(shown, ({ index: i, u, v }) => {
    const flat = Math.sqrt(1 - v * v);
    const lump = 0.72 + 0.38 * noise2(Math.cos(u) * 1.9 + own, v * 2.2 + Math.sin(u) * 1.9, 5);
    const deep = lump * (0.45 + 0.55 * Math.sqrt(hash2(i, own, 3)));
    const z = crownZ + v * deep * crownH;
    const size = 0.26 + 0.2 * hash2(i, own, 4);
    const light = 0.62 + 0.42 * deep + 0.2 * v + 0.18 * (hash2(i, own, 5) - 0.5);
    mesh.pen(shade(rgb(70 + 34 * hue, 106 + 10 * hue, 46), light), LEAVES);
    addTwig(mesh, Math.cos(u) * flat * deep * r, Math.sin(u) * flat * deep * r, z, size, u, v, i, from === null);
    return z / h;
  });
}

/** What is drawn behind other leaves costs as much as what is seen. */
function inFront(twigs: TwigAt[], at: Point, from: Point, turned: number): TwigAt[] {
  const towards = Math.atan2(from.y - at.y, from.x - at.x) - turned;
  const facing = ({ u, v }: TwigAt): number => Math.cos(u - towards) * Math.sqrt(1 - v * v);
  return twigs.filter((twig) => facing(twig) > BEHIND).sort((a, b) => facing(b) - facing(a));
}

/** Leaves on a twig: five triangles about a point, bulging away from the tree. */
function addTwig(
  mesh: Mesh,
  x: number,
  y: number,
  z: number,
  size: number,
  u: number,
  v: number,
  i: number,
  isDouble: boolean,
): void {
  const first = mesh.vertices;
  const turn = i * 2.4;
  const middle = mesh.vertex(x, y, z + size * 0.35);
  for (let k = 0; k < 5; k++) {
    const a = turn + (k * 2 * Math.PI) / 5;
    const reach = size * (k % 2 === 0 ? 1.25 : 0.75);
    const tilt = Math.sin(a + u) * 0.6;
    mesh.vertex(x + Math.cos(a) * reach, y + Math.sin(a) * reach, z - size * 0.25 + tilt * reach);
  }
  for (let k = 1; k <= 5; k++) {
    const next = k === 5 ? 1 : k + 1;
    mesh.triangle(middle, first + k, first + next);
    if (isDouble) mesh.triangle(middle, first + next, first + k);
  }
  // Lit as the crown is, not as each leaf.
  const flat = Math.sqrt(1 - v * v) * 0.8;
  mesh.aim(first, Math.cos(u) * flat, Math.sin(u) * flat, 0.35 + 0.6 * v);
}

/** Puts the mesh's frame where the tree stands; returns what makes this tree differ from others. */
function stand(mesh: Mesh, { at }: Furniture, seed: number): number {
  const own = Math.floor(hash2(Math.round(at.x * 8), Math.round(at.y * 8), seed) * 65536);
  mesh.at.reset().move(at.x, at.y, 0).turn('z', own);
  return own;
}

/** A tree in the wind. Its twigs are thought up once; in each picture they only move. */
export class WindyTree {
  /** Of one side only. */
  readonly crown = new Mesh(TWIGS * TWIG_VERTICES, TWIGS * TWIG_TRIANGLES);
  /** Colours of the crown's triangles in the light of the day. */
  readonly painted = new Int32Array(TWIGS * TWIG_TRIANGLES);
  readonly #item: Furniture;
  readonly #seed: number;
  readonly #own: number;
  readonly #heights: Float64Array;
  readonly #restX: Float32Array;
  readonly #restY: Float32Array;

  /** @param from where the camera is. */
  constructor(item: Furniture, seed: number, from: Point) {
    this.#item = item;
    this.#seed = seed;
    this.#heights = addCrown(this.crown, item, seed, from);
    this.#own = stand(this.crown, item, seed);
    this.#restX = this.crown.x.slice();
    this.#restY = this.crown.y.slice();
  }

  /** Puts the crown where it is without wind: its light is measured there, whatever was drawn before. */
  rest(): void {
    this.crown.x.set(this.#restX);
    this.crown.y.set(this.#restY);
  }

  /** Moves the crown, and adds the trunk to another mesh. `sway` is a grade 0–3, `t` in seconds. */
  blow(sway: number, t: number, trunk: Mesh): void {
    const own = this.#own;
    const gust = sway * 0.09 * (Math.sin(t * 1.1 + own) + 0.5 * Math.sin(t * 2.7 + 1.7 * own));
    addTrunk(trunk, this.#item, gust, this.#seed);
    const c = Math.cos(own);
    const s = Math.sin(own);
    const { x, y } = this.crown;
    for (let i = 0, v = 0; i < this.#heights.length; i++) {
      const give = gust * (this.#heights[i] as number) + sway * 0.035 * Math.sin(t * (4 + (i % 7)) + i);
      const dx = give * (c - 0.4 * s);
      const dy = give * (s + 0.4 * c);
      for (const end = v + TWIG_VERTICES; v < end; v++) {
        x[v] = (this.#restX[v] as number) + dx;
        y[v] = (this.#restY[v] as number) + dy;
      }
    }
  }
}
