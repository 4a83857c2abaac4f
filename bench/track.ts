/**
 * usage: npm run bench -- track --mot DIR --out DIR [--online] [--peer iou|greedy|bytetrack] [--json]
 * Runs the tracker alone over a folder in MOTChallenge form (`<seq>/det/det.txt`, `<seq>/seqinfo.ini`) and
 * writes `<out>/<seq>.txt`. Where a sequence has gt/gt.txt its score is printed as well.
 *
 * A track's rows are written from its first sample on, as tracks.v1 carries them under one id; `--online`
 * leaves out those that were still tentative when they were made.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_FILTER } from '../processors/cleanup/filter.ts';
import { startTracker, TRACKER_DEFAULTS, type TrackerOptions, trackSample } from '../processors/cleanup/tracker.ts';
import { BanksmanError } from '../runtime/errors.ts';
import type { Box } from '../runtime/messages/types.ts';
import { countMot, type MotCounts, type MotRow, scoreMot, sumMot } from './eval/mot.ts';
import { type MotSequence, readMotFolder, scoresOf } from './eval/mot_folder.ts';
import { byteTracker, greedyTracker, iouTracker } from './eval/peers.ts';

const USAGE = 'usage: npm run bench -- track --mot DIR --out DIR [--online] [--peer iou|greedy|bytetrack] [--json]';
/** As the site file's defaults: at or above it a detection may start a track, or keep one alive. */
const SCORE = DEFAULT_FILTER.score;
const LOW = DEFAULT_FILTER.low;

/** Boxes of the benchmark reach beyond the picture, to where it shows nobody: the tracker is given a wider one. */
const MARGIN = 3;

/** Scores of public detections are not calibrated: it takes three of them, however sure, to confirm a track. */
const OPTIONS: TrackerOptions = { ...TRACKER_DEFAULTS, confirmSure: Number.POSITIVE_INFINITY, confirmHits: 3 };

const PEERS: Record<string, (sequence: MotSequence) => MotRow[]> = {
  iou: iouTracker,
  greedy: greedyTracker,
  bytetrack: byteTracker,
};

export interface TrackSequenceOptions {
  online?: boolean;
  tracker?: TrackerOptions;
}

/** Rows of every track of a sequence, in pixels. */
export function trackSequence(sequence: MotSequence, { online = false, tracker }: TrackSequenceOptions = {}): MotRow[] {
  const scoreOf = scoresOf(sequence);
  const width = MARGIN * sequence.width;
  const height = MARGIN * sequence.height;
  const [left, top] = [(width - sequence.width) / 2, (height - sequence.height) / 2];
  const numbers = new Map<string, number>();
  const confirmed = new Set<string>();
  const rows: (MotRow & { track: string })[] = [];
  let state = startTracker();
  for (const { frame, rows: detections } of sequence.frames) {
    const known = detections.filter((row) => row.width > 0 && row.height > 0 && scoreOf(row.conf) >= LOW);
    const candidates = known.map((row) => ({
      class: 'person',
      score: scoreOf(row.conf),
      box: [
        (row.x + left) / width,
        (row.y + top) / height,
        (row.x + row.width + left) / width,
        (row.y + row.height + top) / height,
      ] satisfies Box,
      high: scoreOf(row.conf) >= SCORE,
    }));
    const time = (frame / sequence.frameRate) * 1000;
    const sample = { time, aspect: width / height, candidates, idOf: (index: number) => `${frame}-${index}` };
    const result = trackSample(state, sample, tracker ?? OPTIONS);
    state = result.state;
    for (const { id, box, tentative, coasting } of result.tracks) {
      if (!tentative) confirmed.add(id);
      if (coasting || (online && tentative)) continue;
      const number = numbers.get(id) ?? numbers.size + 1;
      numbers.set(id, number);
      const [x1, y1, x2, y2] = box;
      rows.push({
        frame,
        id: number,
        x: x1 * width - left,
        y: y1 * height - top,
        width: (x2 - x1) * width,
        height: (y2 - y1) * height,
        conf: 1,
        track: id,
      });
    }
  }
  return rows.filter(({ track }) => confirmed.has(track)).map(({ track: _, ...row }) => row);
}

export async function run(args: string[]): Promise<void> {
  try {
    bench(args);
  } catch (error) {
    if (!(error instanceof BanksmanError)) throw error;
    console.error(error.code === 'USAGE' ? `${error.where}: ${error.message}\n${USAGE}` : error.toDisplay());
    process.exitCode = 2;
  }
}

function bench(args: string[]): void {
  const { mot, out, online, peer, json } = parse(args);
  const sequences = readMotFolder(mot);
  mkdirSync(out, { recursive: true });
  const scores: Record<string, unknown> = {};
  const all: MotCounts[] = [];
  for (const sequence of sequences) {
    const rows = peer === undefined ? trackSequence(sequence, { online }) : (PEERS[peer]?.(sequence) ?? []);
    const file = join(out, `${sequence.name}.txt`);
    writeFileSync(file, rows.map(formatRow).join(''));
    if (sequence.truth === null) {
      if (!json) console.log(`${file}: ${rows.length} rows`);
      continue;
    }
    const counts = countMot(sequence.truth, rows);
    all.push(counts);
    scores[sequence.name] = scoreMot(counts);
    if (!json) console.log(line(sequence.name, counts));
  }
  if (all.length > 0) scores['OVERALL'] = scoreMot(sumMot(all));
  if (json) console.log(JSON.stringify(scores, null, 2));
  else if (all.length > 1) console.log(line('OVERALL', sumMot(all)));
}

function parse(args: string[]): {
  mot: string;
  out: string;
  online: boolean;
  peer: string | undefined;
  json: boolean;
} {
  const options = {
    mot: { type: 'string' },
    out: { type: 'string' },
    online: { type: 'boolean', default: false },
    peer: { type: 'string' },
    json: { type: 'boolean', default: false },
  } as const;
  try {
    const { mot, out, online, peer, json } = parseArgs({ args, options }).values;
    if (mot === undefined) throw new Error('--mot DIR is missing');
    if (out === undefined) throw new Error('--out DIR is missing');
    if (peer !== undefined && !Object.hasOwn(PEERS, peer)) throw new Error(`--peer ${peer} is unknown`);
    return { mot, out, online, peer, json };
  } catch (error) {
    throw new BanksmanError('USAGE', { where: 'track', message: error instanceof Error ? error.message : '' });
  }
}

function formatRow({ frame, id, x, y, width, height }: MotRow): string {
  return `${[frame, id, ...[x, y, width, height].map((value) => value.toFixed(2)), 1, -1, -1, -1].join(',')}\n`;
}

function line(name: string, counts: MotCounts): string {
  const { mota, idf1, switches, fragmentations, falsePositives, misses } = scoreMot(counts);
  return [
    name.padEnd(24),
    `MOTA ${mota.toFixed(3)}`,
    `IDF1 ${idf1.toFixed(3)}`,
    `IDSW ${switches}`,
    `Frag ${fragmentations}`,
    `FP ${falsePositives}`,
    `FN ${misses}`,
  ].join('  ');
}
