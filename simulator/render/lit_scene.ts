import { BYTES, clamp, encoded, type Light, underCover } from './light.ts';
import { GROUND, LAMP_FULL, LIGHT_SOURCE, type Scene, SKY } from './scene.ts';
import type { View } from './view.ts';

/** More light on one sample: what shadows leave of sun, sky and lamps, 0–1, and what headlights add, linear. */
export interface Touch {
  sun: number;
  sky: number;
  lamp: number;
  beam: number;
}

/** A scene shaded in full: colours of its samples, and of the picture's pixels (2×2 samples each). */
interface Shaded {
  light: Light;
  colour: Int32Array;
  pixels: Int32Array;
}

/**
 * Covers of the sun between which colours are blended: shading all samples takes some fifteen times as long, and
 * clouds pass all day. A blended colour is at most a level of 255 off.
 */
const COVERS = 6;
/** Two at a time are blended; one more, so that a cloud that wavers about one of them shades nothing anew. */
const KEPT = 3;
/** Blending goes in steps that keep two bytes apart in one 32-bit multiplication. */
const WHOLE = 128;

/** A scene under a light that may change with every picture. */
export class LitScene {
  readonly scene: Scene;
  /** Of the picture, 0xFFBBGGRR as signed numbers. */
  readonly pixels: Int32Array;
  readonly #view: View;
  /** Linear red, green, blue by byte of sun, sky and lamp. */
  readonly #sun = new Float32Array(768);
  readonly #sky = new Float32Array(768);
  readonly #lamp = new Float32Array(768);
  /** Newest last. */
  readonly #shaded: Shaded[] = [];
  #from: Int32Array;
  #to: Int32Array;
  #share = 0;
  #light: Light | null = null;

  constructor(scene: Scene, view: View) {
    this.scene = scene;
    this.#view = view;
    this.pixels = new Int32Array((view.width * view.height) / 4);
    this.#from = this.#to = new Int32Array(0);
  }

  /** Returns whether anything changed. */
  light(light: Light): boolean {
    if (this.#light?.key === light.key && this.#light.cover === light.cover) return false;
    const step = Math.floor(light.cover * COVERS);
    const share = Math.round((light.cover * COVERS - step) * WHOLE);
    const from = this.#under(underCover(light, step / COVERS));
    const to = share === 0 ? from : this.#under(underCover(light, (step + 1) / COVERS));
    this.#from = from.colour;
    this.#to = to.colour;
    this.#share = share;
    const { pixels } = this;
    for (let i = 0; i < pixels.length; i++) {
      pixels[i] =
        share === 0 ? (from.pixels[i] as number) : blend(from.pixels[i] as number, to.pixels[i] as number, share);
    }
    this.#set(light);
    return true;
  }

  /** Colour of a sample, 0xFFBBGGRR as a signed number. */
  colour(i: number): number {
    const from = this.#from[i] as number;
    return this.#share === 0 ? from : blend(from, this.#to[i] as number, this.#share);
  }

  #under(light: Light): Shaded {
    const at = this.#shaded.findIndex((one) => one.light.key === light.key && one.light.cover === light.cover);
    const known = this.#shaded.splice(at, at < 0 ? 0 : 1)[0];
    const shaded = known ?? this.#shade(light);
    this.#shaded.push(shaded);
    return shaded;
  }

