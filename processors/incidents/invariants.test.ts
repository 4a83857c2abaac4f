import { describe, expect, it } from 'vitest';
import type { Incident, Tracks } from '../../runtime/messages/types.ts';
import { Random } from '../../simulator/random.ts';
import { apply, openIncidents } from './engine.ts';
import { cameraRules, newState, play, ruleRecord, timeline } from './timeline.ts';

/** As a tracker would say it: what was confirmed once stays so. */
function randomRecords(seed: number, end = ''): Tracks[] {
  const confirmed = new Set<string>();
  const records = timeline(`${randomTimeline(seed)} ${end}`);
  for (const track of records.flatMap(({ tracks }) => tracks)) {
    if (!track.tentative) confirmed.add(track.id);
    if (confirmed.has(track.id)) track.tentative = false;
  }
  return records;
}

function randomTimeline(seed: number, tokens = 120): string {
  const random = new Random(seed);
  const next = (): number => random.next();
  const pick = <T>(...items: T[]): T => items[Math.floor(next() * items.length)] as T;
  const track = () =>
    `${pick('a', 'b', 'c', 'car')}${pick('', '', '', '?', '~', '!', `@0.5,${pick(0.4, 0.495, 0.505, 0.6)}`)}`;
  const length = () => pick(0.1, 0.5, 1, 1.9, 2, 2.1, 4);
  return Array.from({ length: tokens }, () => {
    const what = next();
    if (what < 0.35) return `L0*${pick(1, 2, 5, 9)}`;
    if (what < 0.75) return `L:${track()}${next() < 0.3 ? `+${track()}2` : ''}*${pick(1, 2, 3, 6)}`;
    if (what < 0.83) return `Q${length()}`;
    if (what < 0.9) return `S${length()}`;
    if (what < 0.96) return `B${length()}`;
    return pick('run', 'epoch', `gap${length()}`);
  }).join(' ');
}

const rule = ruleRecord();
const config = cameraRules(
  {},
  { rule: 'anywhere', zone: null, min_duration_s: 0, hold_s: 0.4 },
  { rule: 'stay', type: 'dwell', dwell_s: 1 },
  { rule: 'line', type: 'line_crossing', zone: null, line: 'entrance' },
  { rule: 'off', type: 'camera_offline', zone: null, min_duration_s: 2 },
);
const SEEDS = Array.from({ length: 80 }, (_, seed) => seed);

function byId(incidents: readonly Incident[]): Incident[][] {
  return [...Map.groupBy(incidents, ({ id }) => id).values()];
}

/** Somebody confirmed was found where the zone, or its hysteresis band, is. */
function isOccupied({ tracks }: Tracks, edge: number): boolean {
  return tracks.some(
    ({ class: kind, tentative, coasting, box }) => kind === 'person' && !tentative && !coasting && box[3] >= edge,
  );
}

/** Seconds between looks that found nobody in the zone, up to the instant; independent of the engine. */
function lookedAbsence(records: readonly Tracks[], until: string): number {
  let seconds = 0;
  let empty = false;
  let evidence = Number.NEGATIVE_INFINITY;
  let blind = false;
  let pending = 0;
  for (const record of records) {
    if (record.to > until) break;
    const [from, to] = [Date.parse(record.from), Date.parse(record.to)];
    if (record.kind === 'blind') blind = true;
    if (record.kind === 'blind' || record.kind === 'starved') continue;
    if (from - evidence > rule.detect_within_s * 1000) {
      seconds = 0;
      pending = 0;
      empty = false;
    } else if (!blind) pending += from - evidence;
    pending += to - from;
    blind = false;
    evidence = to;
    if (record.kind === 'quiet') continue;
    const occupied = isOccupied(record, 0.5);
    seconds = occupied ? 0 : empty ? seconds + pending / 1000 : 0;
    empty = !occupied;
    pending = 0;
  }
  return seconds;
}

