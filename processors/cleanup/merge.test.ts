import { describe, expect, test } from 'vitest';
import { type Entry, type MergeState, merge, release, restartWaiting, startMerge, WAIT_MS } from './merge.ts';
import { found, observed } from './scenes.ts';

const source = { topic: 't', partition: 0, offset: '0' };
const frame = (seq: number, changes = {}): Entry => ({ type: 'detections', record: found(seq, [], changes), source });
const quiet = (afterSeq: number, changes = {}): Entry => ({
  type: 'observation',
  record: observed(afterSeq, changes),
  source,
});
const name = (entry: Entry) => (entry.type === 'detections' ? `f${entry.record.seq}` : `q${entry.record.afterSeq}`);

/** Feeds entries, all at time 0. */
function feed(entries: Entry[], from: MergeState = startMerge()) {
  let state = from;
  const order: string[] = [];
  const dropped: string[] = [];
  let missing = 0;
  for (const entry of entries) {
    const merged = merge(state, entry, 0);
    state = merged.state;
    order.push(...merged.ready.map(name));
    if (merged.dropped) dropped.push(`${name(entry)} ${merged.dropped}`);
    missing += merged.missing;
  }
  return { state, order, dropped, missing };
}

describe('merge', () => {
  test('frames are applied at once', () => {
    expect(feed([frame(0), frame(1)]).order).toEqual(['f0', 'f1']);
  });

  test('an observation waits for the frame that it names', () => {
    expect(feed([frame(0), quiet(1), quiet(1), frame(1), frame(2)]).order).toEqual(['f0', 'f1', 'q1', 'q1', 'f2']);
  });

  test('and comes before the frame after it, though that one comes first', () => {
    expect(feed([frame(0), quiet(1), frame(2)]).order).toEqual(['f0', 'q1', 'f2']);
  });

  test('observations never overtake one another', () => {
    expect(feed([frame(0), quiet(1), quiet(0), frame(1)]).order).toEqual(['f0', 'f1', 'q1', 'q0']);
  });

  test('before the first frame there is nothing to wait for', () => {
    expect(feed([quiet(-1), quiet(-1), frame(0)]).order).toEqual(['q-1', 'q-1', 'f0']);
  });

  test('what waits too long is let go, and its frame given up', () => {
    const { state } = feed([frame(0), quiet(1)]);
    expect(release(state, WAIT_MS - 1).ready).toEqual([]);
    const released = release(state, WAIT_MS);
    expect(released.ready.map(name)).toEqual(['q1']);
    expect(released.missing).toBe(1);
    expect(feed([frame(1), frame(2)], released.state)).toMatchObject({ order: ['f2'], dropped: ['f1 seq'] });
  });

  test('while frames come, it goes on waiting: they come in order', () => {
    const { state } = feed([frame(0), quiet(3)]);
    const later = merge(state, frame(1), 4000).state;
    expect(release(later, 4000 + WAIT_MS - 1).ready).toEqual([]);
    expect(release(later, 4000 + WAIT_MS).ready.map(name)).toEqual(['q3']);
  });

  test('a restored state waits anew, on another clock', () => {
    const state = restartWaiting(feed([frame(0), quiet(1)]).state, 1e6);
    expect(release(state, 1e6 + WAIT_MS - 1).ready).toEqual([]);
  });

  test('a gap counts as frames that are missing; joining in the middle of a run does not', () => {
    expect(feed([frame(5), frame(6), frame(9)]).missing).toBe(2);
  });

  test('a frame again is dropped', () => {
    expect(feed([frame(0), frame(1), frame(1), frame(0)])).toMatchObject({
      order: ['f0', 'f1'],
      dropped: ['f1 seq', 'f0 seq'],
    });
  });

  test('a new run lets go of what waited in the old one, whose late records are dropped', () => {
    const next = { runId: '20261121T210000000Z-bb' };
    expect(feed([frame(0), quiet(1), frame(0, next), frame(1)])).toMatchObject({
      order: ['f0', 'q1', 'f0'],
      dropped: ['f1 run'],
      missing: 0,
    });
  });

  test('a new owner counts for more than a later run', () => {
    const owned = { epoch: 2, runId: '20200101T000000000Z-cc' };
    expect(feed([frame(0), frame(0, owned), frame(1), quiet(0)])).toMatchObject({
      order: ['f0', 'f0'],
      dropped: ['f1 epoch', 'q0 epoch'],
    });
  });

  test('what waits is bounded', () => {
    const { state, order } = feed(Array.from({ length: 1500 }, () => quiet(3)));
    expect(state.waiting.length).toBeLessThanOrEqual(1000);
    expect(order.length + state.waiting.length).toBe(1500);
  });

  test('is plain JSON', () => {
    const { state } = feed([frame(0), quiet(1)]);
    expect(feed([frame(1)], JSON.parse(JSON.stringify(state))).order).toEqual(['f1', 'q1']);
  });
});
