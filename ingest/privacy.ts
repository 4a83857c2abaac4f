import type { Polygon } from '../runtime/messages/types.ts';
import { isInside } from './gate/cells.ts';
import type { I420Layout, Plane } from './i420.ts';

const BLACK_LUMA = 16;
const BLACK_CHROMA = 128;

/** Flat [begin, end) pairs of byte offsets. */
type Spans = Uint32Array;

/** Paints polygons black in I420 pictures of one size. The spans are worked out once. */
export class PrivacyPainter {
  readonly #luma: Spans;
  readonly #chroma: Spans;

  constructor(masks: readonly Polygon[], { y, u, v }: I420Layout) {
    this.#luma = spans(masks, [y]);
    this.#chroma = spans(masks, [u, v]);
  }

  paint(picture: Uint8Array): void {
    fill(picture, this.#luma, BLACK_LUMA);
    fill(picture, this.#chroma, BLACK_CHROMA);
  }
}

function fill(picture: Uint8Array, list: Spans, value: number): void {
  for (let i = 0; i < list.length; i += 2) picture.fill(value, list[i], list[i + 1]);
}

/** @param planes of one size: worked out on the first. */
function spans(masks: readonly Polygon[], planes: readonly [Plane, ...Plane[]]): Spans {
  const found: number[] = [];
  const [{ width, height }] = planes;
  for (let row = 0; masks.length > 0 && row < height; row += 1) {
    let begin = -1;
    for (let column = 0; column <= width; column += 1) {
      // A pixel that a mask touches at any corner is covered: nothing private shows at an edge.
      const covered = column < width && masks.some((mask) => touches(mask, column, row, width, height));
      if (covered && begin < 0) begin = column;
      if (!covered && begin >= 0) {
        for (const { offset, stride } of planes) {
          found.push(offset + row * stride + begin, offset + row * stride + column);
        }
        begin = -1;
      }
    }
  }
  return Uint32Array.from(found);
}

const TOUCH_POINTS = [
  [0.5, 0.5],
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
] as const;

function touches(mask: Polygon, column: number, row: number, width: number, height: number): boolean {
  return TOUCH_POINTS.some(([dx, dy]) => isInside(mask, [(column + dx) / width, (row + dy) / height]));
}
