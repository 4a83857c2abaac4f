/** The incident itself: made, changed and closed here, one published transition at a time. */
import { createHash } from 'node:crypto';
import type {
  CloseReason,
  Coordinates,
  Incident,
  IncidentTrack,
  ModelRef,
  RuleRecord,
  Transition,
} from '../../runtime/messages/types.ts';
import { fromTimestamp, toTimestamp } from '../../runtime/time.ts';
import { boxArea } from './geometry.ts';
import type { OpenIncident, Stay } from './state.ts';

/** Updates of one incident are at least this far apart. */
export const UPDATE_MS = 1000;
/** Tracks listed in an incident; the one not seen for longest goes first. */
export const MAX_TRACKS = 50;
/** A better picture must be this much better: each one is fetched and stored by evidence. */
const PEAK_GAIN = 1.1;

/** Takes what is published; called in order of revision. */
export type Emit = (incident: Incident) => void;

export interface Opening {
  site: string;
  camera: string;
  rule: RuleRecord;
  /** Capture time, epoch ms, of the frame that decided. */
  at: number;
  /** What makes it unique beside place and time: the track of a line crossing. */
  distinct?: string;
  direction?: 'in' | 'out';
  peopleMax: number;
  tracks: IncidentTrack[];
  peak: Incident['peak'];
  /** `stayValue` of the peak; default 0. */
  peakValue?: number;
  model: ModelRef | null;
}

/** Hash of site, camera, rule, zone or line, and time of opening; for a line crossing of its track too. */
export function incidentId({ site, camera, rule, at, distinct }: Opening): string {
  const place = rule.type === 'line_crossing' ? rule.line : rule.zone;
  const parts = [site, camera, rule.rule, place, toTimestamp(at), ...(distinct === undefined ? [] : [distinct])];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** Emits the first transition. */
export function open(opening: Opening, emit: Emit): OpenIncident {
  const { site, camera, rule, at } = opening;
  const time = toTimestamp(at);
  const incident: Incident = {
    id: incidentId(opening),
    revision: 1,
    transition: 'opened',
    state: 'open',
    site,
    camera,
    rule: rule.rule,
    type: rule.type,
    severity: rule.severity,
    zone: rule.zone,
    line: rule.line,
    direction: opening.direction ?? null,
    openedAt: time,
    updatedAt: time,
    closedAt: null,
    closeReason: null,
    unobservedReason: null,
    peopleMax: opening.peopleMax,
    tracks: opening.tracks,
    peak: opening.peak,
    model: opening.model,
    configHash: rule.configHash,
    muted: false,
    acknowledged: null,
    rejected: null,
    evidence: [],
  };
  emit(structuredClone(incident));
  return { incident, peakValue: opening.peakValue ?? 0, emittedAt: at, dirty: false, seen: true };
}

/** Learns from the tracks that are in the zone now; marks what is worth an update. */
export function learn(opened: OpenIncident, present: readonly Stay[], frame: Coordinates | null): void {
  const { incident } = opened;
  if (present.length > incident.peopleMax) {
    incident.peopleMax = present.length;
    opened.dirty = true;
  }
  for (const stay of present) {
    const known = incident.tracks.find(({ id }) => id === stay.id);
    if (known) {
      known.score = Math.max(known.score, stay.scoreMax);
      known.lastSeen = toTimestamp(stay.lastAt);
    } else {
      incident.tracks.push(incidentTrack(stay));
      opened.dirty = true;
    }
    const value = stayValue(stay);
    if (value > opened.peakValue * PEAK_GAIN) {
      opened.dirty = true;
      opened.peakValue = value;
      incident.peak = { captureTime: toTimestamp(stay.lastAt), box: stay.box, frame };
    }
  }
  while (incident.tracks.length > MAX_TRACKS) incident.tracks.splice(longestUnseen(incident.tracks), 1);
}

export function incidentTrack(stay: Stay): IncidentTrack {
  return {
    id: stay.id,
    class: stay.class,
    score: stay.scoreMax,
    firstSeen: toTimestamp(stay.firstAt),
    lastSeen: toTimestamp(stay.lastAt),
  };
}

/** How good a picture of the object is: score × area of its box. */
export function stayValue(stay: Stay): number {
  return stay.score * boxArea(stay.box);
}

/** Emits an update when there is something to say and the last transition is long enough ago. */
export function updateIfDue(opened: OpenIncident, at: number, emit: Emit): void {
  // Absolute: after a clock that went back nobody waits for it to catch up.
  if (!opened.seen || !opened.dirty || Math.abs(at - opened.emittedAt) < UPDATE_MS) return;
  opened.incident.state = 'open';
  opened.incident.unobservedReason = null;
  transit(opened, 'updated', at, emit);
}

/** Somebody looks again: whether anybody is still there shows from now on. */
export function seenAgain(opened: OpenIncident): void {
  if (opened.seen) return;
  opened.seen = true;
  opened.dirty = true;
}

export function unobserved(opened: OpenIncident, reason: string, at: number, emit: Emit): void {
  if (!opened.seen) return;
  opened.seen = false;
  // Back for less than the time between updates: nobody was told that it had come back.
  if (opened.incident.state === 'unobserved') return;
  opened.incident.state = 'unobserved';
  opened.incident.unobservedReason = reason;
  transit(opened, 'unobserved', at, emit);
}

export function close(opened: OpenIncident, reason: CloseReason, at: number, emit: Emit): void {
  const { incident } = opened;
  incident.state = 'closed';
  incident.closeReason = reason;
  incident.unobservedReason = null;
  incident.closedAt = notBefore(at, incident.updatedAt);
  transit(opened, 'closed', at, emit);
}

function transit(opened: OpenIncident, transition: Transition, at: number, emit: Emit): void {
  const { incident } = opened;
  incident.revision += 1;
  incident.transition = transition;
  incident.updatedAt = notBefore(at, incident.updatedAt);
  opened.emittedAt = at;
  opened.dirty = false;
  emit(structuredClone(incident));
}

/** An incident's own times never go back, even when the camera's clock does. */
function notBefore(at: number, earlier: string): string {
  return toTimestamp(Math.max(at, fromTimestamp(earlier)));
}

function longestUnseen(tracks: readonly IncidentTrack[]): number {
  let index = 0;
  for (const [other, track] of tracks.entries()) {
    if (track.lastSeen < (tracks[index]?.lastSeen ?? '')) index = other;
  }
  return index;
}
