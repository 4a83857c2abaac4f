import type { Point, Polygon, RuleRecord, Track, Tracks } from '../../../runtime/messages/types.ts';
import type { Emit } from '../incident.ts';
import type { CameraState, RuleState } from '../state.ts';
import type { Step } from '../watch.ts';

/** What one rule is asked at one record of one camera. */
export interface RuleInput {
  rule: RuleRecord;
  /** Null: the whole picture. */
  polygon: Polygon | null;
  line: readonly [Point, Point] | null;
  record: Tracks;
  step: Step;
  /** Whether the rule's schedule is active at the end of the record. */
  active: boolean;
  camera: Readonly<CameraState>;
  emit: Emit;
  /** Somebody was nearly an incident of the rule. */
  nearMiss: () => void;
}

/** A rule: changes its own state only, and emits transitions. Same state and input, same outcome. */
export type Rule<M extends RuleState['memory']> = (state: RuleState, memory: M, input: RuleInput) => void;

export function matching({ rule, record }: RuleInput): Track[] {
  return [...record.tracks, ...record.coasting].filter((track) => rule.classes.includes(track.class));
}

/** Milliseconds of an option in seconds. */
export function ms(seconds: number): number {
  return Math.round(seconds * 1000);
}