  #shade(light: Light): Shaded {
    const { width, height } = this.#view;
    const { colour, pixels } = (this.#shaded.length < KEPT ? undefined : this.#shaded.shift()) ?? {
      colour: new Int32Array(width * height),
      pixels: new Int32Array((width * height) / 4),
    };
    this.#set(light);
    for (let i = 0; i < colour.length; i++) colour[i] = this.touched(i, null);
    const half = width / 2;
    for (let y = 0, o = 0; y < height / 2; y++) {
      for (let x = 0, i = 2 * y * width; x < half; x++, o++, i += 2) {
        pixels[o] = meanOf(colour, i, i + width);
      }
    }
    return { light, colour, pixels };
  }

  #set(light: Light): void {
    this.#light = light;
    for (let byte = 0; byte < 256; byte++) {
      for (let channel = 0; channel < 3; channel++) {
        const at = 3 * byte + channel;
        this.#sun[at] = ((light.sun[channel] ?? 0) * byte) / 255;
        this.#sky[at] = ((light.sky[channel] ?? 0) * byte) / 255;
        this.#lamp[at] = ((light.lamp[channel] ?? 0) * byte) / LAMP_FULL;
      }
    }
  }

  /** Makes the next call of `light` shade all samples anew. */
  forget(): void {
    this.#light = null;
    this.#shaded.length = 0;
  }

  /** Colour of a sample in this very light, and under more or less of it; as `colour` gives it but for the blending. */
  touched(i: number, touch: Touch | null): number {
    const light = this.#light as Light;
    const { scene } = this;
    const albedo = scene.albedo[i] as number;
    const kind = albedo >>> 24;
    if (kind === SKY) return this.#heaven(i, light);
    let red = (albedo >> 16) & 255;
    let green = (albedo >> 8) & 255;
    let blue = albedo & 255;
    if (kind === LIGHT_SOURCE) {
      const on = 0.55 * Math.min(1, light.sky[1] * 2.2) + light.lampOn;
      return pack(red * on, green * on, blue * on);
    }
    const s = 3 * (scene.sun[i] as number);
    const k = 3 * (scene.sky[i] as number);
    const l = 3 * (scene.lamp[i] as number);
    const sun = this.#sun;
    const sky = this.#sky;
    const lamp = this.#lamp;
    let lr: number;
    let lg: number;
    let lb: number;
    if (touch === null) {
      lr = (sun[s] as number) + (sky[k] as number) + (lamp[l] as number);
      lg = (sun[s + 1] as number) + (sky[k + 1] as number) + (lamp[l + 1] as number);
      lb = (sun[s + 2] as number) + (sky[k + 2] as number) + (lamp[l + 2] as number);
    } else {
      lr =
        (sun[s] as number) * touch.sun + (sky[k] as number) * touch.sky + (lamp[l] as number) * touch.lamp + touch.beam;
      lg =
        (sun[s + 1] as number) * touch.sun +
        (sky[k + 1] as number) * touch.sky +
        (lamp[l + 1] as number) * touch.lamp +
        touch.beam * 0.95;
      lb =
        (sun[s + 2] as number) * touch.sun +
        (sky[k + 2] as number) * touch.sky +
        (lamp[l + 2] as number) * touch.lamp +
        touch.beam * 0.8;
    }
    red *= encoded(lr);
    green *= encoded(lg);
    blue *= encoded(lb);
    const { wet } = light;
    if (wet > 0 && kind === GROUND) {
      // Wet ground is darker, and mirrors the sky where water stands.
      const mirror = wet * (0.06 + 0.4 * ((scene.extra[i] as number) / 255));
      const dark = (1 - 0.3 * wet) * (1 - mirror);
      const shine = mirror * (0.75 + 0.25 * Math.min(1.5, lr));
      red = red * dark + light.horizon[0] * shine;
      green = green * dark + light.horizon[1] * shine;
      blue = blue * dark + light.horizon[2] * shine;
    }
    const haze = Math.min(0.7, light.hazePerM / (scene.iz[i] as number));
    return pack(
      red + (light.haze[0] - red) * haze,
      green + (light.haze[1] - green) * haze,
      blue + (light.haze[2] - blue) * haze,
    );
  }

  #heaven(i: number, light: Light): number {
    const up = (this.scene.sky[i] as number) / 255;
    const cloud = ((this.scene.extra[i] as number) / 255) * light.clouds;
    const at = (channel: 0 | 1 | 2): number => {
      const clear = light.horizon[channel] + (light.skyTop[channel] - light.horizon[channel]) * up;
      const white = Math.min(246, light.horizon[channel] * 1.14 + 5);
      return clear + (white - clear) * cloud;
    };
    return pack(at(0), at(1), at(2));
  }
}

/** `share` 0 to WHOLE of `b`. */
function blend(a: number, b: number, share: number): number {
  const rest = WHOLE - share;
  const odd = (a & 0xff00ff) * rest + (b & 0xff00ff) * share + 0x400040;
  const even = ((a >>> 8) & 0xff) * rest + ((b >>> 8) & 0xff) * share + 64;
  return 0xff000000 | ((odd >>> 7) & 0xff00ff) | ((even << 1) & 0xff00);
}

/** Of four colours, byte by byte, two bytes at a time. */
export function mean4(a: number, b: number, c: number, d: number): number {
  const odd = (a & 0xff00ff) + (b & 0xff00ff) + (c & 0xff00ff) + (d & 0xff00ff) + 0x20002;
  const even = ((a >>> 8) & 0xff) + ((b >>> 8) & 0xff) + ((c >>> 8) & 0xff) + ((d >>> 8) & 0xff) + 2;
  return 0xff000000 | ((odd >>> 2) & 0xff00ff) | ((even << 6) & 0xff00);
}

/** Of a pixel's samples: two from `i` on, and two of the row below from `j` on. */
export function meanOf(colour: Int32Array, i: number, j: number): number {
  return mean4(colour[i] as number, colour[i + 1] as number, colour[j] as number, colour[j + 1] as number);
}

function pack(red: number, green: number, blue: number): number {
  const r = BYTES[red > 511 ? 511 : red | 0] as number;
  const g = BYTES[green > 511 ? 511 : green | 0] as number;
  const b = BYTES[blue > 511 ? 511 : blue | 0] as number;
  return 0xff000000 | (b << 16) | (g << 8) | r;
}

/** Light of the sun against that of lamps, on the ground. */
export function isSunlit(light: Light): boolean {
  return light.sun[0] + light.sun[1] > light.lamp[0] + light.lamp[1];
}

export function luminance([red, green, blue]: readonly [number, number, number]): number {
  return clamp(0.3 * red + 0.59 * green + 0.11 * blue, 0, 4);
}
