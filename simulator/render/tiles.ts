/** Pixels along the side of a tile. */
export const TILE = 8;

/** Only its pixels change: a shadow, say. */
export const PIXELS = 1;
/** Something is drawn there, sample by sample. */
export const SAMPLES = 2;

/** The parts of a picture that differ from the still scene, as a grid of squares. */
export class Tiles {
  readonly columns: number;
  readonly rows: number;
  readonly #width: number;
  readonly #height: number;
  readonly marked: Uint8Array;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.columns = Math.ceil(width / TILE);
    this.rows = Math.ceil(height / TILE);
    this.marked = new Uint8Array(this.columns * this.rows);
  }

  /** Marks all tiles that a rectangle of pixels touches, as `what`; its right and lower ends are outside it. */
  mark(left: number, top: number, right: number, bottom: number, what: number): void {
    const x0 = Math.max(0, Math.floor(left / TILE));
    const y0 = Math.max(0, Math.floor(top / TILE));
    const x1 = Math.min(this.columns, Math.ceil(Math.min(right, this.#width) / TILE));
    const y1 = Math.min(this.rows, Math.ceil(Math.min(bottom, this.#height) / TILE));
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const tile = y * this.columns + x;
        this.marked[tile] = (this.marked[tile] as number) | what;
      }
    }
  }

  /** Calls with the pixels of each marked tile; right and bottom are outside it. */
  each(visit: (tile: number, left: number, top: number, right: number, bottom: number) => void): void {
    for (let tile = 0; tile < this.marked.length; tile++) {
      if (this.marked[tile] === 0) continue;
      const left = (tile % this.columns) * TILE;
      const top = Math.floor(tile / this.columns) * TILE;
      visit(tile, left, top, Math.min(this.#width, left + TILE), Math.min(this.#height, top + TILE));
    }
  }

  /** Marks an extent in samples, ends included, 2×2 a pixel; one that ends before 0 is empty. */
  markSamples(extent: Int32Array): void {
    const [left, top, right, bottom] = extent as unknown as [number, number, number, number];
    if (right >= left) this.mark(left >> 1, top >> 1, (right >> 1) + 1, (bottom >> 1) + 1, SAMPLES);
  }
}
