import type { CameraModel } from '../camera.ts';
import type { TruthObject } from '../truth.ts';
import { FURNITURE, type Furniture } from '../world/furniture.ts';
import {
  type ActorState,
  type Conditions,
  type Point,
  type SitePlan,
  VEHICLE_SIZE,
  type VehicleState,
} from '../world/types.ts';
import { ActorLight } from './actor_light.ts';
import { Ground } from './ground.ts';
import { GroundShadows } from './ground_shadow.ts';
import { InsideShare } from './inside.ts';
import { type Light, lightOf } from './light.ts';
import { isSunlit, LitScene, mean4, meanOf, type Touch } from './lit_scene.ts';
import { Mesh } from './mesh.ts';
import { addPerson } from './person.ts';
import { type Coverage, type Layer, makeCoverage, makeLayer, PARTS, Rasteriser } from './raster.ts';
import { GROUND, type LampAt, lampsOf, Scene } from './scene.ts';
import { PIXELS, SAMPLES, Tiles, type VisitRun } from './tiles.ts';
import { truthOf } from './truth_of.ts';
import { addVehicle } from './vehicles.ts';
import { View } from './view.ts';
import { SCENERY_ID, SCENERY_PAIR, Wind } from './wind.ts';

/** Samples a pixel is made of, along each side. */
export const SUPERSAMPLING = 2;
/** Of one actor or tree. */
const MAX_VERTICES = 9000;
const MAX_TRIANGLES = 9000;
/** More actors in a picture than this are not drawn. */
const MAX_ACTORS = 200;
/** People and vehicles nearer than this get more sides, metres. */
const FINE_M = 17;
/** Share of a light that the shadow of an actor takes. */
const SHADE = { sun: 0.96, lamp: 0.72, sky: 0.62 };

export interface RenderOptions {
  seed: number;
  furniture?: readonly Furniture[];
  /** Whether to keep the still scene's colours from frame to frame; off only to measure what that saves. */
  keepScene?: boolean;
}

export interface Rendered {
  /** RGBA, width × height; the next call overwrites it. */
  pixels: Uint8ClampedArray;
  objects: TruthObject[];
}

/** Pictures of the site as one camera sees it, and what is truly in them. */
export class SceneRenderer {
  readonly camera: CameraModel;
  readonly #seed: number;
  readonly #keepScene: boolean;
  readonly #furniture: readonly Furniture[];
  readonly #lamps: readonly LampAt[];
  readonly #ground: Ground;
  readonly #view: View;
  readonly #mesh = new Mesh(MAX_VERTICES, MAX_TRIANGLES);
  readonly #rasteriser: Rasteriser;
  readonly #layer: Layer;
  readonly #tiles: Tiles;
  /** Where the layer still holds what an earlier frame drew: cleared only where something is drawn or looked up. */
  readonly #stale: Tiles;
  readonly #reach = new Int32Array(4);
  readonly #shadows: GroundShadows;
  readonly #actorLight: ActorLight;
  readonly #inside: InsideShare;
  readonly #coverages: Coverage[] = [];
  readonly #visible = new Int32Array(PARTS * MAX_ACTORS + 1);
  readonly #pixels: Int32Array;
  readonly #bytes: Uint8ClampedArray;
  readonly #touch: Touch = { sun: 1, sky: 1, lamp: 1, beam: 0 };
  #still: LitScene | null = null;
  #bare: LitScene | null = null;
  #shown: LitScene | null = null;
  #wind: Wind | null = null;

  constructor(plan: SitePlan, camera: CameraModel, options: RenderOptions) {
    this.camera = camera;
    this.#seed = options.seed;
    this.#keepScene = options.keepScene ?? true;
    this.#furniture = options.furniture ?? FURNITURE;
    this.#lamps = lampsOf(this.#furniture);
    this.#ground = new Ground(plan, options.seed);
    this.#view = new View(camera, SUPERSAMPLING, MAX_VERTICES);
    this.#rasteriser = new Rasteriser(this.#view);
    const size = this.#view.width * this.#view.height;
    this.#layer = makeLayer(size);
    this.#tiles = new Tiles(camera.width, camera.height);
    this.#stale = new Tiles(camera.width, camera.height);
    this.#shadows = new GroundShadows(camera, MAX_VERTICES, this.#tiles);
    this.#actorLight = new ActorLight(this.#view, this.#rasteriser.light, this.#lamps);
    this.#inside = new InsideShare(this.#view);
    this.#pixels = new Int32Array(camera.width * camera.height);
    this.#bytes = new Uint8ClampedArray(this.#pixels.buffer);
  }

