import { describe, expect, it } from 'vitest';
import { type Reported, type Score, score, type Watch, watchesOf } from './score.ts';
import type { TrueIncident } from './world/types.ts';

const ENTRY: Watch = {
  camera: 'pit',
  rule: 'pit-edge',
  kind: 'zone_entry',
  place: 'exclusion',
  direction: 'both',
  holdS: 5,
};
const GATE: Watch = {
  camera: 'gate',
  rule: 'gate',
  kind: 'line_crossing',
  place: 'gate-line',
  direction: 'both',
  holdS: 5,
};
const WINDOW = { durationS: 100, fromS: 0, toS: 100 };

function entry(startS: number, endS: number, place = 'exclusion'): TrueIncident {
  return { kind: 'zone_entry', place, startS, endS, actors: ['p1'] };
}

function crossed(startS: number, direction: 'in' | 'out' = 'in'): TrueIncident {
  return { kind: 'line_crossing', place: 'gate-line', startS, endS: startS, actors: ['p1'], direction };
}

function told(
  openedAtS: number,
  closedAtS: number | null,
  watch = ENTRY,
  direction: 'in' | 'out' | null = null,
): Reported {
  return { id: `${watch.rule} ${openedAtS}`, camera: watch.camera, rule: watch.rule, openedAtS, closedAtS, direction };
}

/** Numbers of found, missed, excused, false, repeated and unjudged. */
function tally(result: Score): number[] {
  return [result.found, result.missed, result.excused, result.false, result.repeated, result.unjudged].map(
    ({ length }) => length,
  );
}

describe('presence', () => {
  it.each<[string, TrueIncident[], Reported[], number[]]>([
    ['found', [entry(10, 20)], [told(10.8, 25)], [1, 0, 0, 0, 0, 0]],
    ['found a little early', [entry(10, 20)], [told(9.4, 25)], [1, 0, 0, 0, 0, 0]],
    ['found and still open', [entry(10, 20)], [told(10.8, null)], [1, 0, 0, 0, 0, 0]],
    ['missed', [entry(10, 20)], [], [0, 1, 0, 0, 0, 0]],
    ['much too early is false', [entry(10, 20)], [told(7, 9)], [0, 1, 0, 1, 0, 0]],
    ['open all the time from before is no find', [entry(10, 20)], [told(5, null)], [0, 1, 0, 1, 0, 0]],
    ['after the end is false', [entry(10, 20)], [told(22, 25)], [0, 1, 0, 1, 0, 0]],
    ['opened twice', [entry(10, 30)], [told(10.5, 16), told(18, 35)], [1, 0, 0, 0, 1, 0]],
    ['one over two that the hold ties together', [entry(10, 20), entry(23, 30)], [told(10.5, 35)], [2, 0, 0, 0, 0, 0]],
    [
      'one that got stuck does not find the next',
      [entry(10, 20), entry(50, 60)],
      [told(10.5, null)],
      [1, 1, 0, 0, 0, 0],
    ],
    ['closed before the next began', [entry(10, 20), entry(23, 30)], [told(10.5, 21)], [1, 1, 0, 0, 0, 0]],
    ['too short to be asked for', [entry(10, 10.6)], [], [0, 0, 1, 0, 0, 0]],
    ['short, and found all the same', [entry(10, 10.6)], [told(10.4, 16)], [1, 0, 0, 0, 0, 0]],
    ['still time', [entry(97, 99)], [], [0, 0, 1, 0, 0, 0]],
    ['another area', [entry(10, 20, 'crane-bay')], [told(10, 25)], [0, 0, 0, 1, 0, 0]],
    ['another rule', [entry(10, 20)], [told(10, 25, { ...ENTRY, rule: 'offline' })], [0, 1, 0, 0, 0, 1]],
    ['another camera', [entry(10, 20)], [told(10, 25, { ...ENTRY, camera: 'yard' })], [0, 1, 0, 0, 0, 1]],
  ])('%s', (_, truth, reported, numbers) => {
    expect(tally(score(truth, [ENTRY], reported, WINDOW))).toEqual(numbers);
  });

  it('says how late', () => {
    const result = score(
      [entry(10, 20), entry(40, 50), entry(70, 80)],
      [ENTRY],
      [told(10.5, 25), told(43, 55), told(69.5, 85)],
      WINDOW,
    );
    expect(result.found.map(({ lateS }) => lateS)).toEqual([0.5, 3, -0.5]);
    expect(result.lateS).toEqual({ median: 0.5, max: 3 });
    expect(result.recall).toBe(1);
  });

  it('asks every camera that watches', () => {
    const other = { ...ENTRY, camera: 'crane' };
    const result = score([entry(10, 20)], [ENTRY, other], [told(10.5, 25)], WINDOW);
    expect(tally(result)).toEqual([1, 1, 0, 0, 0, 0]);
    expect(result.missed[0]?.watch.camera).toBe('crane');
    expect(result.recall).toBe(0.5);
  });
});

