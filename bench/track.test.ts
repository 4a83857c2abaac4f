import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { countMot, type MotRow, parseMot, scoreMot } from './eval/mot.ts';
import { readMotFolder, scoresOf } from './eval/mot_folder.ts';
import { byteTracker, greedyTracker, iouTracker } from './eval/peers.ts';
import { run, trackSequence } from './track.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'banksman-mot-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Two who walk towards one another and on, `fps` a second, 0.8 heights a second, on a wide picture. */
function write(name: string, fps: number, conf: string, keep = (_frame: number) => true): void {
  const rows: string[] = [];
  const truth: string[] = [];
  for (let frame = 1; frame <= 8 * fps; frame++) {
    if (!keep(frame)) continue;
    for (const [id, x, y] of [
      [1, 100 + (80 * frame) / fps, 200],
      [2, 700 - (80 * frame) / fps, 240],
    ] as const) {
      rows.push(`${frame},-1,${x.toFixed(1)},${y},40,100,${conf}`);
      truth.push(`${frame},${id},${x.toFixed(1)},${y},40,100,1,1,1`);
    }
  }
  for (const part of ['det', 'gt']) mkdirSync(join(folder, name, part), { recursive: true });
  writeFileSync(join(folder, name, 'det/det.txt'), rows.join('\n'));
  writeFileSync(join(folder, name, 'gt/gt.txt'), truth.join('\n'));
  const info = `[Sequence]\nname=${name}\nframeRate=${fps}\nseqLength=${8 * fps}\nimWidth=960\nimHeight=540\n`;
  writeFileSync(join(folder, name, 'seqinfo.ini'), info);
}

const truthOf = (name: string): MotRow[] => parseMot(readFileSync(join(folder, name, 'gt/gt.txt'), 'utf8'));

test.each([25, 5, 2.5])('writes one id a person at %d frames a second', async (fps) => {
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  write('A', fps, '-1');
  await run(['--mot', folder, '--out', join(folder, 'out')]);
  const rows = parseMot(readFileSync(join(folder, 'out/A.txt'), 'utf8'));
  const score = scoreMot(countMot(truthOf('A'), rows));
  expect([score.mota, score.idf1]).toEqual([1, 1]);
  expect(rows.every(({ conf }) => conf === 1)).toBe(true);
});

test('frame numbers with gaps are a thinned sequence, not misses', () => {
  write('A', 25, '0.9', (frame) => frame % 10 === 1);
  const [sequence] = readMotFolder(folder);
  if (!sequence) throw new Error('no sequence');
  expect(sequence.frames.map(({ frame }) => frame).slice(0, 3)).toEqual([1, 11, 21]);
  expect(scoreMot(countMot(truthOf('A'), trackSequence(sequence))).idf1).toBe(1);
});

test('frames without a row are looked at', () => {
  write('A', 5, '0.9', (frame) => frame !== 7);
  expect(readMotFolder(folder)[0]?.frames[6]).toEqual({ frame: 7, rows: [] });
});

test.each([
  [[0.2, 0.9], 0.9, 0.9],
  [[-1, -1], -1, 1],
  [[-0.5, 3], -0.5, 0.3],
  [[5, 40, 60, 95], 95, 0.7875],
])('confidence of %j: %d becomes %d', (confs, conf, expected) => {
  const rows = confs.map((value, id): MotRow => ({ frame: 1, id, x: 0, y: 0, width: 1, height: 1, conf: value }));
  const frames = [{ frame: 1, rows }];
  const score = scoresOf({ name: 'A', frameRate: 5, width: 10, height: 10, frames, truth: null })(conf);
  expect(score).toBeCloseTo(expected, 6);
});

test.each([
  [[], '--mot DIR is missing'],
  [['--mot', '/nowhere', '--out', '/tmp/out'], 'no such folder'],
  [['--mot', 'HERE', '--out', 'HERE/out'], 'holds no <sequence>/det/det.txt'],
  [['--mot', 'HERE', '--out', 'HERE/out', '--peer', 'best'], '--peer best is unknown'],
])('%j says what is wrong', async (args, message) => {
  const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  await run(args.map((arg) => arg.replace('HERE', folder)));
  expect(error.mock.calls.flat().join('\n')).toContain(message);
  expect(process.exitCode).toBe(2);
});

test('of seqinfo.ini only the frame rate is needed', () => {
  write('A', 25, '0.9');
  writeFileSync(join(folder, 'A/seqinfo.ini'), '[Sequence]\r\nframeRate=25\r\n');
  const [sequence] = readMotFolder(folder);
  if (!sequence) throw new Error('no sequence');
  expect([sequence.width, sequence.height]).toEqual([780, 340]);
  expect(scoreMot(countMot(truthOf('A'), trackSequence(sequence))).idf1).toBe(1);
});

test('boxes that reach beyond the picture stay as they are', () => {
  write('A', 25, '0.9');
  writeFileSync(join(folder, 'A/seqinfo.ini'), '[Sequence]\nframeRate=25\nimWidth=300\nimHeight=300\n');
  const [sequence] = readMotFolder(folder);
  if (!sequence) throw new Error('no sequence');
  expect(scoreMot(countMot(truthOf('A'), trackSequence(sequence))).motp).toBeLessThan(0.05);
});

test('a sequence without its frame rate, or with a page instead of rows, is named', () => {
  write('A', 5, '1');
  writeFileSync(join(folder, 'A/seqinfo.ini'), '[Sequence]\nimWidth=960\nimHeight=540\n');
  expect(() => readMotFolder(folder)).toThrow('frameRate');
  write('A', 5, '1');
  writeFileSync(join(folder, 'A/det/det.txt'), '1,-1,0,0,5,5,1\n<html>');
  expect(() => readMotFolder(folder)).toThrow('line 2');
});

test.each([
  ['iou', iouTracker],
  ['greedy', greedyTracker],
  ['bytetrack', byteTracker],
])('the peer %s tracks what is easy', (_name, peer) => {
  write('A', 25, '0.9');
  const [sequence] = readMotFolder(folder);
  if (!sequence) throw new Error('no sequence');
  expect(scoreMot(countMot(truthOf('A'), peer(sequence))).mota).toBeGreaterThan(0.95);
});
