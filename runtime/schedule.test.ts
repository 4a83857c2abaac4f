import { describe, expect, test } from 'vitest';
import type { Schedule } from './messages/types.ts';
import { isActive, nextBoundary, spanAt } from './schedule.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6];
const schedule = (from: string, to: string, days = ALL, timezone = 'Europe/Dublin'): Schedule => ({
  days,
  from,
  to,
  timezone,
});
const at = (text: string): number => Date.parse(text);
const HOUR = 3_600_000;

describe('isActive', () => {
  test('is half-open: `from` is in, `to` is out', () => {
    const day = schedule('09:00', '17:00', ALL, 'UTC');
    expect(isActive(day, at('2026-11-21T08:59:59.999Z'))).toBe(false);
    expect(isActive(day, at('2026-11-21T09:00:00.000Z'))).toBe(true);
    expect(isActive(day, at('2026-11-21T16:59:59.999Z'))).toBe(true);
    expect(isActive(day, at('2026-11-21T17:00:00.000Z'))).toBe(false);
  });

  test('an overnight window belongs to the day on which it starts', () => {
    const friday = schedule('20:00', '06:00', [5], 'UTC');
    expect(isActive(friday, at('2026-11-20T05:00:00Z'))).toBe(false); // Friday morning is Thursday's night
    expect(isActive(friday, at('2026-11-20T20:00:00Z'))).toBe(true);
    expect(isActive(friday, at('2026-11-21T05:59:59.999Z'))).toBe(true);
    expect(isActive(friday, at('2026-11-21T06:00:00Z'))).toBe(false);
    expect(isActive(friday, at('2026-11-21T20:00:00Z'))).toBe(false);
  });

  test('follows the local clock on both sides of the date line', () => {
    const noon = schedule('12:00', '13:00', [1], 'Pacific/Auckland');
    expect(isActive(noon, at('2026-01-04T23:30:00Z'))).toBe(true); // Monday noon there, Sunday in UTC
    expect(isActive(schedule('12:00', '13:00', [0], 'Pacific/Honolulu'), at('2026-01-04T22:30:00Z'))).toBe(true);
  });

  test('equal ends mean a whole day, and touching days have no seam', () => {
    const always = schedule('00:00', '00:00');
    for (const text of ['2026-03-28T23:59:59.999Z', '2026-03-29T00:00:00Z', '2026-10-25T00:30:00Z']) {
      expect(isActive(always, at(text))).toBe(true);
      expect(nextBoundary(always, at(text))).toBe(Number.POSITIVE_INFINITY);
    }
    expect(isActive(schedule('00:00', '24:00', [6], 'UTC'), at('2026-11-21T23:59:59.999Z'))).toBe(true);
  });

  test('no days: never', () => {
    expect(spanAt(schedule('00:00', '00:00', []), at('2026-11-21T00:00:00Z'))).toEqual({
      active: false,
      from: Number.NEGATIVE_INFINITY,
      to: Number.POSITIVE_INFINITY,
    });
  });
});

describe('Europe/Dublin, spring: 2026-03-29 01:00 becomes 02:00', () => {
  test('a night over the change is an hour shorter', () => {
    const span = spanAt(schedule('20:00', '06:00', [6]), at('2026-03-28T22:00:00Z'));
    expect(span).toEqual({ active: true, from: at('2026-03-28T20:00:00Z'), to: at('2026-03-29T05:00:00Z') });
  });

  test('a start that does not exist is the instant of the change', () => {
    const span = spanAt(schedule('01:30', '03:00'), at('2026-03-29T01:15:00Z'));
    expect(span).toEqual({ active: true, from: at('2026-03-29T01:00:00Z'), to: at('2026-03-29T02:00:00Z') });
  });

  test('an end that does not exist is the instant of the change; a window within the gap is none', () => {
    expect(nextBoundary(schedule('00:15', '01:30'), at('2026-03-29T00:30:00Z'))).toBe(at('2026-03-29T01:00:00Z'));
    expect(isActive(schedule('01:10', '01:50'), at('2026-03-29T01:00:00Z'))).toBe(false);
  });
});

describe('Europe/Dublin, autumn: 2026-10-25 02:00 becomes 01:00', () => {
  test('a night over the change is an hour longer', () => {
    const { from, to } = spanAt(schedule('20:00', '06:00', [6]), at('2026-10-25T00:30:00Z'));
    expect(to - from).toBe(11 * HOUR);
    expect(to).toBe(at('2026-10-25T06:00:00Z'));
  });

  test('of an hour that comes twice a window takes the first start and the last end', () => {
    const span = spanAt(schedule('01:00', '01:30'), at('2026-10-25T01:15:00Z'));
    expect(span).toEqual({ active: true, from: at('2026-10-25T00:00:00Z'), to: at('2026-10-25T01:30:00Z') });
  });
});

describe('nextBoundary', () => {
  test('finds the next start a week away', () => {
    const monday = schedule('08:00', '09:00', [1], 'UTC');
    expect(nextBoundary(monday, at('2026-11-16T09:00:00Z'))).toBe(at('2026-11-23T08:00:00Z'));
  });

  test('agrees with isActive at every boundary of a year, in zones with and without changes', () => {
    for (const zone of ['Europe/Dublin', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/St_Johns']) {
      const night = schedule('22:30', '01:45', [0, 2, 3], zone);
      let time = at('2026-01-01T00:00:00Z');
      for (let index = 0; index < 300; index++) {
        const next = nextBoundary(night, time);
        expect(isActive(night, next)).toBe(!isActive(night, next - 1));
        expect(next).toBeGreaterThan(time);
        time = next;
      }
      expect(time).toBeGreaterThan(at('2026-12-01T00:00:00Z'));
    }
  });

  test('an unknown zone is an error, not UTC', () => {
    expect(() => isActive(schedule('00:00', '01:00', ALL, 'Mars/Olympus'), 0)).toThrow(RangeError);
  });
});
