import type { RawOutput } from '../../../models/session.ts';
import type { Candidates } from './candidates.ts';
import { fitWithin, type ModelFamily, type Placement, shapeMismatch } from './family.ts';

const STRIDES = [8, 16, 32] as const;
const PAD = 114;
/** cx, cy, log w, log h, objectness; classes follow. */
const HEAD = 5;

/**
 * YOLOX (Ge et al., 2021, arXiv:2107.08430) as its ONNX export gives it: scores through the sigmoid,
 * boxes relative to their cell. Input BGR 0-255 without mean or deviation, picture in the top-left corner.
 */
export const yolox: ModelFamily = {
  name: 'yolox',
  nmsIou: 0.5,

  place(pictureWidth, pictureHeight, input) {
    return { left: 0, top: 0, ...fitWithin(pictureWidth, pictureHeight, input) };
  },

  fill(pixels, placement, input, into) {
    const plane = input.width * input.height;
    into.fill(PAD);
    let from = 0;
    for (let y = 0; y < placement.height; y++) {
      let blue = (placement.top + y) * input.width + placement.left;
      for (let x = 0; x < placement.width; x++, blue++, from += 3) {
        into[blue] = pixels[from + 2] ?? 0;
        into[blue + plane] = pixels[from + 1] ?? 0;
        into[blue + 2 * plane] = pixels[from] ?? 0;
      }
    }
  },

  decode(outputs, placement, input, floor, into) {
    const output = Object.values(outputs)[0];
    if (output === undefined) return;
    let cell = 0;
    for (const stride of STRIDES) {
      const columns = input.width / stride;
      const rows = input.height / stride;
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++, cell++) {
          decodeCell(output, cell, column, row, stride, placement, floor, into);
        }
      }
    }
  },

  mismatch(inputs, outputs, input, classes) {
    const { width, height } = input;
    if (width % 32 !== 0 || height % 32 !== 0) return 'the input must be a multiple of 32 pixels each way';
    const cells = STRIDES.reduce((sum, stride) => sum + (width / stride) * (height / stride), 0);
    return (
      shapeMismatch('the input', inputs[0], [1, 3, height, width]) ??
      shapeMismatch('the output', outputs[0], [1, cells, HEAD + classes]) ??
      (inputs.length > 1 || outputs.length > 1 ? 'more than one input or output' : null)
    );
  },
};

function decodeCell(
  { data, dims }: RawOutput,
  cell: number,
  column: number,
  row: number,
  stride: number,
  placement: Placement,
  floor: number,
  into: Candidates,
): void {
  const size = dims[2] ?? 0;
  const at = cell * size;
  const objectness = data[at + 4] ?? 0;
  // A class score is at most 1: most cells end here.
  if (objectness < floor) return;
  let best = -1;
  let label = 0;
  for (let index = HEAD; index < size; index++) {
    const score = data[at + index] ?? 0;
    if (score > best) {
      best = score;
      label = index - HEAD;
    }
  }
  const score = objectness * best;
  if (!(score >= floor)) return;
  const x = ((data[at] ?? 0) + column) * stride - placement.left;
  const y = ((data[at + 1] ?? 0) + row) * stride - placement.top;
  const halfWidth = (Math.exp(data[at + 2] ?? 0) * stride) / 2;
  const halfHeight = (Math.exp(data[at + 3] ?? 0) * stride) / 2;
  const { width, height } = placement;
  into.add(
    (x - halfWidth) / width,
    (y - halfHeight) / height,
    (x + halfWidth) / width,
    (y + halfHeight) / height,
    score,
    label,
  );
}
