import { describe, expect, it } from 'vitest';
import { toTimestamp } from '../runtime/time.ts';
import { Calendar, periodBefore, periodOf } from './period.ts';

const dublin = new Calendar('Europe/Dublin');
const utc = new Calendar('UTC');
const NOW = Date.parse('2026-11-22T06:30:00Z');

describe('a period', () => {
  it('of a week is seven days of the site, up to now where the last one is not over', () => {
    const week = periodOf('weekly', '2026-11-22', dublin, NOW);
    expect([toTimestamp(week.from), toTimestamp(week.to)]).toEqual([
      '2026-11-16T00:00:00.000Z',
      '2026-11-22T06:30:00.000Z',
    ]);
    expect([week.days.length, week.days[0], week.days.at(-1), week.partial]).toEqual([
      7,
      '2026-11-16',
      '2026-11-22',
      true,
    ]);
    const before = periodBefore(week, dublin);
    expect([before.days[0], before.days.at(-1), before.to, before.partial]).toEqual([
      '2026-11-09',
      '2026-11-15',
      week.from,
      false,
    ]);
  });

  it('of a month is the calendar month where it ends with one, else from the day after the same day before', () => {
    const firstTo = (last: string): string | undefined => periodOf('monthly', last, utc, NOW).days[0];
    expect(firstTo('2026-10-31')).toBe('2026-10-01');
    expect(firstTo('2026-09-30')).toBe('2026-09-01');
    expect(firstTo('2026-02-28')).toBe('2026-02-01');
    expect(firstTo('2026-10-22')).toBe('2026-09-23');
    expect(firstTo('2026-03-30')).toBe('2026-03-01');
    const october = periodOf('monthly', '2026-10-31', utc, NOW);
    expect(periodBefore(october, utc).days).toHaveLength(30);
  });

  it('has a day of 25 hours where the clocks go back, one of 23 where they go forward', () => {
    const hoursOf = (day: string): number => {
      const { from, to } = periodOf('weekly', day, dublin, NOW);
      return (to - from) / 3_600_000 - 6 * 24;
    };
    expect(hoursOf('2026-10-25')).toBe(25);
    expect(hoursOf('2026-03-29')).toBe(23);
    expect(hoursOf('2026-10-24')).toBe(24);
  });
});

describe('the hours of a span', () => {
  it('are those of the clock on the wall, also where it is a half-hour off', () => {
    const from = Date.parse('2026-11-22T00:10:00Z');
    const slots = new Calendar('Asia/Kolkata').slots({ from, to: from + 3_600_000 });
    expect(
      slots.map(({ from, to, day, hour }) => [
        toTimestamp(from).slice(11, 16),
        toTimestamp(to).slice(11, 16),
        day,
        hour,
      ]),
    ).toEqual([
      ['00:10', '00:30', '2026-11-22', 5],
      ['00:30', '01:10', '2026-11-22', 6],
    ]);
  });

  it('come twice where the clocks repeat one, and together are the span', () => {
    const from = dublin.beginOf('2026-10-25');
    const slots = dublin.slots({ from, to: dublin.beginOf('2026-10-26') });
    expect(slots.map(({ hour }) => hour).slice(0, 4)).toEqual([0, 1, 1, 2]);
    expect(slots).toHaveLength(25);
    expect(slots.every((slot, i) => i === 0 || slot.from === slots[i - 1]?.to)).toBe(true);
  });
});

it('says days and times of the zone', () => {
  expect(dublin.inWords(Date.parse('2026-07-01T23:05:09Z'))).toBe('Thu, 2 Jul 2026, 00:05');
  expect(dublin.clockWithSeconds(Date.parse('2026-07-01T23:05:09Z'))).toBe('00:05:09');
  expect(() => new Calendar('Europe/Nowhere')).toThrow(RangeError);
});
