/** Pixels along the side of a tile, and as a power of two. */
const TILE = 8;
export const TILE_SHIFT = 3;

/** Only its pixels change: a shadow, say. */
export const PIXELS = 1;
/** Something is drawn there, sample by sample. */
export const SAMPLES = 2;

/**
 * Tiles `first` up to but not `end`, neighbours in a row that are marked alike, and their pixels; right and bottom are
 * outside them. Together, for memory is quick where it is read on and on.
 */
export type VisitRun = (first: number, end: number, left: number, top: number, right: number, bottom: number) => void;

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

  /** Calls with each run of marked tiles. */
  each(visit: VisitRun): void {
    this.#each(0, 0, this.columns, this.rows, visit);
  }

  /** As `each`, of those tiles alone that an extent in samples touches, as `markSamples` takes it. */
  eachOfSamples(extent: Int32Array, visit: VisitRun): void {
    const [left, top, right, bottom] = extent as unknown as [number, number, number, number];
    const side = 2 * TILE;
    const tileOf = (sample: number): number => Math.floor(sample / side);
    if (right >= left) this.#each(tileOf(left), tileOf(top), tileOf(right) + 1, tileOf(bottom) + 1, visit);
  }

  /** As `each`, of tiles `first` to `end` of one row. */
  eachOf(first: number, end: number, visit: VisitRun): void {
    const y = Math.floor(first / this.columns);
    this.#each(first - y * this.columns, y, end - y * this.columns, y + 1, visit);
  }

  #each(x0: number, y0: number, x1: number, y1: number, visit: VisitRun): void {
    const { marked, columns } = this;
    for (let y = y0; y < y1; y++) {
      const bottom = Math.min(this.#height, (y + 1) * TILE);
      for (let x = x0; x < x1; ) {
        const first = y * columns + x;
        const mark = marked[first] as number;
        let end = x + 1;
        if (mark !== 0) {
          while (end < x1 && marked[y * columns + end] === mark) end++;
          visit(first, y * columns + end, x * TILE, y * TILE, Math.min(this.#width, end * TILE), bottom);
        }
        x = end;
      }
    }
  }

  /** Marks an extent in samples, ends included, 2×2 a pixel; one that ends before 0 is empty. */
  markSamples(extent: Int32Array): void {
    const [left, top, right, bottom] = extent as unknown as [number, number, number, number];
    if (right >= left) this.mark(left >> 1, top >> 1, (right >> 1) + 1, (bottom >> 1) + 1, SAMPLES);
  }
}
