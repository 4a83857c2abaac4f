import { describe, expect, it } from 'vitest';
import { PendingUnits } from './pending.ts';
import type { Stamp } from './types.ts';

const stamp = (timeMs: number): Stamp => ({ timeMs, receiveMs: timeMs, estimated: false, key: false });

describe('units on their way through a decoder', () => {
  it('are found by the time that they were given, reordered or not', () => {
    const pending = new PendingUnits();
    const pushed = [0, 120, 40, 80].map((ms) => pending.add(ms, stamp(ms)));
    const shown = [...pushed].sort((a, b) => a - b);
    expect(shown.map((ns) => pending.take(ns)?.stamp.timeMs)).toEqual([0, 40, 80, 120]);
  });

  it('count those that never came out', () => {
    const pending = new PendingUnits();
    const [, , third] = [0, 40, 80].map((ms) => pending.add(ms, stamp(ms)));
    expect(pending.take(third ?? -1)).toEqual({ stamp: stamp(80), lost: 2 });
    expect(pending.take(third ?? -1)).toBeNull();
    expect(pending.find(third ?? -1)?.timeMs).toBe(80);
  });

  it('get times of their own where the stream has none, or the same twice', () => {
    const pending = new PendingUnits();
    const times = [null, null, 10, 10, null].map((ms, n) => pending.add(ms, stamp(n)));
    expect(new Set(times).size).toBe(5);
    expect(times.map((ns) => pending.take(ns)?.stamp.timeMs)).toEqual([0, 1, 2, 3, 4]);
  });

  it('never show the decoder a jump, back or forth', () => {
    const pending = new PendingUnits();
    let before = -1;
    for (const ms of [0, 40, 4_000_000, 4_000_040, 12, 52]) {
      const ns = pending.add(ms, stamp(ms));
      expect(ns).toBeGreaterThan(before);
      expect(ns - Math.max(0, before)).toBeLessThan(1e9);
      before = ns;
    }
  });

  it('are bounded', () => {
    const pending = new PendingUnits();
    const first = pending.add(0, stamp(0));
    for (let n = 1; n < 1_000; n += 1) pending.add(n * 40, stamp(n));
    expect(pending.find(first)).toBeUndefined();
  });
});