describe('random timelines', () => {
  it('give incidents that are whole: revisions without a gap, one open at a time, updates a second apart', () => {
    for (const seed of SEEDS) {
      const incidents = play(randomRecords(seed), config);
      for (const revisions of byId(incidents)) {
        expect(revisions.map(({ revision }) => revision)).toEqual(revisions.map((_, index) => index + 1));
        for (const [index, { transition, state, updatedAt, closedAt }] of revisions.entries()) {
          expect(transition === 'opened', `seed ${seed}`).toBe(index === 0);
          expect(state === 'closed').toBe(transition === 'closed');
          expect(closedAt !== null).toBe(transition === 'closed');
          const before = revisions[index - 1];
          if (transition === 'closed') expect(index).toBe(revisions.length - 1);
          if (before && transition === 'updated') {
            expect(Date.parse(updatedAt) - Date.parse(before.updatedAt), `seed ${seed}`).toBeGreaterThanOrEqual(1000);
          }
        }
      }
      const open = new Map<string, string>();
      for (const { rule: name, id, transition, type } of incidents) {
        if (type === 'line_crossing') continue;
        expect(open.get(name) ?? id, `seed ${seed}`).toBe(id);
        if (transition === 'closed') open.delete(name);
        else open.set(name, id);
      }
    }
  });

  it('never close as left without the hold looked at', () => {
    let closed = 0;
    for (const seed of SEEDS) {
      const records = randomRecords(seed);
      for (const incident of play(records, cameraRules({}))) {
        if (incident.closeReason !== 'left') continue;
        closed += 1;
        expect(lookedAbsence(records, incident.updatedAt), `seed ${seed}`).toBeGreaterThanOrEqual(rule.hold_s - 1e-9);
      }
    }
    expect(closed).toBeGreaterThan(SEEDS.length);
  });

  it('never open on a single sample or before the minimum duration', () => {
    let opened = 0;
    for (const seed of SEEDS) {
      const records = randomRecords(seed);
      for (const { transition, openedAt, tracks } of play(records, cameraRules({}))) {
        if (transition !== 'opened') continue;
        opened += 1;
        const looks = records.filter(({ kind, to }) => kind === 'looked' && to <= openedAt);
        expect(isOccupied(looks.at(-1) ?? fail(), 0.49), `seed ${seed}`).toBe(true);
        // Whoever is there was found before, as a tentative track or another one at least.
        const found = looks.filter((look) => look.tracks.some(({ box, coasting }) => !coasting && box[3] >= 0.49));
        expect(found.length).toBeGreaterThanOrEqual(2);
        const times = found.map(({ to }) => Date.parse(openedAt) - Date.parse(to));
        expect(
          times.some((ms) => ms >= 500),
          `seed ${seed}`,
        ).toBe(true);
        expect(tracks.length).toBeGreaterThan(0);
      }
    }
    expect(opened).toBeGreaterThan(SEEDS.length);
  });

  it('count as near misses only who left, looked at, and no part of an incident', () => {
    let counted = 0;
    for (const seed of SEEDS) {
      const records = randomRecords(seed, 'L0*30');
      const state = newState();
      const spans: { from: string; to: string }[] = [];
      let last: string | null = null;
      for (const record of records) {
        const { incidents, nearMisses } = apply(state, record, cameraRules({}));
        for (const { transition, openedAt, closedAt } of incidents) {
          if (transition === 'opened') spans.push({ from: openedAt, to: '9' });
          else if (closedAt !== null) spans.splice(-1, 1, { from: openedAt, to: closedAt });
        }
        for (const { rule: name } of nearMisses) {
          expect(name).toBe(rule.rule);
          expect(lookedAbsence(records, record.to), `seed ${seed}`).toBeGreaterThanOrEqual(4 - 1e-9);
          const seen = last ?? fail();
          expect(spans.filter(({ from, to }) => from <= seen && to >= seen)).toEqual([]);
          counted += 1;
          // Each has somebody of its own.
          last = null;
        }
        if (record.kind === 'looked' && isOccupied(record, 0.49)) last = record.to;
      }
    }
    expect(counted).toBeGreaterThan(20);
  });

  it('end: looked at and empty for long, nothing stays open', () => {
    for (const seed of SEEDS) {
      const state = newState();
      play(randomRecords(seed, 'L0*60'), config, state);
      expect(openIncidents(state), `seed ${seed}`).toEqual([]);
      expect(JSON.stringify(state).length).toBeLessThan(60_000);
    }
  });

  it('give the same again from any snapshot, records repeated or not', () => {
    for (const seed of SEEDS.slice(0, 40)) {
      const random = new Random(seed + 1000);
      const next = (): number => random.next();
      const records = randomRecords(seed);
      const expected = play(records, config);
      const state = newState();
      const cut = Math.floor(next() * records.length);
      const before = play(records.slice(0, cut), config, state);
      const restored = JSON.parse(JSON.stringify(state));
      const again = Math.max(0, cut - Math.floor(next() * 50));
      // Without a source a record cannot be told from the one before: those of the timeline all have one.
      const after = records.slice(again).flatMap((record) => apply(restored, record, config).incidents);
      expect([...before, ...after], `seed ${seed}`).toEqual(expected);
    }
  });
});

function fail(): never {
  throw new Error('no such record');
}
