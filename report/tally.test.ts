/** Figures against numbers that were counted by hand. */
import { describe, expect, it } from 'vitest';
import { sampleCoverage, sampleIncident } from '../runtime/stores/state/samples.ts';
import type { StoredIncident } from '../runtime/stores/state/types.ts';
import { busiestPart, density, HeatGrid } from './heat.ts';
import { Calendar, periodOf } from './period.ts';
import { quantile, Tally } from './tally.ts';
import { WatchTally, watchedShare } from './watched.ts';

const calendar = new Calendar('Europe/Dublin');
const period = periodOf('weekly', '2026-11-22', calendar, Date.parse('2026-11-23T12:00:00Z'));

function stored(over: Partial<StoredIncident>): StoredIncident {
  return { ...sampleIncident(over), labels: [], held: false, state: 'closed', ...over };
}

const judged = (at: string) => ({ by: 'ada', note: null, at });

describe('counts of a week', () => {
  const tally = new Tally(period, calendar);
  const evidence = [
    { kind: 'snapshot' as const, key: 'a', sha256: '', bytes: 1000 },
    { kind: 'record' as const, key: 'b', sha256: '', bytes: 50 },
  ];
  for (const one of [
    // Answered after 10 s and 30 s; by whoever was first, rejecting or acknowledging.
    stored({
      id: '1',
      openedAt: '2026-11-16T08:00:00.000Z',
      acknowledged: judged('2026-11-16T08:00:10.000Z'),
      evidence,
    }),
    stored({ id: '2', openedAt: '2026-11-16T08:59:59.000Z', acknowledged: judged('2026-11-16T09:00:29.000Z') }),
    stored({
      id: '3',
      openedAt: '2026-11-17T09:00:00.000Z',
      severity: 'critical',
      camera: 'pit',
      zone: null,
      state: 'open',
    }),
    stored({ id: '4', openedAt: '2026-11-22T23:59:59.999Z', rule: 'line', severity: 'low', zone: null, line: 'in' }),
    stored({
      id: '5',
      openedAt: '2026-11-18T03:00:00.000Z',
      acknowledged: judged('2026-11-18T03:01:00.000Z'),
      rejected: judged('2026-11-18T03:00:50.000Z'),
    }),
    stored({ id: '6', openedAt: '2026-11-19T00:00:00.000Z', rule: 'down', type: 'camera_offline', severity: 'medium' }),
  ]) {
    tally.add(one);
  }
  const sums = tally.end();

  it('are of people, and neither of what was rejected nor of lost cameras', () => {
    expect([sums.incidents, sums.rejected, sums.camerasLost, sums.stillOpen]).toEqual([4, 1, 1, 1]);
    expect(sums.bySeverity).toEqual({ critical: 1, high: 2, medium: 0, low: 1 });
  });

  it('are by rule, place and camera, the gravest and the most first', () => {
    expect(sums.byRule.map(({ rule, severity, incidents, rejected }) => [rule, severity, incidents, rejected])).toEqual(
      [
        ['person-on-road', 'critical', 1, 0],
        ['person-on-road', 'high', 2, 1],
        ['down', 'medium', 1, 0],
        ['line', 'low', 1, 0],
      ],
    );
    expect(sums.byPlace).toEqual([
      { camera: 'gate', place: 'road', incidents: 2 },
      { camera: 'pit', place: null, incidents: 1 },
      { camera: 'gate', place: 'in', incidents: 1 },
    ]);
    expect(sums.byCamera.map(({ camera, incidents, rejected, lost }) => [camera, incidents, rejected, lost])).toEqual([
      ['pit', 1, 0, 0],
      ['gate', 3, 1, 1],
    ]);
  });

  it('are by hour and day of the site', () => {
    expect(
      sums.byHour.flatMap((counts, hour) => (counts.high + counts.critical + counts.low > 0 ? [hour] : [])),
    ).toEqual([8, 9, 23]);
    expect(sums.byHour[8]).toEqual({ critical: 0, high: 2, medium: 0, low: 0 });
    expect(sums.byDay.map(({ critical, high, low }) => critical + high + low)).toEqual([2, 1, 0, 0, 0, 0, 1]);
  });

  it('say how long people took, whatever they said', () => {
    // 10, 30 and 50 s: the middle one, and four fifths of the way from it to the last.
    expect(sums.answers).toMatchObject({ answered: 3, unanswered: 2, medianS: 30, p90S: 46 });
    expect(sums.answers.bySeverity.critical).toEqual({ answered: 0, unanswered: 1, medianS: null, p90S: null });
  });

  it('say what is stored', () => {
    const kinds = { snapshot: 1000, record: 50 };
    expect(sums.evidence).toMatchObject({ files: 2, bytes: 1050, bytesByKind: kinds });
    expect(sums.evidence.byDay).toHaveLength(7);
    expect(sums.evidence.byDay[0]).toEqual({ incidents: 1, bytes: kinds });
    expect(sums.evidence.byDay[1]).toEqual({ incidents: 0, bytes: {} });
  });

  it('of nothing are zeros and not a number missing', () => {
    const nothing = new Tally(period, calendar).end();
    expect(nothing).toMatchObject({ incidents: 0, rejected: 0, byRule: [], heat: [] });
    expect(nothing.answers).toMatchObject({ answered: 0, unanswered: 0, medianS: null, p90S: null });
  });
});