describe('crossings', () => {
  it.each<[string, TrueIncident[], Reported[], number[]]>([
    ['found', [crossed(10)], [told(11, 11, GATE, 'in')], [1, 0, 0, 0, 0, 0]],
    ['the other way', [crossed(10)], [told(11, 11, GATE, 'out')], [0, 1, 0, 1, 0, 0]],
    ['two people, told once', [crossed(10), crossed(11)], [told(10.5, 10.5, GATE, 'in')], [1, 1, 0, 0, 0, 0]],
    ['one, told twice', [crossed(10)], [told(10.5, 10.5, GATE, 'in'), told(12, 12, GATE, 'in')], [1, 0, 0, 1, 0, 0]],
    ['too late', [crossed(10)], [told(16, 16, GATE, 'in')], [0, 1, 0, 1, 0, 0]],
  ])('%s', (_, truth, reported, numbers) => {
    expect(tally(score(truth, [GATE], reported, WINDOW))).toEqual(numbers);
  });

  it('gives each its own', () => {
    const reported = [told(12.4, 12.4, GATE, 'in'), told(10.4, 10.4, GATE, 'in')];
    const { found } = score([crossed(10), crossed(12)], [GATE], reported, WINDOW);
    expect(found.map(({ lateS }) => Math.round(lateS * 10))).toEqual([4, 4]);
  });

  it('asks for one way only where the rule does', () => {
    const truth = [crossed(10, 'in'), crossed(20, 'out')];
    expect(tally(score(truth, [{ ...GATE, direction: 'out' }], [], WINDOW))).toEqual([0, 1, 0, 0, 0, 0]);
  });
});

describe('loops', () => {
  it('expects every round what happens in it', () => {
    const reported = [told(10.5, 25), told(110.5, 125), told(150, 155)];
    const result = score([entry(10, 20)], [ENTRY], reported, { durationS: 100, fromS: 0, toS: 300 });
    expect(result.found.map(({ incident }) => incident.startS)).toEqual([10, 110]);
    expect(result.missed.map(({ incident }) => incident.startS)).toEqual([210]);
    expect(result.false.map(({ openedAtS }) => openedAtS)).toEqual([150]);
  });

  it('excuses what began before anybody looked, and what was over is not asked for', () => {
    const truth = [entry(10, 20), entry(30, 40)];
    expect(tally(score(truth, [ENTRY], [], { durationS: 100, fromS: 35, toS: 90 }))).toEqual([0, 0, 1, 0, 0, 0]);
    // Opened late because the product started late: found.
    expect(tally(score(truth, [ENTRY], [told(36, 45)], { durationS: 100, fromS: 35, toS: 90 }))).toEqual([
      1, 0, 0, 0, 0, 0,
    ]);
  });

  it('takes an incident that is open over the end of the round, also where times begin anew', () => {
    // Somebody leaves at 99 s; the hold closes it at 104 s, which is 4 s of the next round.
    for (const closedAtS of [104, 4]) {
      const result = score([entry(80, 99), entry(3, 20)], [ENTRY], [told(80.5, closedAtS), told(3.5, 25)], WINDOW);
      expect(tally(result)).toEqual([2, 0, 0, 0, 0, 0]);
    }
    // Its hold ties it to what comes first in the next round.
    const tied = score([entry(80, 99), entry(3, 20)], [ENTRY], [told(3.5, 25), told(80.5, 125)], {
      durationS: 100,
      fromS: 0,
      toS: 150,
    });
    expect(tied.found.map(({ incident }) => incident.startS)).toEqual([3, 80, 103]);
    expect(tied.missed).toEqual([]);
  });
});

describe('what a site file is asked', () => {
  const zones = { exclusion: [], 'crane-bay': [] };
  const rule = { id: 'edge', type: 'zone_entry', zone: 'exclusion' };

  it('takes a rule for every camera that has its zone and sees it', () => {
    // The crane's camera sees a corner of the exclusion zone at most.
    const cameras = { pit: { zones }, crane: { zones }, gate: {} };
    expect(watchesOf({ cameras, rules: [rule] })).toEqual([
      { camera: 'pit', rule: 'edge', kind: 'zone_entry', place: 'exclusion', direction: 'both', holdS: 5 },
    ]);
    expect(watchesOf({ cameras, rules: [{ ...rule, cameras: ['gate'] }] })).toEqual([]);
  });

  it('takes lines with their direction, and leaves other rules alone', () => {
    const lines = { 'gate-line': [] };
    const rules = [
      { id: 'in', type: 'line_crossing', line: 'gate-line', direction: 'in' as const },
      { id: 'offline', type: 'camera_offline' },
    ];
    const watches = watchesOf({ cameras: { gate: { lines }, yard: { lines }, pit: { lines } }, rules });
    expect(watches.map(({ camera, direction }) => [camera, direction])).toEqual([
      ['gate', 'in'],
      ['yard', 'in'],
    ]);
  });

  it('refuses a stay that the truth does not know', () => {
    const rules = [{ id: 'stay', type: 'dwell', zone: 'crane-bay', dwell_s: 20 }];
    expect(() => watchesOf({ cameras: { crane: { zones } }, rules })).toThrow('stays of 5 s, not of 20 s');
  });
});