  /** `t` in seconds moves leaves, cloth and clouds. The same arguments give the same bytes. */
  render(actors: readonly ActorState[], conditions: Conditions, t: number): Rendered {
    const light = lightOf(conditions, t, this.#seed);
    const lit = this.#sceneFor(conditions.sway > 0);
    if (!this.#keepScene) lit.forget();
    const isNew = lit.light(light);
    this.#actorLight.set(light, lit.scene, headlightsOf(actors, light));
    const wind = conditions.sway > 0 ? this.#blow(conditions.sway, t, lit, isNew) : null;
    this.#restore(lit, isNew, wind);
    const drawn: ActorState[] = [];
    for (const actor of actors) {
      if (
        drawn.length < MAX_ACTORS &&
        this.#isNear(actor, actor.kind === 'person' ? 2.2 : VEHICLE_SIZE[actor.kind].lengthM) &&
        this.#drawActor(actor, drawn.length, light)
      )
        drawn.push(actor);
    }
    this.#markBeams();
    this.#visible.fill(0);
    this.#resolve(lit, light);
    const objects = drawn.flatMap((actor, index) =>
      truthOf(actor, this.#coverages[index] as Coverage, this.#visible, 1 + PARTS * index, this.#view),
    );
    return { pixels: this.#bytes, objects };
  }

  /** Whose sample is in the middle of each pixel's upper left quarter: 0 nobody's, else 1 + 3·index + part. For tests. */
  ids(): Uint16Array {
    this.#stale.each(this.#putBack);
    return this.#layer.id;
  }

  #sceneFor(sways: boolean): LitScene {
    const make = (still: boolean): LitScene =>
      new LitScene(new Scene(this.#view, this.#ground, this.#furniture, this.#seed, still), this.#view);
    if (sways) {
      this.#bare ??= make(false);
      return this.#bare;
    }
    this.#still ??= make(true);
    return this.#still;
  }

  #blow(sway: number, t: number, lit: LitScene, isNew: boolean): Wind {
    const isFirst = this.#wind === null;
    this.#wind ??= new Wind(this.#view, this.#rasteriser, this.#mesh, this.#seed);
    const swaying = this.#furniture.filter(
      (item) => (item.kind === 'tree' || item.kind === 'tarpaulin') && this.#isNear(item, item.size.heightM),
    );
    this.#wind.blow(swaying, sway, t, lit, isNew || isFirst, this.#actorLight, this.#tiles);
    return this.#wind;
  }

  /** Puts back what is behind the actors where the last frame drew over it, or the wind moved it. */
  #restore(lit: LitScene, isNew: boolean, wind: Wind | null): void {
    const { colour, iz, id } = this.#layer;
    const tiles = this.#tiles;
    const { marked } = tiles;
    const behind = wind?.pixels ?? lit.pixels;
    if (this.#shown !== lit) {
      this.#shown = lit;
      iz.set(wind?.layer.iz ?? lit.scene.iz);
      id.fill(0);
      if (wind !== null) {
        id.set(wind.layer.id);
        colour.set(wind.layer.colour);
      }
      this.#pixels.set(behind);
      this.#shadows.direct.fill(0);
      this.#shadows.sky.fill(0);
      marked.fill(0);
      this.#stale.marked.fill(0);
      return;
    }
    if (isNew) this.#pixels.set(behind);
    const { width } = this.camera;
    const pixels = this.#pixels;
    const { direct, sky } = this.#shadows;
    const stale = this.#stale.marked;
    tiles.each((first, last, left, top, right, bottom) => {
      const mark = marked[first] as number;
      marked.fill(0, first, last);
      if ((mark & SAMPLES) !== 0) stale.fill(1, first, last);
      const isShaded = (mark & PIXELS) !== 0;
      for (let y = top; y < bottom; y++) {
        const start = y * width + left;
        const end = y * width + right;
        for (let i = start; i < end; i++) pixels[i] = behind[i] as number;
        if (!isShaded) continue;
        for (let i = start; i < end; i++) direct[i] = sky[i] = 0;
      }
    });
  }

  /** Makes a tile of the layer what is behind the actors. */
  readonly #putBack: VisitRun = (first, end, left, top, right, bottom) => {
    const { width } = this.camera;
    const lit = this.#shown as LitScene;
    const wind = lit === this.#bare ? (this.#wind as Wind).layer : null;
    this.#stale.marked.fill(0, first, end);
    for (let y = 2 * top; y < 2 * bottom; y++) putBack(this.#layer, lit, wind, y * width + left, y * width + right);
  };

  /** Before an actor is drawn that `view` projected last. */
  #freshen(mesh: Mesh): void {
    const isCut = this.#view.extent(mesh.vertices, this.#reach);
    // What is cut off before the camera may reach anywhere.
    if (isCut) this.#stale.each(this.#putBack);
    else this.#stale.eachOfSamples(this.#reach, this.#putBack);
  }

  /** Whether any of an actor can be in the picture. */
  #isNear({ at }: { at: Point }, reach: number): boolean {
    const { axes, position, focal, width, height } = this.#view;
    const [x, y, z] = [at.x - (position[0] as number), at.y - (position[1] as number), 1 - (position[2] as number)];
    const along = (k: number): number =>
      x * (axes[k] as number) + y * (axes[k + 1] as number) + z * (axes[k + 2] as number);
    const depth = along(6);
    if (depth < -reach) return false;
    const edge = (size: number): number => (Math.max(0, depth) * size) / 2 / focal + reach * 1.6;
    return Math.abs(along(0)) < edge(width) && Math.abs(along(3)) < edge(height);
  }

