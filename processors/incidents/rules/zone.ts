/** What `zone_entry` and `dwell` share: one incident while somebody is there. */
import { close, incidentTrack, learn, open, seenAgain, stayValue } from '../incident.ts';
import type { RuleState, Stay, ZoneMemory } from '../state.ts';
import { ms, type RuleInput } from './rule.ts';

/**
 * Moves the observed clock on. Time counts from evidence to evidence where they are no further apart
 * than the rule promises to look; a longer gap counts for nothing.
 */
export function observe(state: RuleState, memory: ZoneMemory, { rule, step }: RuleInput): void {
  if (!step.evidence) return;
  const promiseMs = ms(rule.detect_within_s);
  if (step.gapMs <= promiseMs) {
    state.obs += step.gapMs;
    // Blind time may be taken for presence that goes on, never for absence.
    if (step.blinded && memory.absentObs !== null) memory.absentObs += step.gapMs;
  } else {
    memory.absentObs = null;
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
export function standDown(state: RuleState, memory: ZoneMemory, { step, emit }: RuleInput): void {
  forget(memory);
  memory.absentObs = null;
  memory.resumeUntilObs = null;
  if (!state.open) return;
  close(state.open, 'schedule_end', step.to, emit);
  state.open = null;
}

export interface Occupancy {
  /** Whoever holds the incident open, and is listed in it. */
  present: readonly Stay[];
  /** Somebody may be there: neither presence nor absence. */
  doubtful: boolean;
  /** They have been there for long enough to open one. */
  ready: boolean;
}

/** Opens, updates or closes at a looked frame. */
export function settle(state: RuleState, memory: ZoneMemory, input: RuleInput, occupancy: Occupancy): void {
  const { rule, record, step, emit } = input;
  const { present, doubtful, ready } = occupancy;
  const sinceLook = state.obs - memory.lastLookObs;
  memory.lastLookObs = state.obs;
  if (present.length > 0) memory.absentObs = null;
  else if (memory.absentObs === null) memory.absentObs = doubtful ? null : state.obs;
  else if (doubtful) memory.absentObs = Math.min(state.obs, memory.absentObs + sinceLook);

  if (!state.open) {
    if (ready) state.open = begin(input, present);
    return;
  }
  if (present.length > 0) learn(state.open, present, record.frame);
  else if (memory.absentObs !== null && !doubtful && state.obs - memory.absentObs >= ms(rule.hold_s)) {
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
