/** Folders in MOTChallenge form: `<sequence>/seqinfo.ini`, `<sequence>/det/det.txt`, sometimes `gt/gt.txt`. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BanksmanError } from '../../runtime/errors.ts';
import { type MotRow, parseMot } from './mot.ts';

export interface MotSequence {
  name: string;
  /** Frames a second of the frame numbers. */
  frameRate: number;
  /** Pixels. */
  width: number;
  height: number;
  /** Frames that were looked at, in order: those without detections, too. */
  frames: { frame: number; rows: MotRow[] }[];
  /** Null where there is no gt/gt.txt; rows with conf 0 are left out, as the reference tools do. */
  truth: MotRow[] | null;
}

/** Every sequence of a folder, by name. @throws BanksmanError USAGE saying what is missing where. */
export function readMotFolder(folder: string): MotSequence[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw usage(folder, 'no such folder');
  const names = readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'det', 'det.txt')))
    .sort();
  if (names.length === 0) {
    const hint = existsSync(join(folder, 'det', 'det.txt')) ? '; give the folder above it' : '';
    throw usage(folder, `holds no <sequence>/det/det.txt${hint}`);
  }
  return names.map((name) => readSequence(folder, name));
}

function readSequence(folder: string, name: string): MotSequence {
  const infoFile = join(folder, name, 'seqinfo.ini');
  if (!existsSync(infoFile)) throw usage(infoFile, 'is missing: frameRate is read from it');
  const info = new Map<string, number>();
  for (const line of readFileSync(infoFile, 'utf8').split('\n')) {
    const [key, value] = line.split('=');
    if (key && value !== undefined) info.set(key.trim().toLowerCase(), Number(value));
  }
  const positive = (key: string, otherwise?: number): number => {
    const value = info.get(key.toLowerCase()) ?? otherwise;
    if (value === undefined || !(value > 0)) throw usage(infoFile, `${key} is missing or not above 0`);
    return value;
  };
  /** Without the picture's size its boxes have to tell. */
  const extent = (edge: (row: MotRow) => number): number =>
    detections.reduce((most, row) => Math.max(most, edge(row)), 1);
  const detections = readRows(join(folder, name, 'det', 'det.txt'));
  const truthFile = join(folder, name, 'gt', 'gt.txt');
  return {
    name,
    frameRate: positive('frameRate'),
    width: positive(
      'imWidth',
      extent((row) => row.x + row.width),
    ),
    height: positive(
      'imHeight',
      extent((row) => row.y + row.height),
    ),
    frames: lookedFrames(detections, info.get('seqlength')),
    truth: existsSync(truthFile) ? readRows(truthFile).filter((row) => row.conf !== 0) : null,
  };
}

function readRows(file: string): MotRow[] {
  try {
    return parseMot(readFileSync(file, 'utf8'));
  } catch (error) {
    throw usage(file, error instanceof Error ? error.message : String(error));
  }
}

/**
 * Frames from the first to the last. Where every frame number is a multiple of some step away from the
 * first, the sequence was thinned to that step; frames at it without a row were looked at and empty.
 */
function lookedFrames(rows: readonly MotRow[], length: number | undefined): MotSequence['frames'] {
  const byFrame = new Map<number, MotRow[]>();
  for (const row of rows) byFrame.set(row.frame, [...(byFrame.get(row.frame) ?? []), row]);
  const numbers = [...byFrame.keys()].sort((a, b) => a - b);
  const first = numbers[0];
  const last = numbers.at(-1);
  if (first === undefined || last === undefined) return [];
  const step = numbers.reduce((divisor, frame) => greatestDivisor(divisor, frame - first), 0) || 1;
  const end = Math.max(last, length !== undefined && length <= last + step ? length : last);
  const frames: MotSequence['frames'] = [];
  for (let frame = first; frame <= end; frame += step) frames.push({ frame, rows: byFrame.get(frame) ?? [] });
  return frames;
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/**
 * Confidence as a score between 0 and 1. Between 0 and 1 it is one already; where a file gives the same
 * for all (often -1) nothing is known; any other scale (margins of a classifier, percent) is only
 * believed for its order: ranks are spread over 0.3 to 0.95.
 */
export function scoresOf(sequence: MotSequence): (conf: number) => number {
  const sorted = sequence.frames.flatMap(({ rows }) => rows.map((row) => row.conf)).sort((a, b) => a - b);
  const lowest = sorted[0] ?? 0;
  const highest = sorted.at(-1) ?? 0;
  if (lowest === highest) return () => 1;
  if (lowest >= 0 && highest <= 1) return (conf) => conf;
  return (conf) => 0.3 + (0.65 * rank(sorted, conf)) / sorted.length;
}

/** How many are smaller. */
function rank(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function usage(where: string, message: string): BanksmanError {
  return new BanksmanError('USAGE', { where, message });
}
