import { describe, expect, test } from 'vitest';
import { type AttentionState, announce, attend, startAttention } from './attention.ts';

/** Frames at `fps`, of which detection can serve `served` a second. */
function play(state: AttentionState, seconds: number, served: number, activeFps = 10, from = 0) {
  let now = state;
  let time = from;
  let budget = 0;
  while (time < from + seconds * 1000) {
    const fps = Math.min(activeFps, now.maxFps ?? activeFps);
    time += 1000 / fps;
    budget = Math.min(1, budget + served / fps);
    const looked = budget >= 1;
    if (looked) budget -= 1;
    now = attend(now, time, looked ? 'looked' : 'shed', false, activeFps);
  }
  return now;
}

describe('attend', () => {
  test('asks for no limit while all is served', () => {
    expect(play(startAttention(), 20, 10).maxFps).toBeNull();
  });

  test('comes down to what is served, and stays about it', () => {
    let state = play(startAttention(), 30, 3);
    for (let round = 0; round < 10; round++) {
      state = play(state, 4, 3, 10, 30_000 + round * 4000);
      expect(state.maxFps).toBeGreaterThan(1.5);
      expect(state.maxFps).toBeLessThan(5);
    }
  });

  test('goes back up and forgets the limit when all is served again', () => {
    const limited = play(startAttention(), 30, 2);
    expect(limited.maxFps).not.toBeNull();
    expect(play(limited, 60, 10, 10, 30_000).maxFps).toBeNull();
  });

  test('is never less than it takes to look now and then', () => {
    expect(play(startAttention(), 120, 0.01).maxFps).toBe(0.5);
  });

  test('keeps looking while something is tracked, and a while after', () => {
    const state = attend(startAttention(), 10_000, 'looked', true, 5);
    expect(attend(state, 12_000, 'looked', false, 5).keepUntil).toBe(13_000);
  });
});

describe('announce', () => {
  test('says nothing where there is nothing to say', () => {
    expect(announce(attend(startAttention(), 1000, 'looked', false, 5), 0).publish).toBeNull();
  });

  test('extends in steps, at most twice a second', () => {
    let state = startAttention();
    let published = 0;
    for (let time = 0; time < 10_000; time += 100) {
      const said = announce(attend(state, 1e6 + time, 'looked', true, 10), time);
      state = said.state;
      if (said.publish) published += 1;
    }
    expect(published).toBeGreaterThanOrEqual(9);
    expect(published).toBeLessThanOrEqual(11);
  });

  test('repeats a limit, because it expires, and says when it is over', () => {
    const limited = { ...startAttention(), maxFps: 2 };
    const first = announce(limited, 0);
    expect(first.publish?.maxFps).toBe(2);
    expect(announce(first.state, 4000).publish).toBeNull();
    expect(announce(first.state, 5000).publish?.maxFps).toBe(2);
    expect(announce({ ...first.state, maxFps: null }, 1000).publish).toEqual({ keepUntil: 0, maxFps: null });
  });
});
