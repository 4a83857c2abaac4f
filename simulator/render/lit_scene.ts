import { BYTES, clamp, encoded, type Light } from './light.ts';
import { GROUND, LAMP_FULL, LIGHT_SOURCE, type Scene, SKY } from './scene.ts';
import type { View } from './view.ts';

/** More light on one sample: what shadows leave of sun, sky and lamps, 0–1, and what headlights add, linear. */
export interface Touch {
  sun: number;
  sky: number;
  lamp: number;
  beam: number;
}

/** A scene under a light: colours of its samples, and of the picture's pixels (2×2 samples each). */
export class LitScene {
  readonly scene: Scene;
  readonly colour: Int32Array;
  readonly pixels: Int32Array;
  readonly #view: View;
  /** Linear red, green, blue by byte of sun, sky and lamp. */
  readonly #sun = new Float32Array(768);
  readonly #sky = new Float32Array(768);
  readonly #lamp = new Float32Array(768);
  #light: Light | null = null;

  constructor(scene: Scene, view: View) {
    this.scene = scene;
    this.#view = view;
    this.colour = new Int32Array(view.width * view.height);
    this.pixels = new Int32Array((view.width * view.height) / 4);
  }

  /** Returns whether anything changed. */
  light(light: Light): boolean {
    if (this.#light?.key === light.key) return false;
    this.#light = light;
    for (let byte = 0; byte < 256; byte++) {
      for (let channel = 0; channel < 3; channel++) {
        const at = 3 * byte + channel;
        this.#sun[at] = ((light.sun[channel] ?? 0) * byte) / 255;
        this.#sky[at] = ((light.sky[channel] ?? 0) * byte) / 255;
        this.#lamp[at] = ((light.lamp[channel] ?? 0) * byte) / LAMP_FULL;
      }
    }
    const { colour } = this;
    for (let i = 0; i < colour.length; i++) colour[i] = this.touched(i, null);
    this.#resolve();
    return true;
  }

  /** Makes the next call of `light` shade all samples anew. */
  forget(): void {
    this.#light = null;
  }

  /** Colour of a sample, 0xFFBBGGRR as a signed number. */
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

  #resolve(): void {
    const { colour, pixels } = this;
    const width = this.#view.width;
    const half = width / 2;
    for (let y = 0, o = 0; y < this.#view.height / 2; y++) {
      for (let x = 0, i = 2 * y * width; x < half; x++, o++, i += 2) {
        pixels[o] = mean4(
          colour[i] as number,
          colour[i + 1] as number,
          colour[i + width] as number,
          colour[i + width + 1] as number,
        );
      }
    }
  }
}

/** Of four colours, byte by byte, two bytes at a time. */
export function mean4(a: number, b: number, c: number, d: number): number {
  const odd = (a & 0xff00ff) + (b & 0xff00ff) + (c & 0xff00ff) + (d & 0xff00ff) + 0x20002;
  const even = ((a >>> 8) & 0xff) + ((b >>> 8) & 0xff) + ((c >>> 8) & 0xff) + ((d >>> 8) & 0xff) + 2;
  return 0xff000000 | ((odd >>> 2) & 0xff00ff) | ((even << 6) & 0xff00);
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
