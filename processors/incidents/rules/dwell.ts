import type { ZoneMemory } from '../state.ts';
import { carryOver, look } from '../stays.ts';
import { matching, ms, type Rule } from './rule.ts';
import { observe, settle, standDown } from './zone.ts';

/**
 * Loitering: one object in the zone for `dwell_s`. People who merely pass one after another do not add
 * up, but an object that gets a new track id keeps its time. Only those who have stayed that long hold
 * the incident open.
 */
export const dwell: Rule<ZoneMemory> = (state, memory, input) => {
  const { rule, polygon, step, active } = input;
  observe(state, memory, input);
  if (!active) return standDown(state, memory, input);
  if (step.kind !== 'looked') return;
  const dwellMs = ms(rule.dwell_s);
  const { present, tentative } = look(memory.stays, matching(input), polygon, step.to, state.obs, ms(rule.hold_s));
  for (const stay of present) carryOver(memory.stays, stay);
  if (state.open && memory.resumeUntilObs !== null && state.obs <= memory.resumeUntilObs) {
    // Ids do not outlast blindness: whoever is there when sight comes back is taken for who was there before.
    for (const stay of present) stay.startObs = Math.min(stay.startObs, state.obs - dwellMs);
  }
  const loitering = present.filter((stay) => stay.hits >= 2 && state.obs - stay.startObs >= dwellMs);
  const ready = loitering.length > 0;
  settle(state, memory, input, { found: present, present: loitering, doubtful: tentative, ready });
};
