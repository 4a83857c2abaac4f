import { describe, expect, it } from 'vitest';
import { CaptureClock } from './capture_time.ts';

const WALL = 1_700_000_000_000;

/** A camera's pictures: taken every `everyMs`, arriving after `delay(n)`. */
function play(
  clock: CaptureClock,
  count: number,
  everyMs: number,
  delay: (n: number) => number,
  ptsOf = (ms: number) => ms,
) {
  const errors: number[] = [];
  let steps = 0;
  let estimated = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (let n = 0; n < count; n += 1) {
    const takenMs = n * everyMs;
    const time = clock.at(ptsOf(takenMs), takenMs + delay(n));
    expect(time.timeMs).toBeGreaterThanOrEqual(last);
    last = time.timeMs;
    errors.push(time.timeMs - (WALL + takenMs));
    if (time.step) steps += 1;
    if (time.estimated) estimated += 1;
  }
  return { errors, steps, estimated };
}

describe('capture time', () => {
  it('takes jitter of the network out', () => {
    const jitter = (n: number): number => 40 + (n % 10 === 0 ? 0 : (n * 37) % 200);
    const { errors, steps, estimated } = play(new CaptureClock(WALL), 600, 100, jitter);
    expect(steps).toBe(0);
    expect(estimated).toBe(0);
    // The smallest delay cannot be told from distance: it stays.
    for (const error of errors.slice(30)) expect(error).toBeCloseTo(40, 0);
  });

  it('follows a clock that drifts, a thousandth at most', () => {
    const { errors } = play(
      new CaptureClock(WALL),
      6_000,
      100,
      () => 20,
      (ms) => ms * 1.0005,
    );
    expect(Math.abs(errors.at(-1) ?? 0)).toBeLessThan(60);
  });

  it('begins a run anew where the stream jumps, and not where the network stalls', () => {
    const jumped = play(
      new CaptureClock(WALL),
      200,
      100,
      () => 20,
      (ms) => (ms < 10_000 ? ms : ms + 30_000),
    );
    expect(jumped.steps).toBeGreaterThan(0);
    const stalled = play(new CaptureClock(WALL), 200, 100, (n) => (n >= 50 && n < 80 ? (80 - n) * 100 : 20));
    expect(stalled.steps).toBe(0);
  });

  it('does not believe a stream whose clock stands still or runs at another rate', () => {
    expect(
      play(
        new CaptureClock(WALL),
        100,
        100,
        () => 20,
        () => 5_000,
      ).estimated,
    ).toBeGreaterThan(80);
    const fast = play(
      new CaptureClock(WALL),
      400,
      100,
      () => 20,
      (ms) => ms * 1.2,
    );
    expect(fast.estimated).toBeGreaterThan(200);
    for (const error of fast.errors.slice(200)) expect(Math.abs(error)).toBeLessThan(2_500);
  });

  it('goes on over the wrap of the 32-bit counter', () => {
    const wrap = 2 ** 32 / 90;
    const begin = wrap - 5_000;
    const { errors, steps } = play(
      new CaptureClock(WALL),
      200,
      100,
      () => 20,
      (ms) => (begin + ms) % wrap,
    );
    expect(steps).toBe(0);
    for (const error of errors.slice(30)) expect(error).toBeCloseTo(20, 0);
  });

  it('never gives a time after the arrival, and the arrival where a unit has no time', () => {
    const clock = new CaptureClock(WALL);
    expect(clock.at(null, 100)).toEqual({ timeMs: WALL + 100, estimated: true, step: false });
    for (let n = 2; n < 50; n += 1) {
      expect(clock.at(n * 100, n * 100 + (n % 3) * 30).timeMs).toBeLessThanOrEqual(WALL + n * 100 + (n % 3) * 30);
    }
  });
});
