/**
 * Detection scores in the way of the COCO evaluation (Lin et al. 2014; the reference is pycocotools'
 * COCOeval, whose order of matching and interpolation is followed to the digit). In TypeScript rather than
 * beside the training code: it then judges what the product itself decodes, with nothing to install, and
 * there is one evaluator for training, comparing models and benchmarks.
 */

/** Pixels: left, top, width, height. */
export type CocoBox = readonly [number, number, number, number];

export interface CocoTruth {
  image: number;
  category: number;
  box: CocoBox;
  /** Square pixels; of the outline where there is one. */
  area: number;
  /** A crowd may swallow any number of results, and none must find it. */
  crowd: boolean;
  /** Share of it in sight, 0–1. */
  visible: number;
}

export interface CocoResult {
  image: number;
  category: number;
  box: CocoBox;
  score: number;
}

/** Which boxes are asked about. The others are neither missed nor, where nothing matches them, false. */
export interface Slice {
  truth?: (truth: CocoTruth) => boolean;
  result?: (result: CocoResult) => boolean;
  /** Best results of a category in an image that count. Default 100. */
  maxResults?: number;
}

/** What one category gives at one IoU, over all images, best score first. */
export interface Curve {
  scores: readonly number[];
  /** Whether the result at the same index is right. */
  right: readonly boolean[];
  /** Boxes to be found. */
  truth: number;
}

/** Rounded as the reference's equal steps are: boxes and recalls often lie on a threshold. */
function steps(from: number, to: number, count: number): number[] {
  const step = (to - from) / (count - 1);
  return Array.from({ length: count }, (_, index) => (index === count - 1 ? to : from + index * step));
}

/** 0.50, 0.55 … 0.95. */
export const COCO_IOUS: readonly number[] = steps(0.5, 0.95, 10);
const RECALLS: readonly number[] = steps(0, 1, 101);
const MEDIUM_FROM = 32 ** 2;
const LARGE_FROM = 96 ** 2;
/** As the reference guards divisions, and keeps a perfect match from failing a threshold of 1. */
const EPSILON = 2 ** -52;
const NEARLY_ONE = 1 - 1e-10;

export function cocoIou(result: CocoBox, truth: CocoBox, crowd = false): number {
  const width = Math.min(result[0] + result[2], truth[0] + truth[2]) - Math.max(result[0], truth[0]);
  const height = Math.min(result[1] + result[3], truth[1] + truth[3]) - Math.max(result[1], truth[1]);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  const area = result[2] * result[3];
  return both / (crowd ? area : area + truth[2] * truth[3] - both);
}

/** Truth and results by category and image, sorted once for all questions. */
export class CocoSet {
  /** Sorted; those with truth or not. */
  readonly categories: readonly number[];
  readonly #cells = new Map<number, Cell[]>();

  /** @param images ids; results of other images, or of other categories, are left out */
  constructor(
    images: readonly number[],
    categories: readonly number[],
    truth: readonly CocoTruth[],
    results: readonly CocoResult[],
  ) {
    this.categories = [...categories].sort((a, b) => a - b);
    const order = [...new Set(images)].sort((a, b) => a - b);
    for (const category of this.categories) {
      const cells = new Map<number, Cell>(order.map((image) => [image, { truth: [], results: [], ious: [] }]));
      for (const box of truth) if (box.category === category) cells.get(box.image)?.truth.push(box);
      for (const box of results) if (box.category === category) cells.get(box.image)?.results.push(box);
      for (const cell of cells.values()) {
        cell.results.sort((a, b) => b.score - a.score);
        cell.ious = cell.results.map(({ box }) => cell.truth.map((one) => cocoIou(box, one.box, one.crowd)));
      }
      this.#cells.set(category, [...cells.values()]);
    }
  }

