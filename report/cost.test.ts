/** Bytes and money against sums made by hand. */
import { describe, expect, it } from 'vitest';
import { type CountedDay, type StorageTerms, storageOf, storageOfFiles } from './cost.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-22T12:00:00Z');
const MIDNIGHT = Date.parse('2026-11-22T00:00:00Z');
const PRICES = { currency: 'EUR', cpu_core_month: 20, memory_gib_month: 3, storage_gb_month: 0.5 };
const TERMS: StorageTerms = { retention: { clips_days: 30, records_days: 365, max_bytes: 1e12 }, prices: PRICES };

/** So many days up to noon of today, each with the evidence of two incidents: 0.9 GB of pictures, 0.1 GB of records. */
function daysUpToNow(count: number): CountedDay[] {
  return Array.from({ length: count }, (_, i) => {
    const from = MIDNIGHT - (count - 1 - i) * DAY;
    return { from, to: Math.min(from + DAY, NOW), incidents: 2, bytes: { snapshot: 0.9e9, record: 0.1e9 } };
  });
}

const close = (value: number) => expect.closeTo(value, 6);

describe('storage of a period', () => {
  it('is what lies there, and what will once retention removes as much as comes', () => {
    const { ofPeriod, ofIncident, inTheLongRun } = storageOf(daysUpToNow(7), { since: 0, now: NOW }, TERMS);
    expect(ofPeriod).toEqual({ bytes: close(7e9), aMonth: close(3.5) });
    // Of six and a half days.
    const bytes = ((7 * 0.9e9) / 6.5) * 30 + ((7 * 0.1e9) / 6.5) * 365;
    expect(inTheLongRun).toMatchObject({ measuredMs: 6.5 * DAY, full: false });
    expect(inTheLongRun?.bytes).toBeCloseTo(bytes, 0);
    expect(inTheLongRun?.aMonth).toBeCloseTo((bytes / 1e9) * 0.5, 6);
    // 0.45 GB for one month and 0.05 GB for 365 days of 30 a month.
    expect(ofIncident).toEqual({ bytes: close(0.5e9), aMonth: close(0.25), inAll: close(0.225 + (0.025 * 365) / 30) });
  });

  it('has the pace of the days of which all is still there', () => {
    // Pictures of all but the last five days are gone.
    const days = daysUpToNow(31).map((day, i) => (i < 26 ? { ...day, bytes: { record: 0.1e9 } } : day));
    const terms = { ...TERMS, retention: { ...TERMS.retention, clips_days: 4.5 } };
    const { ofPeriod, ofIncident, inTheLongRun } = storageOf(days, { since: 0, now: NOW }, terms);
    expect(ofPeriod.bytes).toBeCloseTo(5 * 0.9e9 + 31 * 0.1e9, 0);
    expect(inTheLongRun?.measuredMs).toBe(4.5 * DAY);
    expect(inTheLongRun?.bytes).toBeCloseTo(((5 * 0.9e9) / 4.5) * 4.5 + ((31 * 0.1e9) / 30.5) * 365, 0);
    expect(ofIncident?.bytes).toBeCloseTo(0.5e9, 0);
  });

  it('has the pace of the time in which somebody was there', () => {
    const days = daysUpToNow(7).map((day, i) => (i < 4 ? { ...day, incidents: 0, bytes: {} } : day));
    const since = MIDNIGHT - 1.5 * DAY;
    const { inTheLongRun } = storageOf(days, { since, now: NOW }, TERMS);
    expect(inTheLongRun?.measuredMs).toBe(2 * DAY);
    expect(inTheLongRun?.bytes).toBeCloseTo(((3 * 0.9e9) / 2) * 30 + ((3 * 0.1e9) / 2) * 365, 0);
  });

  it('is max_bytes where more comes', () => {
    const terms = { ...TERMS, retention: { ...TERMS.retention, max_bytes: 50e9 } };
    const { inTheLongRun } = storageOf(daysUpToNow(7), { since: 0, now: NOW }, terms);
    expect(inTheLongRun).toMatchObject({ bytes: 50e9, aMonth: close(25), full: true });
  });

  it('cannot be told of a time whose pictures are gone, or that has just begun', () => {
    const old = daysUpToNow(7).map((day) => ({ ...day, from: day.from - 90 * DAY, to: day.to - 90 * DAY }));
    const gone = storageOf(old, { since: 0, now: NOW }, TERMS);
    expect(gone).toMatchObject({ ofPeriod: { bytes: close(7e9) }, ofIncident: null, inTheLongRun: null });
    expect(storageOf(daysUpToNow(7), { since: NOW - DAY / 2, now: NOW }, TERMS).inTheLongRun).toBeNull();
  });

  it('is nothing where nothing came, and has no money without prices', () => {
    const quiet = daysUpToNow(7).map((day) => ({ ...day, incidents: 0, bytes: {} }));
    expect(storageOf(quiet, { since: 0, now: NOW }, { ...TERMS, prices: null })).toMatchObject({
      ofPeriod: { bytes: 0, aMonth: null },
      ofIncident: null,
      inTheLongRun: { bytes: 0, aMonth: null },
    });
  });

  it('has no pace of pictures where none are kept', () => {
    const terms = { ...TERMS, retention: { ...TERMS.retention, clips_days: 0 } };
    const { inTheLongRun } = storageOf(daysUpToNow(7), { since: 0, now: NOW }, terms);
    expect(inTheLongRun?.bytes).toBeCloseTo(((7 * 0.1e9) / 6.5) * 365, 0);
  });
});

it('files of an incident cost as long as each is kept; pictures go with the record at the latest', () => {
  const files = [
    { kind: 'snapshot' as const, bytes: 2e9 },
    { kind: 'record' as const, bytes: 1e9 },
  ];
  expect(storageOfFiles(files, TERMS)).toEqual({ bytes: 3e9, aMonth: close(1.5), inAll: close(1 + (0.5 * 365) / 30) });
  const short = { ...TERMS, retention: { ...TERMS.retention, records_days: 15 } };
  expect(storageOfFiles(files, short).inAll).toBeCloseTo(0.75);
});
