/** What the rules remember of one camera: plain JSON, snapshotted to `processor-state.v1`. */
import type {
  Box,
  Coordinates,
  Incident,
  ModelRef,
  Point,
  RuleRecord,
  RuleType,
} from '../../runtime/messages/types.ts';
import type { Absence } from './absence.ts';
import { newWatchState, type WatchState } from './watch.ts';

export const STATE_VERSION = 1;

export interface CameraState {
  v: typeof STATE_VERSION;
  site: string;
  camera: string;
  /** Highest seen. */
  epoch: number;
  /** Highest offset of a source applied, by `topic/partition`. */
  applied: Record<string, number>;
  /** Capture time (epoch ms) of the last record applied. */
  newest: number | null;
  watch: WatchState;
  /** Last coverage that was published, and the evidence up to which it can be extended. */
  coverage: { to: number; watched: boolean; seenTo: number } | null;
  lastFrame: { captureTime: number; frame: Coordinates; model: ModelRef | null } | null;
  rules: Record<string, RuleState>;
  /**
   * Transitions that are decided and not known to be published. They are in the snapshot before they go
   * out, so that after a crash the same ones go out again, whatever the rules have become since.
   */
  outbox: Incident[];
}

/** Times named `...Obs` are on the rule's observed clock: milliseconds that only pass while watched. */
export interface RuleState {
  rule: string;
  type: RuleType;
  obs: number;
  memory: ZoneMemory | LineMemory | HealthMemory;
  open: OpenIncident | null;
}

export interface OpenIncident {
  /** As last published, with what was learnt since. */
  incident: Incident;
  /** Score × area of the peak. */
  peakValue: number;
  /** Capture time of the last transition (epoch ms). */
  emittedAt: number;
  /** Something worth an update happened since. */
  dirty: boolean;
  /** Somebody looked since it became unobserved. */
  seen: boolean;
}

/** One track's time in a zone. */
export interface Stay {
  id: string;
  class: string;
  /** From here its presence counts; before `firstObs` when it carries on another track's. */
  startObs: number;
  firstObs: number;
  lastObs: number;
  /** First look since `lastObs` that did not find it in the zone; null while it is found. */
  missedObs: number | null;
  /** It was seen outside since `lastObs`, against not seen at all. */
  outside: boolean;
  hits: number;
  confirmed: boolean;
  firstAt: number;
  lastAt: number;
  score: number;
  /** Highest since it came in. */
  scoreMax: number;
  firstBox: Box;
  box: Box;
}

/** Whoever is where the rule holds, until nobody was found there for the hold: a near miss, or none. */
export interface Visit extends Absence {
  /**
   * `empty`: nobody is there. `counting`: somebody is or was a moment ago, and nothing speaks against a near miss.
   * `discounted`: an incident came of it, or nobody saw all of it.
   */
  stage: 'empty' | 'counting' | 'discounted';
}

/** Its own absence is that of whoever holds an incident open. */
export interface ZoneMemory extends Absence {
  kind: 'zone';
  stays: Stay[];
  /** Presence of anybody, whatever the track (`zone_entry`). */
  presence: { startObs: number; missedObs: number | null; hits: number } | null;
  /** Absent in snapshots of earlier versions. */
  visit?: Visit;
  /** After blindness: until then whoever is found carries the open incident on (`dwell`). */
  resumeUntilObs: number | null;
}

export interface Crossing {
  id: string;
  class: string;
  score: number;
  at: number;
  firstAt: number;
  direction: 'in' | 'out';
  box: Box;
  frame: Coordinates | null;
  model: ModelRef | null;
}

export interface LineMemory {
  kind: 'line';
  /** Last place of each track that was clear of the line. */
  anchors: { id: string; point: Point; firstAt: number }[];
  /** Crossings of tracks that are not confirmed yet. */
  pending: Crossing[];
  /** Directions and tracks that have crossed, newest last: one incident each. */
  crossed: string[];
}

export interface HealthMemory {
  kind: 'health';
  /** Since then the camera gives pictures again. */
  backObs: number | null;
}

export function newCameraState(site: string, camera: string): CameraState {
  return {
    v: STATE_VERSION,
    site,
    camera,
    epoch: 0,
    applied: {},
    newest: null,
    watch: newWatchState(),
    coverage: null,
    lastFrame: null,
    rules: {},
    outbox: [],
  };
}

/** One incident at a time for each of these. */
export function ruleKey(rule: RuleRecord): string {
  return JSON.stringify([rule.rule, rule.type, rule.zone, rule.line]);
}

export function newRuleState(rule: RuleRecord): RuleState {
  return { rule: rule.rule, type: rule.type, obs: 0, memory: newMemory(rule.type), open: null };
}

function newMemory(type: RuleType): RuleState['memory'] {
  if (type === 'line_crossing') return { kind: 'line', anchors: [], pending: [], crossed: [] };
  if (type === 'camera_offline') return { kind: 'health', backObs: null };
  return { kind: 'zone', stays: [], presence: null, absentObs: null, lastLookObs: 0, resumeUntilObs: null };
}
