import type { Furniture } from '../world/furniture.ts';
import type { ActorLight } from './actor_light.ts';
import { type LitScene, mean4, meanOf } from './lit_scene.ts';
import type { Mesh } from './mesh.ts';
import { addTarpaulin } from './props.ts';
import { type Coverage, type Layer, makeCoverage, makeLayer, type Rasteriser } from './raster.ts';
import { SAMPLES, TILE_SHIFT, Tiles } from './tiles.ts';
import { TWIG_VERTICES, WindyTree } from './tree.ts';
import type { View } from './view.ts';

/** Id of leaves and cloth: the bit that no actor's id has. */
export const SCENERY_ID = 0x8000;
/** Two samples of them, as `idPairs` has them. */
export const SCENERY_PAIR = (SCENERY_ID << 16) | SCENERY_ID;
/** Leaves and cloth move in steps of this many seconds: more often is not seen, and costs as much as people do. */
export const WIND_STEP_S = 0.25;

/** The still scene without what sways, and before it leaves and cloth as the wind has them. */
export class Wind {
  readonly layer: Layer;
  readonly pixels: Int32Array;
  readonly #width: number;
  readonly #seed: number;
  readonly #view: View;
  readonly #rasteriser: Rasteriser;
  readonly #mesh: Mesh;
  readonly #tiles: Tiles;
  readonly #trees = new Map<Furniture, WindyTree>();
  readonly #coverage: Coverage = makeCoverage();
  #step = Number.NaN;
  #sway = 0;
  #hadBeams = false;

  constructor(view: View, rasteriser: Rasteriser, mesh: Mesh, seed: number) {
    this.#view = view;
    this.#rasteriser = rasteriser;
    this.#mesh = mesh;
    this.#seed = seed;
    this.#width = view.width / 2;
    const size = view.width * view.height;
    this.layer = makeLayer(size);
    this.pixels = new Int32Array(size / 4);
    this.#tiles = new Tiles(this.#width, view.height / 2);
  }

  /**
   * Draws `items` as they are at `t` where they are not yet: nothing is done within a step of the wind while neither
   * the light changed (`isNew`) nor headlights play over the leaves. Tiles that changed are marked in `changed`.
   */
  blow(
    items: readonly Furniture[],
    sway: number,
    t: number,
    lit: LitScene,
    isNew: boolean,
    light: ActorLight,
    changed: Tiles,
  ): void {
    const step = Math.floor(t / WIND_STEP_S + 1e-6);
    const hasBeams = light.beams.length > 0;
    const hadBeams = this.#hadBeams;
    if (step === this.#step && sway === this.#sway && !isNew && !hasBeams && !hadBeams) return;
    this.#hadBeams = hasBeams;
    if (Number.isNaN(this.#step)) this.layer.iz.set(lit.scene.iz);
    this.#step = step;
    this.#sway = sway;
    if (isNew) this.pixels.set(lit.pixels);
    this.#clear(lit);
    const isRelit = isNew || hasBeams || hadBeams;
    for (const item of items) this.#draw(item, sway, step * WIND_STEP_S, light, isRelit);
    this.#resolve(lit, changed);
  }

  #clear(lit: LitScene): void {
    const { izPairs, idPairs } = this.layer;
    const behind = lit.scene.izPairs;
    const width = this.#width;
    this.#tiles.each((_, __, left, top, right, bottom) => {
      for (let y = 2 * top; y < 2 * bottom; y++) {
        for (let pair = y * width + left; pair < y * width + right; pair++) {
          izPairs[pair] = behind[pair] as number;
          idPairs[pair] = 0;
        }
      }
    });
  }

  #draw(item: Furniture, sway: number, t: number, light: ActorLight, isRelit: boolean): void {
    const view = this.#view;
    const mesh = this.#mesh.clear();
    if (item.kind === 'tree') {
      const known = this.#trees.get(item);
      const tree =
        known ?? new WindyTree(item, this.#seed, { x: view.position[0] as number, y: view.position[1] as number });
      this.#trees.set(item, tree);
      if (isRelit || known === undefined) {
        tree.rest();
        light.shine(tree.crown, 0, true, TWIG_VERTICES);
        this.#rasteriser.flatColours(tree.crown, tree.painted);
      }
      tree.blow(sway, t, mesh);
      view.project(tree.crown);
      this.#rasteriser.drawFlat(tree.crown, tree.painted, this.layer, SCENERY_ID, this.#coverage.extent);
      this.#mark();
    } else addTarpaulin(mesh, item, sway, t);
    view.project(mesh);
    light.shine(mesh, 0, true);
    this.#rasteriser.draw(mesh, this.layer, SCENERY_ID, this.#coverage, false);
    this.#mark();
  }

  #mark(): void {
    this.#tiles.markSamples(this.#coverage.extent);
  }

  /** Of tiles where leaves and cloth are or were. Those that they leave empty, if only in a corner, are forgotten. */
  #resolve(lit: LitScene, changed: Tiles): void {
    const { colour, id, idPairs } = this.layer;
    const { pixels } = this;
    const still = lit.pixels;
    const { marked } = this.#tiles;
    const width = this.#width;
    this.#tiles.each((first, end, left, top, right, bottom) => {
      for (let tile = first; tile < end; tile++) {
        marked[tile] = 0;
        changed.marked[tile] = (changed.marked[tile] as number) | SAMPLES;
      }
      const before = first - (left >> TILE_SHIFT);
      for (let y = top; y < bottom; y++) {
        let upper = 2 * y * width + left;
        for (let o = y * width + left; o < y * width + right; o++, upper++) {
          const ia = idPairs[upper] as number;
          const ja = idPairs[upper + width] as number;
          if ((ia | ja) === 0) {
            pixels[o] = still[o] as number;
            continue;
          }
          marked[before + ((o - y * width) >> TILE_SHIFT)] = SAMPLES;
          const i = 2 * upper;
          const j = i + 2 * width;
          if (ia === SCENERY_PAIR && ja === SCENERY_PAIR) {
            pixels[o] = meanOf(colour, i, j);
            continue;
          }
          pixels[o] = mean4(
            id[i] === 0 ? lit.colour(i) : (colour[i] as number),
            id[i + 1] === 0 ? lit.colour(i + 1) : (colour[i + 1] as number),
            id[j] === 0 ? lit.colour(j) : (colour[j] as number),
            id[j + 1] === 0 ? lit.colour(j + 1) : (colour[j + 1] as number),
          );
        }
      }
    });
  }
}
