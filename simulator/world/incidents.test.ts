import { describe, expect, it } from 'vitest';
import { CROWD_M, crowdsOf, findIncidents } from './incidents.ts';
import type { ActorState, PersonState, Point, Posture, SitePlan, VehicleState } from './types.ts';

/** Two squares of 10 m side by side, and a line in front of them: `in` is northwards. */
const PLAN: SitePlan = {
  areas: [
    { id: 'pit', kind: 'exclusion', polygon: square(0, 0) },
    { id: 'hats', kind: 'hard_hat', polygon: square(20, 0) },
  ],
  lines: [{ id: 'gate', from: { x: 10, y: -5 }, to: { x: 0, y: -5 } }],
};

function square(x: number, y: number): Point[] {
  return [
    { x, y },
    { x: x + 10, y },
    { x: x + 10, y: y + 10 },
    { x, y: y + 10 },
  ];
}

function person(id: string, at: Point, posture: Posture = 'walking', helmet = true): PersonState {
  return {
    kind: 'person',
    id,
    at,
    posture,
    look: {
      skin: [0, 0, 0],
      jacket: [0, 0, 0],
      trousers: [0, 0, 0],
      hair: [0, 0, 0],
      vest: null,
      helmet: helmet ? [255, 255, 255] : null,
      heightM: 1.8,
      build: 0.25,
    },
    heading: 0,
    speed: 0,
    stride: 0,
    crouch: 0,
    fallen: 0,
    idle: 0,
  };
}

function forklift(at: Point, speed: number): VehicleState {
  return {
    kind: 'forklift',
    id: 'f',
    colour: [0, 0, 0],
    at,
    heading: 0,
    speed,
    steer: 0,
    rolledM: 0,
    forkM: 0,
    isLoaded: false,
    hasHeadlights: false,
  };
}

/** Kind, place, start and end to the centisecond, who. */
function found(durationS: number, actors: (t: number) => ActorState[]): unknown[] {
  return findIncidents(PLAN, durationS, actors).map(({ kind, place, startS, endS, actors: who, direction }) => [
    direction ? `${kind} ${direction}` : kind,
    place,
    Math.round(startS * 100) / 100,
    Math.round(endS * 100) / 100,
    who.join(' '),
  ]);
}

describe('areas', () => {
  it('finds entry and exit between samples', () => {
    // Enters at x = 0 after 2.03 s, leaves at x = 10 after 6.03 s: too short to dwell.
    const incidents = found(10, (t) => [person('a', { x: 2.5 * (t - 2.03), y: 5 })]);
    expect(incidents).toEqual([['zone_entry', 'pit', 2.03, 6.03, 'a']]);
  });

  it('is one incident while somebody is there, and a stay from its fifth second on', () => {
    const incidents = found(20, (t) => [
      person('a', { x: t < 2 || t >= 6 ? -1 : 5, y: 5 }),
      person('b', { x: t < 4 || t >= 12 ? -1 : 5, y: 8 }),
    ]);
    expect(incidents).toEqual([
      ['zone_entry', 'pit', 2, 12, 'a b'],
      ['dwell', 'pit', 9, 12, 'b'],
    ]);
  });

  it('ends with who vanishes, and with the scenario', () => {
    expect(found(10, (t) => (t < 3 ? [person('a', { x: 5, y: 5 })] : []))).toEqual([['zone_entry', 'pit', 0, 3, 'a']]);
    expect(found(4, () => [person('a', { x: 5, y: 5 })])).toEqual([['zone_entry', 'pit', 0, 4, 'a']]);
  });

  it('misses helmets where they are needed only', () => {
    const incidents = found(6, (t) => [
      person('bare', { x: t < 1 ? 15 : t < 5 ? 25 : 35, y: 5 }, 'walking', false),
      person('safe', { x: 24, y: 5 }),
    ]);
    expect(incidents).toEqual([['no_hard_hat', 'hats', 1, 5, 'bare']]);
  });
});

describe('lines', () => {
  it('tells the way', () => {
    const incidents = found(8, (t) => [
      person('in', { x: 5, y: -7 + t / 2 }),
      person('out', { x: 7, y: -1 - t }),
      person('past', { x: 10.5, y: -9 + t }),
      person('along', { x: t, y: -5.2 }),
    ]);
    expect(incidents).toEqual([
      ['line_crossing in', 'gate', 4, 4, 'in'],
      ['line_crossing out', 'gate', 4, 4, 'out'],
    ]);
  });
});

describe('proximity', () => {
  // The outline reaches 1.7 m ahead of the forklift's middle.
  it.each([
    [2.45, 1, 1],
    [2.55, 1, 0],
    [2.45, -1, 1],
    [2.45, 0.1, 0],
  ])('%f m ahead of a forklift at %f m/s: %i', (distance, speed, count) => {
    const actors = [person('a', { x: -30 + 1.7 + distance, y: 30 }), forklift({ x: -30, y: 30 }, speed)];
    const incidents = found(1, () => actors);
    expect(incidents).toEqual(count === 1 ? [['proximity', null, 0, 1, 'a f']] : []);
  });
});

describe('falls', () => {
  it('last until the person is up again', () => {
    const postures: [number, Posture][] = [
      [1, 'walking'],
      [2, 'crouching'],
      [3, 'standing'],
      [4, 'falling'],
      [6, 'lying'],
      [7, 'crouching'],
      [99, 'standing'],
    ];
    const incidents = found(9, (t) => [
      person('a', { x: 25, y: 5 }, postures.find(([until]) => t < until)?.[1] ?? 'standing'),
    ]);
    expect(incidents).toEqual([['fall', 'hats', 3, 7, 'a']]);
  });
});

describe('crowds', () => {
  const row = (count: number, spacing: number): PersonState[] =>
    Array.from({ length: count }, (_, index) => person(`p${index}`, { x: 40 + index * spacing, y: 0 }));

  it.each([
    ['three close together', row(3, 0.5), []],
    ['four within three metres', row(4, 0.99), [4]],
    ['four of whom the outer two are too far apart', row(4, 1.01), []],
    ['a row of which each four are near', row(6, 0.99), [6]],
    ['two crowds', [...row(4, 0.8), ...row(4, 0.8).map((one) => ({ ...one, at: { x: 60, y: one.at.x } }))], [4, 4]],
  ])('%s', (_, people, sizes) => {
    expect(CROWD_M).toBe(3);
    expect(crowdsOf(people).map(({ length }) => length)).toEqual(sizes);
  });

  it('goes on while people come and go', () => {
    const incidents = found(10, (t) => row(5, 0.7).filter((_, index) => (index === 0 ? t < 5 : index < 4 || t >= 3)));
    expect(incidents).toEqual([['crowd', null, 0, 10, 'p0 p1 p2 p3 p4']]);
  });
});
