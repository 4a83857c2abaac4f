import { describe, expect, it } from 'vitest';
import { Observer, observationIntervalMs } from './observe.ts';

describe('observations', () => {
  it('account for all time without a frame, each once', () => {
    const observer = new Observer(500);
    let coveredTo: number | null = null;
    for (let at = 0; at <= 10_000; at += 40) {
      if (at % 1_200 === 0) {
        observer.published(at);
        coveredTo = at;
        continue;
      }
      const interval = observer.passed('quiet', null, at);
      if (!interval) continue;
      expect(interval.fromMs).toBe(coveredTo);
      expect(interval.toMs).toBe(at);
      coveredTo = interval.toMs;
    }
    expect(10_000 - (coveredTo ?? 0)).toBeLessThanOrEqual(500);
  });

  it('tell an interval as the worst that it was', () => {
    const observer = new Observer(1_000);
    observer.published(0);
    expect(observer.passed('blind', 'STREAM_UNDECODABLE', 300)).toBeNull();
    expect(observer.passed('quiet', null, 900)).toBeNull();
    expect(observer.passed('quiet', null, 1_100)).toEqual({
      kind: 'blind',
      reason: 'STREAM_UNDECODABLE',
      fromMs: 0,
      toMs: 1_100,
    });
    expect(observer.passed('quiet', null, 2_200)?.kind).toBe('quiet');
  });

  it('never go back', () => {
    const observer = new Observer(100);
    observer.published(1_000);
    observer.published(900);
    expect(observer.toMs).toBe(1_000);
    expect(observer.passed('quiet', null, 950)).toBeNull();
  });

  it('come four times in what the rules promise, within bounds', () => {
    expect([0.5, 2, 60].map(observationIntervalMs)).toEqual([250, 500, 2_000]);
  });
});
