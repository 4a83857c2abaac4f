import { Cast } from './cast.ts';
import { findIncidents } from './incidents.ts';
import type { PersonTrack } from './person.ts';
import { PLAN } from './plan.ts';
import { collide } from './room.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import type { ActorState, TrueIncident, World } from './types.ts';

/** Vehicles switch headlights on when it is this dark, see `Conditions.night`. */
const HEADLIGHTS_FROM = 0.8;

/** As often as incidents are looked for. */
const LOOKS_PER_S = 20;
const MOST_DRAWS = 50;

/**
 * A stretch of life on the site; the same for the same arguments, everywhere.
 * @param durationS of scenarios that can be as long as wanted; others have their own.
 * @throws when there is no such scenario, or it has a duration of its own.
 */
export function makeWorld(scenario: string, seed: number, durationS?: number): World {
  const played = Object.hasOwn(SCENARIOS, scenario) ? SCENARIOS[scenario] : undefined;
  if (!played) throw new Error(`no scenario ${scenario}; there are ${Object.keys(SCENARIOS).join(', ')}`);
  if (durationS !== undefined && !played.isElastic) throw new Error(`${scenario} lasts ${played.durationS} s`);
  const lengthS = durationS ?? played.durationS;
  const cast = castOf(played, seed, lengthS);
  const conditions = (t: number) => played.conditions(t, lengthS);
  const actors = (t: number): ActorState[] => {
    const hasHeadlights = conditions(t).night > HEADLIGHTS_FROM;
    const states: ActorState[] = [];
    for (const track of cast.people) {
      const state = track.at(t);
      if (state) states.push(state);
    }
    for (const track of cast.vehicles) {
      const state = track.at(t);
      if (state) states.push({ ...state, hasHeadlights });
    }
    return states;
  };
  let incidents: TrueIncident[] | undefined;
  return {
    scenario,
    seed,
    plan: PLAN,
    durationS: lengthS,
    actors,
    conditions,
    // Found when somebody asks: a long world is looked through twenty times a second.
    get incidents() {
      incidents ??= findIncidents(PLAN, lengthS, actors);
      return incidents;
    },
  };
}

/**
 * Scripts meet by design, and how fast each walks is the seed's: who would walk through somebody gets another pace
 * until nobody does. Who is in nobody's way keeps theirs. Random traffic keeps out of its own way by itself.
 */
function castOf(scenario: Scenario, seed: number, lengthS: number): Cast {
  const redrawn = new Map<string, number>();
  for (let draws = 0; ; draws++) {
    const cast = new Cast(seed, redrawn);
    scenario.play(cast, lengthS);
    const id = scenario.isElastic || draws === MOST_DRAWS ? null : inTheWay(cast.people);
    if (id === null) return cast;
    redrawn.set(id, (redrawn.get(id) ?? 0) + 1);
  }
}

/** Who first touches somebody who was put on the site before. */
function inTheWay(people: readonly PersonTrack[]): string | null {
  const endS = Math.max(0, ...people.map((one) => one.endS));
  for (let index = 0; index < endS * LOOKS_PER_S; index++) {
    const t = index / LOOKS_PER_S;
    const there = people.flatMap((track) => track.at(t) ?? []);
    const found = there.find((one, i) => there.slice(0, i).some((other) => collide(one, other)));
    if (found) return found.id;
  }
  return null;
}

export { SCENARIOS } from './scenarios.ts';
