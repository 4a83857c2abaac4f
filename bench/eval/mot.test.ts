import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { countMot, type MotCounts, type MotRow, parseMot, scoreMot, sumMot } from './mot.ts';

const data = process.env['BANKSMAN_TEST_DATA'] ?? join(import.meta.dirname, '../../../shared/data');
const folder = join(data, 'annotations/mot15_tud');

const row = (frame: number, id: number, x: number): MotRow => ({ frame, id, x, y: 0, width: 10, height: 20, conf: 1 });

describe('countMot', () => {
  test('perfect tracking scores 1', () => {
    const truth = [1, 2, 3].flatMap((frame) => [row(frame, 1, frame), row(frame, 2, 50 + frame)]);
    const score = scoreMot(countMot(truth, truth));
    expect([score.mota, score.idf1, score.motp, score.switches, score.fragmentations]).toEqual([1, 1, 0, 0, 0]);
  });

  test('a new id on the way is one switch, and costs half of the identity', () => {
    const truth = [1, 2, 3, 4].map((frame) => row(frame, 1, frame));
    const results = [1, 2, 3, 4].map((frame) => row(frame, frame < 3 ? 7 : 8, frame));
    const score = scoreMot(countMot(truth, results));
    expect(score.switches).toBe(1);
    expect(score.mota).toBe(0.75);
    expect(score.idf1).toBe(0.5);
  });

  test('a gap is a fragmentation, a box off by more than half is a miss and a false positive', () => {
    const truth = [1, 2, 3].map((frame) => row(frame, 1, 0));
    const score = scoreMot(countMot(truth, [row(1, 7, 0), row(2, 7, 9), row(3, 7, 0)]));
    expect([score.fragmentations, score.misses, score.falsePositives, score.switches]).toEqual([1, 1, 1, 0]);
  });

  test('a pair that matched before is kept though another box is nearer', () => {
    const truth = [row(1, 1, 0), row(2, 1, 0)];
    const score = scoreMot(countMot(truth, [row(1, 7, 0), row(2, 7, 2), row(2, 8, 0)]));
    expect(score.switches).toBe(0);
    expect(score.falsePositives).toBe(1);
  });

  test('a line that is no row is named', () => {
    expect(() => parseMot('1,1,0,0,5,5,1\n<html>')).toThrow('line 2');
  });
});

describe.skipIf(!existsSync(folder))('against the reference tool', () => {
  const expected = existsSync(folder) ? JSON.parse(readFileSync(join(folder, 'EXPECTED.json'), 'utf8')) : {};
  const counts = (sequence: string): MotCounts => {
    const read = (file: string) => parseMot(readFileSync(join(folder, sequence, file), 'utf8'));
    return countMot(read('gt.txt'), read('results_CEM.txt'));
  };
  test.each([
    ['TUD-Campus', ['TUD-Campus']],
    ['TUD-Stadtmitte', ['TUD-Stadtmitte']],
    ['OVERALL', ['TUD-Campus', 'TUD-Stadtmitte']],
  ])('%s', (name, sequences) => {
    const score = Object.values(scoreMot(sumMot(sequences.map(counts))));
    expect(score).toHaveLength(expected[name].length);
    score.forEach((value, index) => {
      expect(value).toBeCloseTo(expected[name][index], 5);
    });
  });
});