  #drawActor(actor: ActorState, index: number, light: Light): boolean {
    const mesh = this.#mesh.clear();
    const groundZ = this.#ground.height(actor.at.x, actor.at.y);
    const [px, py, pz] = this.#view.position as unknown as [number, number, number];
    const away = Math.hypot(actor.at.x - px, actor.at.y - py, pz);
    if (actor.kind === 'person') addPerson(mesh, actor, groundZ, away < FINE_M);
    else addVehicle(mesh, actor, groundZ, away < FINE_M);
    this.#view.project(mesh);
    this.#freshen(mesh);
    this.#actorLight.shine(mesh, groundZ);
    this.#coverages[index] ??= makeCoverage();
    const coverage = this.#coverages[index] as Coverage;
    this.#rasteriser.draw(mesh, this.#layer, 1 + PARTS * index, coverage);
    coverage.inside.fill(1);
    const isSeen = (coverage.samples[0] as number) > 0;
    if (isSeen) {
      this.#tiles.markSamples(coverage.extent);
      this.#inside.measure(mesh, coverage);
    }
    this.#shadows.add(mesh, groundZ, isSunlit(light) ? null : this.#lampFor(actor));
    return isSeen;
  }

  /** The lamp that throws an actor's shadow at night. */
  #lampFor({ at }: ActorState): LampAt | null {
    let best: LampAt | null = null;
    let near = Number.POSITIVE_INFINITY;
    for (const lamp of this.#lamps) {
      const away = Math.hypot(lamp.x - at.x, lamp.y - at.y);
      if (away >= near) continue;
      near = away;
      best = lamp;
    }
    return best;
  }

  #markBeams(): void {
    for (const beam of this.#actorLight.beams) {
      const box = beam.extent(this.#view);
      if (box !== null) this.#tiles.mark(box.left / 2, box.top / 2, box.right / 2, box.bottom / 2, PIXELS);
    }
  }

  #resolve(lit: LitScene, light: Light): void {
    const { width } = this.camera;
    const { colour, idPairs } = this.#layer;
    const { direct, sky } = this.#shadows;
    const visible = this.#visible;
    const bySun = isSunlit(light);
    const hasBeams = this.#actorLight.beams.length > 0;
    const pixels = this.#pixels;
    const { albedo } = lit.scene;
    this.#tiles.each((first, end, left, top, right, bottom) => {
      this.#stale.eachOf(first, end, this.#putBack);
      for (let y = top; y < bottom; y++) {
        let pair = 2 * y * width + left;
        for (let x = left, o = y * width + x; x < right; x++, o++, pair++) {
          const upper = idPairs[pair] as number;
          const lower = idPairs[pair + width] as number;
          const all = upper | lower;
          const isTouched = direct[o] !== 0 || sky[o] !== 0 || hasBeams;
          const isActor = (all & ~SCENERY_PAIR) !== 0;
          // What is behind the actors is there already.
          if (!isActor && !isTouched) continue;
          const i = 2 * pair;
          const j = i + 2 * width;
          if (all === 0 && !hasBeams && isGround(albedo, i, j)) {
            this.#touchWith(direct[o] as number, sky[o] as number, bySun);
            pixels[o] = inProportion(pixels[o] as number, lit.colour(i), lit.touched(i, this.#touch));
            continue;
          }
          const ia = upper & 0xffff;
          const ib = upper >>> 16;
          if (upper === lower && ia === ib && ia !== 0) {
            // Inside one actor, as most are.
            if (isActor) visible[ia] = (visible[ia] as number) + 4;
            pixels[o] = meanOf(colour, i, j);
            continue;
          }
          const ja = lower & 0xffff;
          const jb = lower >>> 16;
          if (isActor) {
            count(visible, ia);
            count(visible, ib);
            count(visible, ja);
            count(visible, jb);
          }
          let a = ia === 0 ? lit.colour(i) : (colour[i] as number);
          let b = ib === 0 ? lit.colour(i + 1) : (colour[i + 1] as number);
          let c = ja === 0 ? lit.colour(j) : (colour[j] as number);
          let d = jb === 0 ? lit.colour(j + 1) : (colour[j + 1] as number);
          if (isTouched) {
            this.#touchWith(direct[o] as number, sky[o] as number, bySun);
            if (ia === 0) a = this.#touched(lit, i, a, x + x, y + y, hasBeams);
            if (ib === 0) b = this.#touched(lit, i + 1, b, x + x + 1, y + y, hasBeams);
            if (ja === 0) c = this.#touched(lit, j, c, x + x, y + y + 1, hasBeams);
            if (jb === 0) d = this.#touched(lit, j + 1, d, x + x + 1, y + y + 1, hasBeams);
          }
          pixels[o] = mean4(a, b, c, d);
        }
      }
    });
  }

  #touchWith(direct: number, sky: number, bySun: boolean): void {
    const touch = this.#touch;
    touch.sun = bySun ? 1 - (SHADE.sun * direct) / 255 : 1;
    touch.lamp = bySun ? 1 : 1 - (SHADE.lamp * direct) / 255;
    touch.sky = 1 - (SHADE.sky * sky) / 255;
    if (!bySun) touch.lamp *= 1 - (0.4 * sky) / 255;
  }

  #touched(lit: LitScene, i: number, was: number, sx: number, sy: number, hasBeams: boolean): number {
    const kind = (lit.scene.albedo[i] as number) >>> 24;
    if (kind !== GROUND && !(hasBeams && kind === 0)) return was;
    const touch = this.#touch;
    const beam = hasBeams ? this.#actorLight.beamAtSample(sx + 0.5, sy + 0.5, lit.scene.iz[i] as number) : 0;
    if (kind !== GROUND && beam === 0) return was;
    touch.beam = beam;
    if (kind === GROUND) return lit.touched(i, touch);
    const { sun, sky, lamp } = touch;
    touch.sun = touch.sky = touch.lamp = 1;
    const colour = lit.touched(i, touch);
    touch.sun = sun;
    touch.sky = sky;
    touch.lamp = lamp;
    return colour;
  }
}

