/**
 * Near misses: somebody was where the rule holds, and was gone before it was an incident. What is one and what is
 * none is in README.md.
 */
import type { RuleRecord } from '../../runtime/messages/types.ts';
import { isGone, noteLook } from './absence.ts';
import { ms, type RuleInput } from './rules/rule.ts';
import type { RuleState, Visit, ZoneMemory } from './state.ts';
import { CARRY_MS } from './stays.ts';

/** A line is crossed or not, and a camera gives pictures or not. */
export const hasNearMisses = ({ type }: RuleRecord): boolean => type === 'zone_entry' || type === 'dwell';

/** At the begin nobody knows who has been there for how long. */
export const newVisit = (): Visit => ({ stage: 'discounted', absentObs: null, lastLookObs: 0 });

/** Snapshots of earlier versions have none. */
export function visitOf(memory: ZoneMemory): Visit {
  memory.visit ??= newVisit();
  return memory.visit;
}

/** Nobody looked for longer than the rule promises: whoever was there may have stayed for any time. */
export function discount(visit: Visit): void {
  visit.stage = 'discounted';
  visit.absentObs = null;
}

/**
 * After a looked frame, and what it did to the incident. Nobody is gone for sure while a track that is found again may
 * carry presence on to an incident.
 * @param found somebody is where the rule holds, for however short a time.
 * @param doubtful somebody may be there.
 */
export function follow(
  state: RuleState,
  memory: ZoneMemory,
  { rule, nearMiss }: RuleInput,
  found: boolean,
  doubtful: boolean,
): void {
  const visit = visitOf(memory);
  noteLook(visit, state.obs, found, doubtful);
  if (found && visit.stage === 'empty') visit.stage = 'counting';
  else if (!found && !doubtful && isGone(visit, state.obs, Math.max(ms(rule.hold_s), CARRY_MS))) {
    if (visit.stage === 'counting') nearMiss();
    visit.stage = 'empty';
  }
  if (state.open) visit.stage = 'discounted';
}

/** The schedule is not active: who was seen to be gone was a near miss, who is still there has not left. */
export function endVisit(memory: ZoneMemory, { rule, step, nearMiss }: RuleInput): void {
  const visit = visitOf(memory);
  const watched = step.unlookedMs <= ms(rule.detect_within_s);
  if (visit.stage === 'counting' && visit.absentObs !== null && watched) nearMiss();
  visit.stage = 'empty';
  visit.absentObs = null;
}
