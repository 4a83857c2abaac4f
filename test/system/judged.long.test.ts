/**
 * The product as it is judged: recorded footage over RTSP as a camera would send it, yolox-nano, the
 * site file of a user. Both clips play at once, so this takes as long as two passes of the longer one.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Box, Tracks } from '../../runtime/messages/types.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA, ONE_BY_ONE, TEST_DATA, VTEST } from '../data.ts';
import { until } from '../wait.ts';
import { follow } from './tail.ts';
import { Up } from './up.ts';

const VTEST_FRAMES = 795;
const VTEST_FPS = 10;
/** Ground truth is in pixels of 768×576. */
const TRUTH_SIZE = [768, 576] as const;

describe.skipIf(!HAS_TEST_DATA)('recorded footage over RTSP', () => {
  let server: RtspServer;
  let up: Up;
  const tracks: Tracks[] = [];
  let stopFollowing: () => void = () => undefined;

  beforeAll(async () => {
    server = await startRtspServer({
      streams: [
        {
          path: '/vtest',
          source: {
            kind: 'file',
            segments: [{ file: VTEST, label: 'pass' }],
            encode: { fps: VTEST_FPS, keyInt: VTEST_FPS, bframes: 0, bitrateKbps: 1500 },
          },
        },
        {
          path: '/visits',
          source: {
            kind: 'file',
            // It ends during a visit's last second and goes on with the empty room of its begin.
            segments: [
              { file: ONE_BY_ONE, label: 'pass' },
              { file: ONE_BY_ONE, fromS: 0, toS: 5 },
            ],
            end: 'hold',
            encode: { keyInt: 10, bframes: 0 },
          },
        },
      ],
    });
    up = await Up.start({
      detect: { workers: 1 },
      cameras: {
        vtest: { url: server.url('/vtest'), sampling: { active_fps: 10 } },
        visits: { url: server.url('/visits') },
      },
      rules: [{ id: 'visit', type: 'zone_entry', cameras: ['visits'], classes: ['person'], hold_s: 1.5 }],
    });
    stopFollowing = follow(up, 'tracks.v1', 'vtest', (record) => tracks.push(record as unknown as Tracks));
  }, 120_000);

  afterAll(async () => {
    stopFollowing();
    await up?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  test('six visits are six incidents with pictures, and the crowd is found where it is', {
    timeout: 300_000,
  }, async () => {
    const passes = () => server.segments.filter(({ path, label }) => path === '/vtest' && label === 'pass');
    await until('the second pass to have ended', () => passes().length >= 3, 240_000, 500);
    const [, second] = passes();
    if (!second) throw new Error('no second pass');

    const score = scoreVtest(tracks, second.atMs);
    console.log(`vtest, second pass: TP ${score.tp} FP ${score.fp} of ${score.truth}`);
    expect(score.tp).toBeGreaterThanOrEqual(58);
    expect(score.fp).toBeLessThanOrEqual(12);

    const visits = await until('the last visit to be closed, its pictures listed', async () => {
      const all = await up.incidents();
      const isWhole = all.every(({ state, evidence }) => state === 'closed' && evidence.length >= 3);
      return all.length >= 6 && isWhole && all;
    });
    expect(visits.map(({ rule, closeReason }) => [rule, closeReason])).toEqual(Array(6).fill(['visit', 'left']));
    for (const { evidence } of visits) {
      expect(evidence.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['snapshot', 'annotated', 'record']));
    }
  });
});

/** Boxes of confirmed, present tracks on the annotated frames of the pass that began at `passMs`. */
function scoreVtest(tracks: readonly Tracks[], passMs: number): { tp: number; fp: number; truth: number } {
  const looked = tracks.filter(({ kind }) => kind === 'looked');
  const frameOf = (record: Tracks): number => Math.round(((Date.parse(record.from) - passMs) / 1000) * VTEST_FPS);
  const byFrame = new Map(looked.map((record) => [frameOf(record), record]));
  let tp = 0;
  let fp = 0;
  let truth = 0;
  for (const [frame, boxes] of sparseTruth()) {
    expect(frame, 'annotated frame').toBeLessThan(VTEST_FRAMES);
    truth += boxes.length;
    const found = (byFrame.get(frame)?.tracks ?? []).filter(
      (track) => !track.tentative && !track.coasting && track.class === 'person',
    );
    const pairs = found
      .flatMap((track, t) => boxes.map((box, b) => ({ t, b, iou: iou(track.box, box) })))
      .filter((pair) => pair.iou >= 0.5)
      .sort((a, b) => b.iou - a.iou);
    const usedTracks = new Set<number>();
    const usedBoxes = new Set<number>();
    for (const { t, b } of pairs) {
      if (usedTracks.has(t) || usedBoxes.has(b)) continue;
      usedTracks.add(t);
      usedBoxes.add(b);
    }
    tp += usedTracks.size;
    fp += found.length - usedTracks.size;
  }
  return { tp, fp, truth };
}

/** Annotated frame n is video frame n − 1. Boxes normalized. */
function sparseTruth(): Map<number, Box[]> {
  const frames = new Map<number, Box[]>();
  const text = readFileSync(join(TEST_DATA, 'annotations/pets09_s2l1_sparse/gt_sparse.txt'), 'utf8');
  for (const line of text.trim().split('\n')) {
    const [n = 0, , x = 0, y = 0, w = 0, h = 0] = line.split(',').map(Number);
    const [width, height] = TRUTH_SIZE;
    const boxes = frames.get(n - 1) ?? [];
    boxes.push([x / width, y / height, (x + w) / width, (y + h) / height]);
    frames.set(n - 1, boxes);
  }
  return frames;
}

function iou(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: Box): number => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(a) + area(b) - width * height);
}