  curve(category: number, iou: number, slice: Slice = {}): Curve {
    const found: { score: number; right: boolean }[] = [];
    let truth = 0;
    for (const cell of this.#cells.get(category) ?? []) truth += match(cell, iou, slice, found);
    found.sort((a, b) => b.score - a.score);
    return { scores: found.map(({ score }) => score), right: found.map(({ right }) => right), truth };
  }

  /** Mean average precision over categories that have truth in the slice and over IoUs; NaN without any. */
  meanPrecision(slice: Slice = {}, ious: readonly number[] = COCO_IOUS): number {
    return mean(this.#each(slice, ious, averagePrecision));
  }

  meanRecall(slice: Slice = {}, ious: readonly number[] = COCO_IOUS): number {
    return mean(this.#each(slice, ious, recall));
  }

  #each(slice: Slice, ious: readonly number[], measure: (curve: Curve) => number): number[] {
    const values: number[] = [];
    for (const category of this.categories) {
      for (const iou of ious) {
        const curve = this.curve(category, iou, slice);
        if (curve.truth > 0) values.push(measure(curve));
      }
    }
    return values;
  }
}

/** The twelve numbers of COCOeval.summarize, in its order. */
export function cocoStats(set: CocoSet): number[] {
  const small = ofArea(0, MEDIUM_FROM);
  const medium = ofArea(MEDIUM_FROM, LARGE_FROM);
  const large = ofArea(LARGE_FROM, 1e5 ** 2);
  return [
    set.meanPrecision(),
    set.meanPrecision({}, [0.5]),
    set.meanPrecision({}, COCO_IOUS.slice(5, 6)),
    ...[small, medium, large].map((slice) => set.meanPrecision(slice)),
    ...[1, 10, 100].map((maxResults) => set.meanRecall({ maxResults })),
    ...[small, medium, large].map((slice) => set.meanRecall(slice)),
  ];
}

/** Both ends belong to it, as in the reference. */
export function ofArea(from: number, to: number): Slice {
  const within = (area: number): boolean => area >= from && area <= to;
  return { truth: ({ area }) => within(area), result: ({ box }) => within(box[2] * box[3]) };
}

/** By height in pixels, half-open, and by how much of it can be seen. */
export function ofHeight(fromPx: number, toPx = Number.POSITIVE_INFINITY, minVisible = 0): Slice {
  const within = (box: CocoBox): boolean => box[3] >= fromPx && box[3] < toPx;
  return {
    truth: ({ box, visible }) => within(box) && visible >= minVisible,
    result: ({ box }) => within(box),
  };
}

/** Area under the precision envelope at 101 recalls; NaN without truth. */
export function averagePrecision({ right, truth }: Curve): number {
  if (truth === 0) return Number.NaN;
  const precision: number[] = [];
  const recalls: number[] = [];
  let hits = 0;
  right.forEach((isRight, index) => {
    if (isRight) hits += 1;
    precision.push(hits / (index + 1 + EPSILON));
    recalls.push(hits / truth);
  });
  for (let index = precision.length - 1; index > 0; index--) {
    precision[index - 1] = Math.max(precision[index - 1] ?? 0, precision[index] ?? 0);
  }
  let [sum, at] = [0, 0];
  for (const wanted of RECALLS) {
    while (at < recalls.length && (recalls[at] ?? 0) < wanted) at += 1;
    sum += precision[at] ?? 0;
  }
  return sum / RECALLS.length;
}

/** With all results; NaN without truth. */
export function recall({ right, truth }: Curve): number {
  return truth === 0 ? Number.NaN : right.filter(Boolean).length / truth;
}

export interface OperatingPoint {
  score: number;
  precision: number;
  recall: number;
}

/** Precision (1 where nothing is found) and recall of the results from `score` up. */
export function atScore({ scores, right, truth }: Curve, score: number): OperatingPoint {
  const kept = right.filter((_, index) => (scores[index] ?? 0) >= score);
  const hits = kept.filter(Boolean).length;
  return {
    score,
    precision: kept.length === 0 ? 1 : hits / kept.length,
    recall: truth === 0 ? Number.NaN : hits / truth,
  };
}

/** The score that finds most at this precision; null where none reaches it. */
export function atPrecision({ scores, right, truth }: Curve, precision: number): OperatingPoint | null {
  let best: OperatingPoint | null = null;
  let hits = 0;
  right.forEach((isRight, index) => {
    if (isRight) hits += 1;
    const score = scores[index] ?? 0;
    // Results of one score are taken together or not at all.
    if (scores[index + 1] === score || hits / (index + 1) < precision) return;
    best = { score, precision: hits / (index + 1), recall: hits / truth };
  });
  return best;
}

interface Cell {
  truth: CocoTruth[];
  results: CocoResult[];
  /** By result, by truth. */
  ious: number[][];
}

/** Adds what the slice's results of one image are to `found`. @returns boxes to be found */
function match(
  cell: Cell,
  threshold: number,
  { truth: wanted = () => true, result: counted = () => true, maxResults = 100 }: Slice,
  found: { score: number; right: boolean }[],
): number {
  const indices = cell.truth.map((_, index) => index);
  const isWanted = cell.truth.map((truth) => !truth.crowd && wanted(truth));
  // Wanted ones first: a result takes another only where no wanted one is left for it.
  const order = [...indices.filter((index) => isWanted[index]), ...indices.filter((index) => !isWanted[index])];
  const taken = new Set<number>();
  cell.results.slice(0, maxResults).forEach((result, row) => {
    let [best, at] = [Math.min(threshold, NEARLY_ONE), -1];
    for (const index of order) {
      if (taken.has(index) && !cell.truth[index]?.crowd) continue;
      if (at >= 0 && isWanted[at] && !isWanted[index]) break;
      const iou = cell.ious[row]?.[index] ?? 0;
      if (iou < best) continue;
      [best, at] = [iou, index];
    }
    if (at >= 0) taken.add(at);
    if (at >= 0 ? isWanted[at] : counted(result)) found.push({ score: result.score, right: at >= 0 });
  });
  return isWanted.filter(Boolean).length;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}
