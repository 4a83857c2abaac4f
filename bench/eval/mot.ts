/**
 * CLEAR MOT (Bernardin and Stiefelhagen 2008) and ID measures (Ristani et al. 2016), with the
 * conventions of the MOTChallenge reference tools: boxes match at IoU ≥ 0.5, a pair that matched before
 * is kept before the rest is assigned.
 */
import { assign } from '../../processors/cleanup/assignment.ts';

/** Pixels or any other unit, the same in both files. */
export interface MotRow {
  frame: number;
  id: number;
  x: number;
  y: number;
  width: number;
  height: number;
  conf: number;
}

export interface MotScore {
  idf1: number;
  idp: number;
  idr: number;
  recall: number;
  precision: number;
  objects: number;
  mostlyTracked: number;
  partiallyTracked: number;
  mostlyLost: number;
  falsePositives: number;
  misses: number;
  switches: number;
  fragmentations: number;
  mota: number;
  /** Mean of 1 − IoU over matches: smaller is better. */
  motp: number;
}

/** What sums up over sequences, and what the score is computed from. */
export interface MotCounts {
  truth: number;
  results: number;
  matches: number;
  falsePositives: number;
  misses: number;
  switches: number;
  fragmentations: number;
  distance: number;
  objects: number;
  mostlyTracked: number;
  mostlyLost: number;
  idTruePositives: number;
}

/** Rows of a file in MOTChallenge form: frame, id, x, y, width, height, conf, … @throws Error naming the line. */
export function parseMot(text: string): MotRow[] {
  const rows: MotRow[] = [];
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    const [frame, id, x, y, width, height, conf = 1] = line.split(/[,\s]+/).map(Number);
    if ([frame, id, x, y, width, height, conf].some((value) => value === undefined || Number.isNaN(value))) {
      throw new Error(`line ${index + 1} is not frame,id,x,y,width,height[,conf]: ${line.slice(0, 80)}`);
    }
    rows.push({ frame: frame ?? 0, id: id ?? 0, x: x ?? 0, y: y ?? 0, width: width ?? 0, height: height ?? 0, conf });
  });
  return rows;
}

export function rowIou(a: MotRow, b: MotRow): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / (a.width * a.height + b.width * b.height - both);
}

/** More than any sum of distances in one frame: as many pairs as can be, then the nearest. */
const EVERY_PAIR = 1e6;

export function countMot(truth: readonly MotRow[], results: readonly MotRow[], minIou = 0.5): MotCounts {
  const truthByFrame = byFrame(truth);
  const resultsByFrame = byFrame(results);
  const frames = [...new Set([...truthByFrame.keys(), ...resultsByFrame.keys()])].sort((a, b) => a - b);
  const partner = new Map<number, number>();
  const history = new Map<number, boolean[]>();
  const together = new Map<string, number>();
  let [matches, falsePositives, misses, switches, distance] = [0, 0, 0, 0, 0];
  for (const frame of frames) {
    const objects = truthByFrame.get(frame) ?? [];
    const found = resultsByFrame.get(frame) ?? [];
    const costs = objects.map((object) =>
      found.map((result) => {
        const iou = rowIou(object, result);
        if (iou < minIou) return Number.POSITIVE_INFINITY;
        const pair = `${object.id} ${result.id}`;
        together.set(pair, (together.get(pair) ?? 0) + 1);
        return 1 - iou;
      }),
    );
    const matched = new Array<number>(objects.length).fill(-1);
    const used = new Set<number>();
    objects.forEach((object, row) => {
      const column = found.findIndex((result, index) => result.id === partner.get(object.id) && !used.has(index));
      if (column < 0 || !Number.isFinite(costs[row]?.[column])) return;
      matched[row] = column;
      used.add(column);
    });
    const rest = costs.map((row, index) =>
      row.map((cost, column) => ((matched[index] ?? -1) >= 0 || used.has(column) ? Number.POSITIVE_INFINITY : cost)),
    );
    assign(rest, EVERY_PAIR).forEach((column, row) => {
      const object = objects[row];
      const result = found[column];
      if (!object || !result) return;
      matched[row] = column;
      if (partner.has(object.id) && partner.get(object.id) !== result.id) switches += 1;
    });
    objects.forEach((object, row) => {
      const column = matched[row] ?? -1;
      const result = found[column];
      const seen = history.get(object.id) ?? [];
      history.set(object.id, seen);
      seen.push(result !== undefined);
      if (result) {
        partner.set(object.id, result.id);
        matches += 1;
        distance += costs[row]?.[column] ?? 0;
      } else misses += 1;
    });
    falsePositives += found.length - matched.filter((column) => column >= 0).length;
  }
  const shares = [...history.values()].map((seen) => seen.filter(Boolean).length / seen.length);
  return {
    truth: truth.length,
    results: results.length,
    matches,
    falsePositives,
    misses,
    switches,
    fragmentations: [...history.values()].reduce((sum, seen) => sum + gaps(seen), 0),
    distance,
    objects: history.size,
    mostlyTracked: shares.filter((share) => share >= 0.8).length,
    mostlyLost: shares.filter((share) => share < 0.2).length,
    idTruePositives: idTruePositives(truth, results, together),
  };
}

