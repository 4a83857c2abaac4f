/** Pictures that come and show nothing: black, or the same one for ever. */
export type PictureFault = 'frozen' | 'black';

/** A sensor's noise makes no two pictures alike; an encoder may repeat one for a group of pictures or two. */
const FROZEN_MS = 15_000;
const BLACK_MS = 2_000;
/** Grey levels: video black is 16. */
const BLACK_MEAN = 22;
const BLACK_SPREAD = 10;

/** Watches low-resolution luma on capture time. */
export class PictureHealth {
  #hash = 0;
  #sameSince = 0;
  #blackSince: number | null = null;
  #known = false;

  /** @returns what is wrong with the stream of pictures, or null. */
  look(luma: Uint8Array, timeMs: number): PictureFault | null {
    let hash = 0x811c9dc5;
    let low = 255;
    let high = 0;
    let sum = 0;
    for (let i = 0; i < luma.length; i += 1) {
      const value = luma[i] ?? 0;
      // FNV-1a, 32 bits.
      hash = Math.imul(hash ^ value, 0x01000193);
      if (value < low) low = value;
      if (value > high) high = value;
      sum += value;
    }
    if (!this.#known || hash !== this.#hash) this.#sameSince = timeMs;
    this.#known = true;
    this.#hash = hash;
    const black = sum / luma.length < BLACK_MEAN && high - low < BLACK_SPREAD;
    if (!black) this.#blackSince = null;
    else this.#blackSince ??= timeMs;
    if (this.#blackSince !== null && timeMs - this.#blackSince >= BLACK_MS) return 'black';
    return timeMs - this.#sameSince >= FROZEN_MS ? 'frozen' : null;
  }
}
