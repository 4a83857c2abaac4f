import { Cast } from './cast.ts';
import { findIncidents } from './incidents.ts';
import { PLAN } from './plan.ts';
import { SCENARIOS } from './scenarios.ts';
import type { ActorState, TrueIncident, World } from './types.ts';

/** Vehicles switch headlights on when it is this dark, see `Conditions.night`. */
const HEADLIGHTS_FROM = 0.8;

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
  const cast = new Cast(seed);
  played.play(cast, lengthS);
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

export { SCENARIOS } from './scenarios.ts';
