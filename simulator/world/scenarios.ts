import type { Cast } from './cast.ts';
import {
  bringsLoad,
  comesByGate,
  crowds,
  entersExclusion,
  fallsOnWalkway,
  forgetsHelmet,
  leavesByGate,
  lingersAtCrane,
  parksForklift,
  passesForklift,
  worksAtScaffold,
} from './scenes.ts';
import { fillsWithTraffic } from './traffic.ts';
import { CLEAR, type Conditions } from './types.ts';

export interface Scenario {
  description: string;
  /** Of one round; scenarios loop. */
  durationS: number;
  /** Whether another duration may be asked for. */
  isElastic?: boolean;
  play(cast: Cast, durationS: number): void;
  conditions(t: number, durationS: number): Conditions;
}

const DAY: Conditions = { ...CLEAR, noise: 1, clouds: 1, sway: 1 };

function short(description: string, durationS: number, play: (cast: Cast, durationS: number) => void): Scenario {
  return { description, durationS, play, conditions: () => DAY };
}

/** By name, as `makeWorld` takes it. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  demo: short('about two minutes with every kind of incident, one after the other', 125, (cast, endS) => {
    entersExclusion(cast, 0);
    worksAtScaffold(cast, 1);
    comesByGate(cast, 0.5);
    bringsLoad(cast, 20);
    forgetsHelmet(cast, 25);
    lingersAtCrane(cast, 36);
    passesForklift(cast, 44, endS);
    fallsOnWalkway(cast, 55);
    crowds(cast, 67);
    leavesByGate(cast, 76.5);
  }),
  zone_entry: short('somebody goes to the edge of the pit', 30, (cast, endS) => {
    parksForklift(cast, endS);
    entersExclusion(cast, 2);
  }),
  dwell: short('somebody stays below the crane', 35, (cast, endS) => {
    parksForklift(cast, endS);
    lingersAtCrane(cast, 2);
  }),
  line_crossing: short('one comes in by the gate, one leaves', 65, (cast, endS) => {
    parksForklift(cast, endS);
    comesByGate(cast, 1);
    leavesByGate(cast, 18);
  }),
  proximity: short('a forklift passes close to somebody', 50, (cast, endS) => passesForklift(cast, 2, endS)),
  no_hard_hat: short('a bare head in the hard-hat area, and one with a helmet', 45, (cast, endS) => {
    parksForklift(cast, endS);
    worksAtScaffold(cast, 1);
    forgetsHelmet(cast, 12);
  }),
  fall: short('somebody falls on the walkway and gets up', 60, (cast, endS) => {
    parksForklift(cast, endS);
    fallsOnWalkway(cast, 1);
  }),
  crowd: short('four people meet near the gate', 60, (cast, endS) => {
    parksForklift(cast, endS);
    crowds(cast, 1);
  }),
  quiet: short('nobody; wind in trees and cloth', 60, (cast, endS) => parksForklift(cast, endS)),
  busy: {
    description: 'random traffic from the seed, as long as wanted',
    durationS: 600,
    isElastic: true,
    play: fillsWithTraffic,
    conditions: () => DAY,
  },
  night_shift: {
    description: 'random traffic from dusk to dawn, with lamps, headlights and rain',
    durationS: 180,
    isElastic: true,
    play: fillsWithTraffic,
    conditions: nightShift,
  },
};

/** Dusk in the first quarter, dawn in the last; rain, flicker and a switched lamp come and go between. */
function nightShift(t: number, durationS: number): Conditions {
  const share = t / durationS;
  const within = (from: number, to: number, ramp: number): number =>
    Math.max(0, Math.min(1, (share - from) / ramp, (to - share) / ramp));
  const night = 3 * within(0, 1, 0.25);
  return {
    ...CLEAR,
    noise: 1 + night / 3,
    night,
    sway: 1,
    clouds: 1 - night / 3,
    rain: 2 * within(0.45, 0.7, 0.06),
    flicker: within(0.2, 0.5, 0.04),
    headlights: 2 * within(0.25, 0.85, 0.05),
    switched: 2 * within(0.55, 0.65, 0.002),
  };
}
