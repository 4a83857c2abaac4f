import { describe, expect, it } from 'vitest';
import { Sampler, type SamplerInput } from './sampler.ts';

const SAMPLING = { idle_fps: 0.5, active_fps: 5, width_px: 960 };

/** Times of the looked-at pictures of a camera at `fps` over `seconds`. */
function looked(
  fps: number,
  seconds: number,
  input: (timeMs: number) => Partial<SamplerInput>,
  jitterMs = 0,
): number[] {
  const sampler = new Sampler(SAMPLING);
  const times: number[] = [];
  for (let n = 0; n < fps * seconds; n += 1) {
    const timeMs = (n * 1_000) / fps + (n % 2 ? jitterMs : 0);
    const all = { timeMs, active: true, forced: false, maxFps: null, ...input(timeMs) };
    if (sampler.look(all) !== null) times.push(timeMs);
  }
  return times;
}

describe('sampler', () => {
  it.each([
    [25, 0],
    [10, 0],
    [10, 15],
    [12, 8],
    [30, 5],
  ])('keeps the active rate of 5 on a camera of %i pictures a second, jitter %i ms', (fps, jitter) => {
    const times = looked(fps, 20, () => ({}), jitter);
    expect(times.length).toBeGreaterThanOrEqual(98);
    expect(times.length).toBeLessThanOrEqual(102);
  });

  it('takes every picture of a camera that is slower', () => {
    expect(looked(3, 10, () => ({}))).toHaveLength(30);
  });

  it('looks now and then while idle, and says that it is a heartbeat', () => {
    const sampler = new Sampler(SAMPLING);
    const purposes = [];
    for (let at = 0; at < 10_000; at += 100) {
      purposes.push(sampler.look({ timeMs: at, active: false, forced: false, maxFps: null }));
    }
    expect(purposes.filter((purpose) => purpose === 'heartbeat')).toHaveLength(5);
    expect(purposes).not.toContain('live');
  });

  it('looks at once when it becomes active or is told to', () => {
    const times = looked(10, 4, (at) => ({ active: at >= 1_000, forced: at === 500 }));
    expect(times).toContain(500);
    expect(times.find((at) => at >= 1_000)).toBeLessThanOrEqual(1_000);
  });

  it('goes no faster than the processors can, idle or active', () => {
    expect(looked(10, 10, () => ({ maxFps: 2 }))).toHaveLength(20);
    expect(looked(10, 20, () => ({ maxFps: 0.2, active: false })).length).toBeLessThanOrEqual(5);
  });
});
