/** Which time a report is about, in the days and hours of its site. Pure. */
import { toTimestamp } from '../runtime/time.ts';

export type ReportKind = 'weekly' | 'monthly';

/** Half-open, epoch milliseconds. */
export interface Span {
  from: number;
  to: number;
}

export interface Period extends Span {
  kind: ReportKind;
  /** `YYYY-MM-DD`, all of them, the last one perhaps not over yet. */
  days: string[];
  /** It ends now and not with its last day. */
  partial: boolean;
}

/** A stretch of time within one hour of one day as the clock on the wall shows it. */
export interface Slot extends Span {
  day: string;
  hour: number;
}

const DAY = 86_400_000;
/** Every offset of every zone is a multiple of it. */
const QUARTER = 900_000;

/** Wall time of one zone. */
export class Calendar {
  readonly zone: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #words: Intl.DateTimeFormat;

  /** @param zone IANA name. @throws RangeError for any other. */
  constructor(zone: string) {
    this.zone = zone;
    this.#format = new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    // Days are written from their own midnight in UTC.
    this.#words = new Intl.DateTimeFormat('en-GB', {
      timeZone: 'UTC',
      weekday: 'short',
      day: 'numeric',
      month: 'short',
      year: 'numeric',
    });
  }

  /** `YYYY-MM-DD`. */
  day(ms: number): string {
    return this.#parts(ms).slice(0, 10);
  }

  hour(ms: number): number {
    return Number(this.#parts(ms).slice(11, 13));
  }

  /** `14:05`. */
  clock(ms: number): string {
    return this.#parts(ms).slice(11, 16);
  }

  /** `14:05:09`. */
  clockWithSeconds(ms: number): string {
    return this.#parts(ms).slice(11, 19);
  }

  /** `Sun, 22 Nov 2026`. */
  dayInWords(day: string): string {
    return this.#words.format(Date.parse(`${day}T00:00:00Z`));
  }

  /** `Sun, 22 Nov 2026, 14:05`. */
  inWords(ms: number): string {
    return `${this.dayInWords(this.day(ms))}, ${this.clock(ms)}`;
  }

  /** When a day begins; where the clocks skip midnight, right after. */
  beginOf(day: string): number {
    const wall = Date.parse(`${day}T00:00:00Z`);
    const either = [wall - this.#offset(wall - DAY), wall - this.#offset(wall + DAY)];
    const exact = either.filter((ms) => ms + this.#offset(ms) === wall);
    return exact.length > 0 ? Math.min(...exact) : Math.max(...either);
  }

  /** The hours of a span, in order. An hour that the clocks repeat is two slots. */
  slots({ from, to }: Span): Slot[] {
    const slots: Slot[] = [];
    for (let at = from; at < to; at = Math.min(to, (Math.floor(at / QUARTER) + 1) * QUARTER)) {
      const [day, hour] = [this.day(at), this.hour(at)];
      const last = slots.at(-1);
      const end = Math.min(to, (Math.floor(at / QUARTER) + 1) * QUARTER);
      if (last?.day === day && last.hour === hour && end - last.from <= 4 * QUARTER) last.to = end;
      else slots.push({ from: at, to: end, day, hour });
    }
    return slots;
  }

  /** `2026-11-22 14:05:09`, as one string. */
  #parts(ms: number): string {
    return this.#format.format(ms).replace(', ', ' ');
  }

  /** Wall time minus UTC, milliseconds. */
  #offset(ms: number): number {
    return Date.parse(`${this.#parts(ms).replace(' ', 'T')}Z`) - Math.floor(ms / 1000) * 1000;
  }
}

export function addDays(day: string, days: number): string {
  return toTimestamp(Date.parse(`${day}T00:00:00Z`) + days * DAY).slice(0, 10);
}

/**
 * Seven days, or a month of days: of the last day of a month the month, else from the day after the same day of the
 * month before. @param last `YYYY-MM-DD`, the last day.
 */
export function periodOf(kind: ReportKind, last: string, calendar: Calendar, now: number): Period {
  const first = kind === 'weekly' ? addDays(last, -6) : firstOfMonthTo(last);
  const days: string[] = [];
  for (let day = first; day <= last; day = addDays(day, 1)) days.push(day);
  const end = calendar.beginOf(addDays(last, 1));
  return { kind, from: calendar.beginOf(first), to: Math.min(end, now), days, partial: now < end };
}

export function periodBefore(period: Period, calendar: Calendar): Period {
  return periodOf(period.kind, addDays(period.days[0] ?? '', -1), calendar, period.from);
}

function firstOfMonthTo(last: string): string {
  if (addDays(last, 1).endsWith('-01')) return `${last.slice(0, 8)}01`;
  const lastOfMonthBefore = addDays(`${last.slice(0, 8)}01`, -1);
  const same = `${lastOfMonthBefore.slice(0, 8)}${last.slice(8)}`;
  return addDays(same < lastOfMonthBefore ? same : lastOfMonthBefore, 1);
}
