import type { Schedule } from './messages/types.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Dates looked at round the instant: a week of starts ahead, so that a weekly window is always among them. */
const DAYS_BACK = 2;
const DAYS_AHEAD = 9;

/** A stretch of time over which a schedule does not change, half-open, epoch milliseconds. */
export interface ScheduleSpan {
  readonly active: boolean;
  /** Inclusive; -Infinity when it began before the days looked at. */
  readonly from: number;
  /** Exclusive: the next boundary; Infinity when there is none within nine days. */
  readonly to: number;
}

/** The last answer of each schedule: it holds for hours, and Intl is slow beside a look-up. */
const remembered = new WeakMap<Schedule, { span: ScheduleSpan; from: number; to: number }>();

/** @param epochMs capture time. @throws RangeError for an unknown time zone. */
export function isActive(schedule: Schedule, epochMs: number): boolean {
  return spanAt(schedule, epochMs).active;
}

/** Next instant (epoch milliseconds, > epochMs) at which the schedule starts or ends; Infinity when it never does. */
export function nextBoundary(schedule: Schedule, epochMs: number): number {
  return spanAt(schedule, epochMs).to;
}

/**
 * The active or inactive span that holds the instant. A window belongs to the local date on which it
 * starts; windows that touch are one.
 *
 * Where the clocks change: a wall time that does not exist means the instant of the change; one that
 * exists twice means the first as a start and the second as an end, so that a window is never shorter
 * than the clock on the wall says.
 */
export function spanAt(schedule: Schedule, epochMs: number): ScheduleSpan {
  const known = remembered.get(schedule);
  if (known && known.from <= epochMs && epochMs < known.to) return known.span;
  const span = computeSpan(schedule, epochMs);
  // A span without an end was only seen nine days ahead.
  remembered.set(schedule, { span, from: Math.max(span.from, epochMs), to: Math.min(span.to, epochMs + DAY) });
  return span;
}

function computeSpan(schedule: Schedule, epochMs: number): ScheduleSpan {
  let gapFrom = Number.NEGATIVE_INFINITY;
  for (const [from, to] of windowsAround(schedule, epochMs)) {
    if (epochMs < from) return { active: false, from: gapFrom, to: from };
    if (epochMs < to) {
      const open = to - epochMs > (DAYS_AHEAD - 1) * DAY;
      return { active: true, from, to: open ? Number.POSITIVE_INFINITY : to };
    }
    gapFrom = to;
  }
  return { active: false, from: gapFrom, to: Number.POSITIVE_INFINITY };
}

/** Windows that start on dates round the instant, in order, those that touch joined. */
function windowsAround(schedule: Schedule, epochMs: number): [number, number][] {
  const { days, timezone } = schedule;
  const from = minutesOf(schedule.from);
  const to = minutesOf(schedule.to);
  const length = to <= from ? to + 24 * 60 : to;
  // Local date as midnight in UTC: dates are counted without knowing how long a day is.
  const today = Math.floor((epochMs + offsetAt(timezone, epochMs)) / DAY) * DAY;
  const windows: [number, number][] = [];
  for (let day = -DAYS_BACK; day <= DAYS_AHEAD; day++) {
    const date = today + day * DAY;
    if (!days.includes(new Date(date).getUTCDay())) continue;
    const start = instantOf(timezone, date + from * MINUTE, 'first');
    const end = instantOf(timezone, date + length * MINUTE, 'last');
    if (end <= start) continue;
    const last = windows.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else windows.push([start, end]);
  }
  return windows;
}

function minutesOf(wall: string): number {
  const [hours, minutes] = wall.split(':').map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
}

/** @param wall local wall time written as if it were UTC, epoch milliseconds. */
function instantOf(timezone: string, wall: number, which: 'first' | 'last'): number {
  // Offsets on either side: no zone changes twice within two days.
  const before = wall - offsetAt(timezone, wall - DAY);
  const after = wall - offsetAt(timezone, wall + DAY);
  const valid = [before, after].filter((instant) => instant + offsetAt(timezone, instant) === wall);
  if (valid.length > 0) return which === 'first' ? Math.min(...valid) : Math.max(...valid);
  // In the gap: the instant of the change lies in (after, before].
  let low = after;
  let high = before;
  const offsetLow = offsetAt(timezone, low);
  while (high - low > 1000) {
    const middle = Math.floor((low + high) / 2000) * 1000;
    if (offsetAt(timezone, middle) === offsetLow) low = middle;
    else high = middle;
  }
  return high;
}

/** Bounded by the number of IANA zones: any other name throws before it is kept. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** Local minus UTC, milliseconds. */
function offsetAt(timezone: string, epochMs: number): number {
  let format = formats.get(timezone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timezone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(epochMs)) part[type] = Number(value);
  const local = Date.UTC(
    part['year'] ?? 0,
    (part['month'] ?? 1) - 1,
    part['day'] ?? 1,
    part['hour'] ?? 0,
    part['minute'] ?? 0,
    part['second'] ?? 0,
  );
  return local - Math.floor(epochMs / 1000) * 1000;
}
