import { fitWithin, type ModelFamily, shapeMismatch } from './family.ts';

const STRIDES = [8, 16, 32] as const;
/** Each side's distance is a distribution over 0 … REG_MAX strides. */
const REG_MAX = 7;
const BINS = REG_MAX + 1;
/** Of the training set, BGR. */
const MEAN = [103.53, 116.28, 123.675] as const;
const DEVIATION = [57.375, 57.12, 58.395] as const;

/**
 * NanoDet-m (RangiLyu/nanodet, 0.x): generalized focal loss heads (Li et al., 2020, arXiv:2006.04388),
 * a class and a distance output a stride, scores through the sigmoid. Input BGR, normalized, picture in
 * the middle of black.
 */
export const nanodet: ModelFamily = {
  name: 'nanodet',
  nmsIou: 0.6,

  place(pictureWidth, pictureHeight, input) {
    const { width, height } = fitWithin(pictureWidth, pictureHeight, input);
    return { left: (input.width - width) >> 1, top: (input.height - height) >> 1, width, height };
  },

  fill(pixels, placement, input, into) {
    const plane = input.width * input.height;
    for (let channel = 0; channel < 3; channel++) {
      const mean = MEAN[channel] ?? 0;
      const scale = 1 / (DEVIATION[channel] ?? 1);
      into.fill(-mean * scale, channel * plane, (channel + 1) * plane);
      // RGB in, BGR out.
      let from = 2 - channel;
      for (let y = 0; y < placement.height; y++) {
        let to = channel * plane + (placement.top + y) * input.width + placement.left;
        for (let x = 0; x < placement.width; x++, to++, from += 3) into[to] = ((pixels[from] ?? 0) - mean) * scale;
      }
    }
  },

  decode(outputs, placement, input, floor, into) {
    for (const stride of STRIDES) {
      const classes = outputs[`cls_pred_stride_${stride}`];
      const distances = outputs[`dis_pred_stride_${stride}`];
      if (classes === undefined || distances === undefined) continue;
      const count = classes.dims[2] ?? 0;
      const columns = Math.ceil(input.width / stride);
      const cells = classes.dims[1] ?? 0;
      for (let cell = 0; cell < cells; cell++) {
        let score = -1;
        let label = 0;
        for (let index = 0, at = cell * count; index < count; index++, at++) {
          const value = classes.data[at] ?? 0;
          if (value > score) {
            score = value;
            label = index;
          }
        }
        if (!(score >= floor)) continue;
        const centreX = (cell % columns) * stride + (stride - 1) / 2 - placement.left;
        const centreY = Math.floor(cell / columns) * stride + (stride - 1) / 2 - placement.top;
        const at = cell * 4 * BINS;
        const { data } = distances;
        into.add(
          (centreX - expectation(data, at) * stride) / placement.width,
          (centreY - expectation(data, at + BINS) * stride) / placement.height,
          (centreX + expectation(data, at + 2 * BINS) * stride) / placement.width,
          (centreY + expectation(data, at + 3 * BINS) * stride) / placement.height,
          score,
          label,
        );
      }
    }
  },

  mismatch(inputs, outputs, input, classes) {
    let wrong = shapeMismatch('the input', inputs[0], [1, 3, input.height, input.width]);
    for (const stride of STRIDES) {
      const cells = Math.ceil(input.width / stride) * Math.ceil(input.height / stride);
      for (const [name, size] of [
        [`cls_pred_stride_${stride}`, classes],
        [`dis_pred_stride_${stride}`, 4 * BINS],
      ] as const) {
        const found = outputs.find((output) => output.name === name);
        wrong ??= shapeMismatch(found === undefined ? `the output ${name}` : 'the output', found, [1, cells, size]);
      }
    }
    return wrong;
  },
};

/** Mean of the softmax over the bins, in strides. */
function expectation(data: Float32Array, at: number): number {
  let peak = Number.NEGATIVE_INFINITY;
  for (let bin = 0; bin < BINS; bin++) peak = Math.max(peak, data[at + bin] ?? 0);
  let sum = 0;
  let weighted = 0;
  for (let bin = 0; bin < BINS; bin++) {
    const weight = Math.exp((data[at + bin] ?? 0) - peak);
    sum += weight;
    weighted += weight * bin;
  }
  return weighted / sum;
}