/** Whether a pixel shows ground alone; `i` and `j` are its left samples. */
function isGround(albedo: Int32Array, i: number, j: number): boolean {
  const all = (albedo[i] as number) & (albedo[i + 1] as number) & (albedo[j] as number) & (albedo[j + 1] as number);
  return all >>> 24 === GROUND;
}

/** A pixel as much darker as one of its samples became. */
function inProportion(pixel: number, was: number, is: number): number {
  const red = Math.min(255, (((pixel & 255) * (is & 255)) / (was & 255 || 1)) | 0);
  const green = Math.min(255, ((((pixel >> 8) & 255) * ((is >> 8) & 255)) / ((was >> 8) & 255 || 1)) | 0);
  const blue = Math.min(255, ((((pixel >> 16) & 255) * ((is >> 16) & 255)) / ((was >> 16) & 255 || 1)) | 0);
  return 0xff000000 | (blue << 16) | (green << 8) | red;
}

/** Vehicles whose headlights are seen to shine: by day they are not. */
function headlightsOf(actors: readonly ActorState[], light: Light): VehicleState[] {
  if (light.sun[1] > 0.35) return [];
  return actors.filter((actor): actor is VehicleState => actor.kind !== 'person' && actor.hasHeadlights);
}

/** Samples of nobody go where nobody looks. */
function count(visible: Int32Array, id: number): void {
  const whose = id & ~SCENERY_ID;
  visible[whose] = (visible[whose] as number) + 1;
}

/** Pairs of samples of one row, as the wind or the still scene has them. */
function putBack(into: Layer, lit: LitScene, wind: Layer | null, from: number, to: number): void {
  const { colour, izPairs, idPairs } = into;
  const behind = wind?.izPairs ?? lit.scene.izPairs;
  for (let pair = from; pair < to; pair++) izPairs[pair] = behind[pair] as number;
  if (wind === null) {
    for (let pair = from; pair < to; pair++) idPairs[pair] = 0;
    return;
  }
  for (let pair = from, i = 2 * from; pair < to; pair++, i += 2) {
    const ids = wind.idPairs[pair] as number;
    idPairs[pair] = ids;
    if (ids === 0) continue;
    colour[i] = wind.colour[i] as number;
    colour[i + 1] = wind.colour[i + 1] as number;
  }
}
