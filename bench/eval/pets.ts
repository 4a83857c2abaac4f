/** Boxes on vtest.avi against the sparse ground truth of PETS09-S2L1, of which it is view 1. */
import { readFileSync } from 'node:fs';
import { assign } from '../../processors/cleanup/assignment.ts';
import { iou } from '../../processors/cleanup/boxes.ts';
import type { Box } from '../../runtime/messages/types.ts';
import { parseMot } from './mot.ts';

/** Pixels of the pictures that were annotated; the video is 0.625 of it. */
const WIDTH = 768;
const HEIGHT = 576;

export interface BoxScore {
  truePositives: number;
  falsePositives: number;
  truth: number;
}

/** People by frame of the video, counted from 0 (annotations count from 1), normalized. */
export function readPets(file: string): Map<number, Box[]> {
  const frames = new Map<number, Box[]>();
  for (const { frame, x, y, width, height } of parseMot(readFileSync(file, 'utf8'))) {
    const box: Box = [x / WIDTH, y / HEIGHT, (x + width) / WIDTH, (y + height) / HEIGHT];
    frames.set(frame - 1, [...(frames.get(frame - 1) ?? []), box]);
  }
  return frames;
}

/** As many pairs of IoU ≥ `minIou` as can be; what is left over of `found` is false. */
export function scoreBoxes(found: readonly Box[], truth: readonly Box[], minIou = 0.5): BoxScore {
  const costs = truth.map((box) =>
    found.map((other) => (iou(box, other) >= minIou ? 1 - iou(box, other) : Number.POSITIVE_INFINITY)),
  );
  const truePositives = assign(costs, 1e6).filter((column) => column >= 0).length;
  return { truePositives, falsePositives: found.length - truePositives, truth: truth.length };
}

export function sumScores(scores: readonly BoxScore[]): BoxScore {
  const sum = (key: keyof BoxScore): number => scores.reduce((total, score) => total + score[key], 0);
  return { truePositives: sum('truePositives'), falsePositives: sum('falsePositives'), truth: sum('truth') };
}
