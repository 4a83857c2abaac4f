/** Numbers of one box: x1, y1, x2, y2, score, class index. */
export const BOX_FIELDS = 6;

/**
 * Boxes of one picture before suppression, as a struct of arrays that is reused from picture to
 * picture. Bounded: a network gone mad costs a bounded time, and the cells that come first win.
 */
export class Candidates {
  readonly x1: Float32Array;
  readonly y1: Float32Array;
  readonly x2: Float32Array;
  readonly y2: Float32Array;
  readonly score: Float32Array;
  readonly label: Int32Array;
  count = 0;

  constructor(capacity = 4096) {
    this.x1 = new Float32Array(capacity);
    this.y1 = new Float32Array(capacity);
    this.x2 = new Float32Array(capacity);
    this.y2 = new Float32Array(capacity);
    this.score = new Float32Array(capacity);
    this.label = new Int32Array(capacity);
  }

  clear(): void {
    this.count = 0;
  }

  add(x1: number, y1: number, x2: number, y2: number, score: number, label: number): void {
    const at = this.count;
    if (at === this.x1.length) return;
    this.x1[at] = x1;
    this.y1[at] = y1;
    this.x2[at] = x2;
    this.y2[at] = y2;
    this.score[at] = score;
    this.label[at] = label;
    this.count = at + 1;
  }
}
