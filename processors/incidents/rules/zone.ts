/** What `zone_entry` and `dwell` share: one incident while somebody is there. */
import { isGone, noteBlindness, noteLook } from '../absence.ts';
import { close, incidentTrack, learn, open, seenAgain, stayValue } from '../incident.ts';
import { discount, endVisit, follow, visitOf } from '../near_misses.ts';
import type { RuleState, Stay, ZoneMemory } from '../state.ts';
import { ms, type RuleInput } from './rule.ts';

/**
 * Moves the observed clock on. Time counts from evidence to evidence where they are no further apart
 * than the rule promises to look; a longer gap counts for nothing.
 */
export function observe(state: RuleState, memory: ZoneMemory, { rule, step }: RuleInput): void {
  if (!step.evidence) return;
  const promiseMs = ms(rule.detect_within_s);
  const visit = visitOf(memory);
  if (step.gapMs <= promiseMs) {
    state.obs += step.gapMs;
    if (step.blinded) for (const absence of [memory, visit]) noteBlindness(absence, step.gapMs);
  } else {
    memory.absentObs = null;
    discount(visit);
    if (step.gapMs > ms(rule.hold_s)) {
      forget(memory);
      memory.resumeUntilObs = state.obs + ms(rule.hold_s);
    }
  }
  state.obs += step.lengthMs;
}

/** Nobody's presence counts any more; an open incident stays what it is. */
export function forget(memory: ZoneMemory): void {
  memory.stays = [];
  memory.presence = null;
}

/** The schedule is not active. */
export function standDown(state: RuleState, memory: ZoneMemory, input: RuleInput): void {
  const { step, emit } = input;
  forget(memory);
  endVisit(memory, input);
  memory.absentObs = null;
  memory.resumeUntilObs = null;
  if (!state.open) return;
  close(state.open, 'schedule_end', step.to, emit);
  state.open = null;
}

export interface Occupancy {
  /** Everybody who is there, for however short a time. */
  found: readonly Stay[];
  /** Whoever holds the incident open, and is listed in it. */
  present: readonly Stay[];
  /** Somebody may be there: neither presence nor absence. */
  doubtful: boolean;
  /** They have been there for long enough to open one. */
  ready: boolean;
}

/** What a looked frame does to the incident, and whether it was nearly one. */
export function settle(state: RuleState, memory: ZoneMemory, input: RuleInput, occupancy: Occupancy): void {
  transit(state, memory, input, occupancy);
  follow(state, memory, input, occupancy.found.length > 0, occupancy.doubtful);
}

/** Opens, updates or closes. */
function transit(state: RuleState, memory: ZoneMemory, input: RuleInput, occupancy: Occupancy): void {
  const { rule, record, step, emit } = input;
  const { present, doubtful, ready } = occupancy;
  noteLook(memory, state.obs, present.length > 0, doubtful);
  if (!state.open) {
    if (ready) state.open = begin(input, present);
    return;
  }
  if (present.length > 0) learn(state.open, present, record.frame);
  else if (!doubtful && isGone(memory, state.obs, ms(rule.hold_s))) {
    close(state.open, 'left', step.to, emit);
    state.open = null;
    return;
  }
  seenAgain(state.open);
}

function begin({ rule, record, step, camera, emit }: RuleInput, present: readonly Stay[]): RuleState['open'] {
  const best = present.reduce<Stay | null>((a, b) => (a === null || stayValue(b) > stayValue(a) ? b : a), null);
  return open(
    {
      site: camera.site,
      camera: camera.camera,
      rule,
      at: step.to,
      peopleMax: present.length,
      tracks: present.map(incidentTrack),
      peak: { captureTime: record.to, box: best?.box ?? null, frame: record.frame },
      peakValue: best ? stayValue(best) : 0,
      model: record.model,
    },
    emit,
  );
}