it('quantiles lie between the nearest values', () => {
  expect(quantile([], 0.5)).toBeNull();
  expect(quantile([7], 0.9)).toBe(7);
  expect(quantile([1, 2, 3, 10], 0.5)).toBe(2.5);
  expect(quantile([0, 10], 0.9)).toBe(9);
});

describe('time watched', () => {
  // Samples begin on Saturday, 21 November at 20:00.
  const tally = new WatchTally(period, calendar.slots(period));
  tally.begin('gate');
  const HOUR = 3600;
  const blind = { watched: false, reason: 'blind:RTSP_STALLED' };
  tally.add(sampleCoverage(-1 * HOUR, 0, { watched: false, reason: 'no_record' }));
  tally.add(sampleCoverage(0, 1.5 * HOUR));
  // One time, though it was read in two pieces.
  tally.add(sampleCoverage(1.5 * HOUR, 1.75 * HOUR, blind));
  tally.add(sampleCoverage(1.75 * HOUR, 2 * HOUR, blind));
  tally.add(sampleCoverage(2 * HOUR, 3 * HOUR));
  tally.add(sampleCoverage(3 * HOUR, 3.1 * HOUR, blind));
  tally.begin('pit');
  tally.add(sampleCoverage(0, HOUR, { camera: 'pit' }));
  const sums = tally.end();
  const MS = 3_600_000;

  it('is that of all cameras, and what nobody recorded is no part of it', () => {
    expect([sums.watchedMs, Math.round(sums.unwatchedMs), sums.unrecordedMs]).toEqual([3.5 * MS, 0.6 * MS, MS]);
    expect(watchedShare(sums)).toBeCloseTo(3.5 / 5.1);
    expect(watchedShare({ watchedMs: 0, unwatchedMs: 0, unrecordedMs: 0 })).toBeNull();
  });

  it('is missing by reason, with times and the longest of them', () => {
    const stalled = { reason: 'blind:RTSP_STALLED', ms: 0.6 * MS, times: 2, longestMs: 0.5 * MS, cameras: 1 };
    expect(sums.notWatched).toEqual([{ reason: 'no_record', ms: MS, times: 1, longestMs: MS, cameras: 1 }, stalled]);
  });

  it('is by camera, the least watched first, and says where the record begins', () => {
    expect(sums.cameras.map(({ camera, recordFrom }) => [camera, recordFrom])).toEqual([
      ['pit', '2026-11-21T20:00:00.000Z'],
      ['gate', '2026-11-21T20:00:00.000Z'],
    ]);
  });

  it('is by hour and day', () => {
    expect(sums.byHour[19]).toEqual({ watchedMs: 0, unwatchedMs: 0, unrecordedMs: MS });
    expect(sums.byHour[20]).toEqual({ watchedMs: 2 * MS, unwatchedMs: 0, unrecordedMs: 0 });
    expect(sums.byHour[21]).toEqual({ watchedMs: 0.5 * MS, unwatchedMs: 0.5 * MS, unrecordedMs: 0 });
    expect(sums.byDay[5]?.watchedMs).toBe(3.5 * MS);
    expect(sums.byDay[6]?.watchedMs).toBe(0);
  });
});

describe('a heat map', () => {
  const grid = new HeatGrid();
  grid.add([0.1, 0.2, 0.2, 0.9]);
  grid.add([0.1, 0.2, 0.2, 0.9]);
  grid.add([0.9, 0.0, 1.1, 1.2]);
  const map = grid.end('gate');

  it('has incidents where feet are, those beside the picture at its edge', () => {
    expect(map.incidents).toBe(3);
    expect(map.cells.map(({ incidents }) => incidents)).toEqual([2, 1]);
    expect(map.cells[0]?.x).toBeCloseTo(0.15, 1);
    expect(map.cells[0]?.y).toBeCloseTo(0.9, 1);
    expect(map.cells[1]?.y).toBeGreaterThan(0.98);
  });

  it('glows round them, one incident with one', () => {
    const values = density(map);
    expect(Math.max(...values)).toBeCloseTo(2, 3);
    expect(values[0]).toBe(0);
  });

  it('can be said', () => {
    expect(busiestPart(map)).toEqual({ part: 'lower left', incidents: 2 });
    expect(busiestPart({ camera: 'gate', incidents: 0, cells: [] })).toBeNull();
  });
});
