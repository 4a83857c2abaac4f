import type { ZoneMemory } from '../state.ts';
import { LAPSE_MS, look, type Sighting } from '../stays.ts';
import { matching, ms, type Rule } from './rule.ts';
import { observe, settle, standDown } from './zone.ts';

/** Somebody in the zone: presence of anybody counts, whichever track it is. */
export const zoneEntry: Rule<ZoneMemory> = (state, memory, input) => {
  const { rule, polygon, step, active } = input;
  observe(state, memory, input);
  if (!active) return standDown(state, memory, input);
  if (step.kind !== 'looked') return;
  const sighting = look(memory.stays, matching(input), polygon, step.to, state.obs, 0);
  const { present, tentative } = sighting;
  memory.presence = presenceAfter(memory.presence, sighting, state.obs);
  const lasted = memory.presence ? state.obs - memory.presence.startObs : 0;
  const ready = present.length > 0 && (memory.presence?.hits ?? 0) >= 2 && lasted >= ms(rule.min_duration_s);
  settle(state, memory, input, { found: present, present, doubtful: tentative, ready });
};

/**
 * Presence in the zone after one look. A confirmed track brings the time since its own first sample
 * with it; a sample without one ends it unless a track coasts or a new one is about to be confirmed.
 */
function presenceAfter(before: ZoneMemory['presence'], sighting: Sighting, obs: number): ZoneMemory['presence'] {
  const { present, tentative, coasting } = sighting;
  if (present.length > 0) {
    return {
      startObs: Math.min(before?.startObs ?? obs, ...present.map((stay) => stay.startObs)),
      missedObs: null,
      hits: Math.max((before?.hits ?? 0) + 1, ...present.map((stay) => stay.hits)),
    };
  }
  if (!before || !(tentative || coasting)) return null;
  const missedObs = before.missedObs ?? obs;
  return obs - missedObs > LAPSE_MS ? null : { ...before, missedObs };
}