export function sumMot(all: readonly MotCounts[]): MotCounts {
  const sum = { ...EMPTY };
  for (const counts of all) {
    for (const key of Object.keys(EMPTY) as (keyof MotCounts)[]) sum[key] += counts[key];
  }
  return sum;
}

export function scoreMot(counts: MotCounts): MotScore {
  const { truth, results, matches, falsePositives, misses, switches, idTruePositives } = counts;
  return {
    idf1: (2 * idTruePositives) / (truth + results),
    idp: idTruePositives / results,
    idr: idTruePositives / truth,
    recall: matches / truth,
    precision: matches / results,
    objects: counts.objects,
    mostlyTracked: counts.mostlyTracked,
    partiallyTracked: counts.objects - counts.mostlyTracked - counts.mostlyLost,
    mostlyLost: counts.mostlyLost,
    falsePositives,
    misses,
    switches,
    fragmentations: counts.fragmentations,
    mota: 1 - (misses + switches + falsePositives) / truth,
    motp: counts.distance / matches,
  };
}

const EMPTY: MotCounts = {
  truth: 0,
  results: 0,
  matches: 0,
  falsePositives: 0,
  misses: 0,
  switches: 0,
  fragmentations: 0,
  distance: 0,
  objects: 0,
  mostlyTracked: 0,
  mostlyLost: 0,
  idTruePositives: 0,
};

function byFrame(rows: readonly MotRow[]): Map<number, MotRow[]> {
  const frames = new Map<number, MotRow[]>();
  for (const row of rows) {
    const frame = frames.get(row.frame);
    if (frame) frame.push(row);
    else frames.set(row.frame, [row]);
  }
  return frames;
}

/** Times that an object was lost and found again. */
function gaps(seen: readonly boolean[]): number {
  const last = seen.lastIndexOf(true);
  let count = 0;
  for (let index = seen.indexOf(true) + 1; index < last; index++) {
    if (seen[index] === false && seen[index - 1] === true) count += 1;
  }
  return count;
}

/** Frames that the best one-to-one assignment of whole tracks to whole objects explains. */
function idTruePositives(
  truth: readonly MotRow[],
  results: readonly MotRow[],
  together: ReadonlyMap<string, number>,
): number {
  const objects = [...new Set(truth.map((row) => row.id))];
  const ids = [...new Set(results.map((row) => row.id))];
  const costs = objects.map((object) => ids.map((id) => -(together.get(`${object} ${id}`) ?? 0)));
  return assign(costs, 0).reduce((sum, column, row) => sum - (costs[row]?.[column] ?? 0), 0);
}
