import type { CameraModel, Matrix3 } from '../camera.ts';
import type { TruthObject } from '../truth.ts';
import type { Conditions } from '../world/types.ts';
import { burnIn, clockText } from './clock.ts';
import { makePlanes, type Planes, toI420 } from './convert.ts';
import { Lens } from './lens.ts';
import { applyGain, HeadlightSweep } from './light.ts';
import { IDENTITY, inverse } from './matrix.ts';
import { addNoise } from './noise.ts';
import { paintStrip } from './paint_strip.ts';
import { rainStreaks } from './rain.ts';
import { resample } from './resample.ts';
import { movedTruth, warp } from './warp.ts';

export interface SensorOptions {
  seed: number;
  /** Pixels by which the source is larger on each side, multiple of 8, so that a moving camera shows no edge. Default 0. */
  margin?: number;
  /** Burns in date, time and the camera's name. Default false. */
  clock?: boolean;
  /** Puts the counter strip into the picture: the frame's index and `t` in milliseconds. Default false. */
  strip?: boolean;
}

/**
 * What lies between the light of a scene and the encoder: mounting, lens, sensor, overlays. Nothing is
 * remembered: the same pixels, conditions, seed and time give the same picture.
 */
export class Sensor {
  readonly #camera: CameraModel;
  readonly #seed: number;
  readonly #margin: number;
  readonly #hasClock: boolean;
  readonly #hasStrip: boolean;
  readonly #source: Planes;
  readonly #shown: Planes;
  readonly #lens: Lens;
  readonly #sweep: HeadlightSweep;
  #words: Uint32Array | null = null;

  /** @throws RangeError unless the width is a multiple of 8 and the height of 2. */
  constructor(camera: CameraModel, { seed, margin = 0, clock = false, strip = false }: SensorOptions) {
    if (margin % 8 !== 0) throw new RangeError(`the margin ${margin} is not a multiple of 8`);
    this.#camera = camera;
    this.#seed = seed;
    this.#margin = margin;
    this.#hasClock = clock;
    this.#hasStrip = strip;
    this.#shown = makePlanes(camera.width, camera.height);
    this.#source = makePlanes(camera.width + 2 * margin, camera.height + 2 * margin);
    this.#lens = new Lens(seed, camera.width, camera.height);
    this.#sweep = new HeadlightSweep(camera.width);
  }

  /** At rest → as shown at `t`, normalized picture coordinates: truth moves along with it. */
  warp(conditions: Conditions, t: number): Matrix3 {
    return warp(this.#camera, this.#seed, conditions, t);
  }

  /**
   * What is true of the picture that `expose` gives: moved with it, and no more visible than dirt and cover on the lens
   * leave it. @param objects of the source picture.
   */
  truth(objects: readonly TruthObject[], conditions: Conditions, t: number): TruthObject[] {
    const { width, height } = this.#camera;
    const moved = movedTruth(objects, this.warp(conditions, t), { width, height, margin: this.#margin });
    return moved.map((object) => {
      const inSight = this.#lens.inSight(object.box, conditions);
      return inSight === 1 ? object : { ...object, visible: object.visible * inSight };
    });
  }

  /**
   * @param pixels RGBA of camera size plus margins, rows without padding, aligned to four bytes.
   * @param t seconds since the scenario began.
   * @returns I420, (3/2)·width·height bytes, overwritten by the next call.
   */
  expose(pixels: Uint8ClampedArray, conditions: Conditions, t: number): Buffer {
    const shown = this.#shown;
    const moved = this.warp(conditions, t);
    if (moved === IDENTITY && this.#margin === 0) {
      toI420(this.#wordsOf(pixels, shown), shown);
    } else {
      toI420(this.#wordsOf(pixels, this.#source), this.#source);
      resample(this.#source, shown, inverse(moved), this.#margin);
    }
    this.#sweep.apply(shown, conditions.headlights, this.#seed, t);
    applyGain(shown, conditions, this.#seed, t);
    rainStreaks(shown, conditions.rain, this.#seed, t);
    this.#lens.apply(shown, conditions, t);
    addNoise(shown, conditions, this.#seed, t);
    if (this.#hasClock) burnIn(shown, `${clockText(t)} ${this.#camera.id}`);
    if (this.#hasStrip) paintStrip(shown, Math.round(t * this.#camera.fps), Math.round(t * 1000));
    return shown.buffer;
  }

  #wordsOf(pixels: Uint8ClampedArray, { width, height }: Planes): Uint32Array {
    const words = this.#words;
    if (words && words.buffer === pixels.buffer && words.byteOffset === pixels.byteOffset) return words;
    if (pixels.length !== width * height * 4) {
      throw new RangeError(`${pixels.length} bytes are not ${width} × ${height} RGBA`);
    }
    this.#words = new Uint32Array(pixels.buffer, pixels.byteOffset, width * height);
    return this.#words;
  }
}
