/**
 * The rules of one camera over its `tracks.v1` records, in order. Knows capture time only: no clock,
 * no bus. The same state, records and configuration give the same incidents, ids and revisions.
 */
import type { CameraRecord, Coverage, Incident, RuleRecord, Tracks } from '../../runtime/messages/types.ts';
import { isActive } from '../../runtime/schedule.ts';
import { cover } from './coverage.ts';
import { close, unobserved, updateIfDue } from './incident.ts';
import { cameraOffline } from './rules/camera_offline.ts';
import { dwell } from './rules/dwell.ts';
import { lineCrossing } from './rules/line_crossing.ts';
import { ms, type RuleInput } from './rules/rule.ts';
import { zoneEntry } from './rules/zone_entry.ts';
import { type CameraState, newRuleState, type RuleState, ruleKey } from './state.ts';
import { advance } from './watch.ts';

/** An incident that nobody could see for this long is closed as `camera_lost`. */
export const DEFAULT_LOST_S = 3600;

/** What holds for one camera: only rules that list it. */
export interface CameraRules {
  camera: CameraRecord;
  rules: readonly RuleRecord[];
  /** Rules that there are, and whose records nobody can read: what stands of them stays. Default: none. */
  unreadable?: readonly string[];
  /** Seconds unobserved before an incident is given up. */
  lostS: number;
}

export interface Outcome {
  /** In the order in which they are to be published. */
  incidents: Incident[];
  coverage: Coverage[];
  /** Rules of which somebody was nearly an incident; one that is named twice was so twice. */
  nearMisses: RuleRecord[];
  /** Why the record was not applied. */
  dropped: 'epoch' | 'replayed' | null;
}

/** Takes a record through the rules (changes `state`). */
export function apply(state: CameraState, record: Tracks, config: CameraRules): Outcome {
  const dropped = admit(state, record);
  if (dropped !== null) return { incidents: [], coverage: [], nearMisses: [], dropped };
  const incidents = reconcile(state, config);
  const nearMisses: RuleRecord[] = [];
  const step = advance(state.watch, record);
  state.newest = step.to;
  if (step.kind === 'looked' && record.frame) {
    state.lastFrame = { captureTime: step.to, frame: record.frame, model: record.model };
  }
  for (const rule of config.rules) {
    const place = placeOf(config.camera, rule);
    if (!place) continue;
    const key = ruleKey(rule);
    state.rules[key] ??= newRuleState(rule);
    evaluate(
      state.rules[key],
      {
        ...{ rule, ...place, record, step, camera: state },
        active: rule.schedule === null || isActive(rule.schedule, step.to),
        emit: (incident) => incidents.push(incident),
        nearMiss: () => nearMisses.push(rule),
      },
      config.lostS,
    );
  }
  return { incidents, coverage: cover(state, step, ms(config.camera.detect_within_s)), nearMisses, dropped: null };
}

/**
 * Closes what no rule stands for any more (changes `state`).
 * @param config null: the camera itself was removed.
 */
export function reconcile(state: CameraState, config: CameraRules | null): Incident[] {
  const incidents: Incident[] = [];
  const wanted = new Set(config?.rules.map(ruleKey));
  for (const [key, rule] of Object.entries(state.rules)) {
    if (wanted.has(key) || config?.unreadable?.includes(rule.rule)) continue;
    if (rule.open) {
      const at = state.newest ?? rule.open.emittedAt;
      close(rule.open, 'rule_removed', at, (incident) => incidents.push(incident));
    }
    delete state.rules[key];
  }
  return incidents;
}

/** Incidents that are open or unobserved. */
export function openIncidents(state: CameraState): Incident[] {
  return Object.values(state.rules).flatMap(({ open }) => (open ? [open.incident] : []));
}

function admit(state: CameraState, { epoch, source }: Tracks): Outcome['dropped'] {
  if (epoch < state.epoch) return 'epoch';
  if (source) {
    const key = `${source.topic}/${source.partition}`;
    const offset = Number(source.offset);
    if (offset <= (state.applied[key] ?? -1)) return 'replayed';
    state.applied[key] = offset;
  }
  state.epoch = epoch;
  return null;
}

/** Undefined while the camera's record does not have what the rule names: it may come a moment later. */
function placeOf(camera: CameraRecord, rule: RuleRecord): Pick<RuleInput, 'polygon' | 'line'> | undefined {
  const polygon = rule.zone === null ? null : camera.zones[rule.zone];
  const line = rule.line === null ? null : camera.lines[rule.line];
  return polygon === undefined || line === undefined ? undefined : { polygon, line };
}

function evaluate(state: RuleState, input: RuleInput, lostS: number): void {
  const { memory } = state;
  if (memory.kind === 'line') lineCrossing(state, memory, input);
  else if (memory.kind === 'health') cameraOffline(state, memory, input);
  else {
    // A gap without a record is one all the same; after a clock that went back nobody knows how long it was.
    const { gapMs } = input.step;
    giveUpIfLost(state, input, Number.isFinite(gapMs) ? gapMs : 0, lostS);
    (state.type === 'dwell' ? dwell : zoneEntry)(state, memory, input);
    report(state, input, lostS);
  }
}

/** What became of an open incident beside presence and absence. */
function report(state: RuleState, input: RuleInput, lostS: number): void {
  const { step, rule, emit } = input;
  giveUpIfLost(state, input, step.unlookedMs, lostS);
  if (!state.open) return;
  if (step.unlookedMs > ms(rule.detect_within_s)) unobserved(state.open, step.reason, step.to, emit);
  else updateIfDue(state.open, step.to, emit);
}

function giveUpIfLost(state: RuleState, { step, emit }: RuleInput, unseenMs: number, lostS: number): void {
  if (!state.open || unseenMs <= ms(lostS)) return;
  close(state.open, 'camera_lost', step.evidence ? step.from : step.to, emit);
  state.open = null;
}
