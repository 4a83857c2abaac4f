import { describe, expect, it } from 'vitest';
import { RestartBudget, reconnectDelayMs } from './reconnect.ts';

const latest = (): number => 1;
const earliest = (): number => 0;

describe('delay before the next attempt', () => {
  it('stays within a second and a half while an outage is short, and grows to 30 s', () => {
    for (let outage = 0; outage <= 10_000; outage += 500)
      expect(reconnectDelayMs(outage, 0, latest)).toBeLessThan(1_500);
    expect(reconnectDelayMs(60_000, 0, latest)).toBe(6_000);
    expect(reconnectDelayMs(3_600_000, 0, latest)).toBe(30_000);
  });

  it('is jittered over half of itself', () => {
    expect(reconnectDelayMs(0, 0, earliest)).toBe(500);
    expect(reconnectDelayMs(3_600_000, 0, earliest)).toBe(15_000);
  });

  it('grows for a camera that ends every session at once, but not for a few', () => {
    expect(reconnectDelayMs(0, 30, latest)).toBe(1_000);
    expect(reconnectDelayMs(0, 33, latest)).toBe(8_000);
    expect(reconnectDelayMs(0, 1_000, latest)).toBe(30_000);
  });
});

describe('restart budget', () => {
  it('is spent by failures at once, with growing delays', () => {
    const budget = new RestartBudget();
    const delays = [0, 1, 2, 3, 4, 5].map((i) => budget.failed(i * 1_000, 100, latest));
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, null]);
    budget.reset();
    expect(budget.failed(7_000, 100, latest)).toBe(500);
  });

  it('is not touched by a process that ran 5 s, and comes back with time', () => {
    const budget = new RestartBudget();
    for (let i = 0; i < 100; i++) expect(budget.failed(i, 5_000, latest)).toBe(250);
    for (let i = 0; i < 100; i++) expect(budget.failed(i * 180_000, 100, latest)).not.toBeNull();
  });
});
