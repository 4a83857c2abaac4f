/**
 * Compares what the product says happened with what did. Pure. Times are seconds since the scenario
 * began; where it loops they go on: the third round begins at twice the duration.
 */
import { BanksmanError } from '../runtime/errors.ts';
import { cameraModel, lineInPicture, shareInSight } from './site.ts';
import { DWELL_S } from './world/incidents.ts';
import type { IncidentKind, TrueIncident } from './world/types.ts';

/** A rule on a camera, and what it has to find. */
export interface Watch {
  camera: string;
  rule: string;
  kind: IncidentKind;
  /** Area or line of the plan; null: wherever the camera sees the area in which it happens. */
  place: string | null;
  direction: 'in' | 'out' | 'both';
  /** How long the rule keeps an incident open after the last presence. */
  holdS: number;
}

/** An incident of the product. */
export interface Reported {
  id: string;
  camera: string;
  rule: string;
  openedAtS: number;
  /** Null while open. Before `openedAtS`: closed in the next round. */
  closedAtS: number | null;
  direction: 'in' | 'out' | null;
}

/** A true incident of one round, as one rule on one camera has to find it. */
export interface Expected {
  watch: Watch;
  /** Of the round: times go on. */
  incident: TrueIncident;
}

export interface Found extends Expected {
  reported: Reported;
  /** From the true start to the opening; slightly negative where the picture was ahead of the ground point. */
  lateS: number;
}

export interface Score {
  found: Found[];
  missed: Expected[];
  /** Not found, and not missed either: too short, begun before the window, or there may still be time. */
  excused: Expected[];
  false: Reported[];
  /** Opened once more while what they are about went on. */
  repeated: Reported[];
  /** Of rules that no watch knows. */
  unjudged: Reported[];
  /** Found of found and missed; 1 where nothing was to be found. */
  recall: number;
  /** Of what began within the window; the camera need not have been there before. */
  lateS: { median: number; max: number } | null;
}

export interface ScoreOptions {
  durationS: number;
  /** What was looked at: from here … */
  fromS: number;
  /** … to here. */
  toS: number;
  /** An opening may be this much ahead of the true start, or behind the end. */
  earlyS?: number;
  /** A crossing may be told this late; true incidents nearer to the end of the window are not missed. */
  withinS?: number;
  /** Shorter presence need not be found. */
  shortestS?: number;
}

/** Least share of an area that a camera must see to be asked about it. */
const WHOLE = 0.9;

/** What a score needs of a site file, as it is written. */
export interface SiteLike {
  cameras: Record<string, { zones?: Record<string, unknown> | undefined; lines?: Record<string, unknown> | undefined }>;
  rules: readonly {
    id: string;
    type: string;
    cameras?: readonly string[] | undefined;
    zone?: string | null | undefined;
    line?: string | undefined;
    direction?: 'in' | 'out' | 'both' | undefined;
    hold_s?: number | undefined;
    dwell_s?: number | undefined;
  }[];
}

const KINDS: readonly string[] = [
  'zone_entry',
  'dwell',
  'line_crossing',
  'proximity',
  'no_hard_hat',
  'fall',
  'crowd',
] satisfies IncidentKind[];

/**
 * Every rule on every camera that sees its area or line. Zones and lines of the site file have the
 * names of the plan, its cameras those of the site.
 * @throws BanksmanError CONFIG_INVALID_VALUE when a rule's dwell is not the truth's.
 */
export function watchesOf(site: SiteLike): Watch[] {
  const watches: Watch[] = [];
  for (const rule of site.rules) {
    if (!isKind(rule.type)) continue;
    if (rule.dwell_s !== undefined && rule.dwell_s !== DWELL_S) {
      throw new BanksmanError('CONFIG_INVALID_VALUE', {
        where: `rules, ${rule.id}`,
        message: `the truth knows stays of ${DWELL_S} s, not of ${rule.dwell_s} s`,
        mend: `Write dwell_s: ${DWELL_S}, or take the rule out, on a simulated site.`,
      });
    }
    const place = rule.line ?? rule.zone ?? null;
    for (const [camera, { zones = {}, lines = {} }] of Object.entries(site.cameras)) {
      if (rule.cameras && !rule.cameras.includes(camera)) continue;
      if (place !== null && !Object.hasOwn(rule.line === undefined ? zones : lines, place)) continue;
      if (place !== null && !sees(camera, rule.type, place)) continue;
      const { direction = 'both', hold_s: holdS = 5 } = rule;
      watches.push({ camera, rule: rule.id, kind: rule.type, place, direction, holdS });
    }
  }
  return watches;
}

/**
 * @param truth of one round.
 * @param watches see `watchesOf`.
 */
export function score(
  truth: readonly TrueIncident[],
  watches: readonly Watch[],
  reported: readonly Reported[],
  options: ScoreOptions,
): Score {
  const result: Score = {
    found: [],
    missed: [],
    excused: [],
    false: [],
    repeated: [],
    unjudged: [],
    recall: 1,
    lateS: null,
  };
  const left = new Set(reported);
  for (const watch of watches) {
    const own = reported.filter(({ camera, rule }) => camera === watch.camera && rule === watch.rule);
    for (const one of own) left.delete(one);
    const expected = rounds(truth, options).filter((incident) => concerns(watch, incident));
    if (watch.kind === 'line_crossing') judgeMoments(watch, expected, own, options, result);
    else judgeStretches(watch, expected, own, options, result);
  }
  result.unjudged = [...left];
  const asked = result.found.length + result.missed.length;
  result.recall = asked === 0 ? 1 : result.found.length / asked;
  const inWindow = result.found.filter(({ incident }) => incident.startS >= options.fromS);
  const late = inWindow.map(({ lateS }) => lateS).sort((a, b) => a - b);
  const [median, max] = [late[Math.floor(late.length / 2)], late.at(-1)];
  result.lateS = median === undefined || max === undefined ? null : { median, max };
  return result;
}

/** The truth of every round that the window touches; one more before it, for what was still open. */
function rounds(truth: readonly TrueIncident[], { durationS, fromS, toS, earlyS = 1 }: ScoreOptions): TrueIncident[] {
  const all: TrueIncident[] = [];
  // What is told a little ahead of its true start is not false for as long as that start is still to come.
  const untilS = toS + earlyS;
  for (let round = Math.floor(fromS / durationS) - 1; round * durationS < untilS; round++) {
    const shift = round * durationS;
    for (const one of truth) {
      const incident = { ...one, startS: one.startS + shift, endS: one.endS + shift };
      if (incident.startS < untilS) all.push(incident);
    }
  }
  return all.sort((a, b) => a.startS - b.startS);
}

function concerns(watch: Watch, { kind, place, direction }: TrueIncident): boolean {
  if (kind !== watch.kind) return false;
  if (direction && watch.direction !== 'both' && direction !== watch.direction) return false;
  if (watch.place !== null) return place === watch.place;
  return place !== null && sees(watch.camera, kind, place);
}

/** Each crossing is its own incident: one to one, the nearest in time first. */
function judgeMoments(
  watch: Watch,
  expected: readonly TrueIncident[],
  own: readonly Reported[],
  options: ScoreOptions,
  result: Score,
): void {
  const { earlyS = 1, withinS = 5 } = options;
  const pairs = expected
    .flatMap((incident) => own.map((one) => ({ incident, one, lateS: one.openedAtS - incident.startS })))
    .filter(({ incident, one, lateS }) => {
      const isSameWay = one.direction === null || one.direction === incident.direction;
      return isSameWay && lateS >= -earlyS && lateS <= withinS;
    })
    .sort((a, b) => Math.abs(a.lateS) - Math.abs(b.lateS));
  const taken = new Set<TrueIncident | Reported>();
  for (const { incident, one, lateS } of pairs) {
    if (taken.has(incident) || taken.has(one)) continue;
    taken.add(incident).add(one);
    result.found.push({ watch, incident, reported: one, lateS });
  }
  for (const incident of expected) if (!taken.has(incident)) leave({ watch, incident }, options, result);
  result.false.push(...own.filter((one) => !taken.has(one)));
}

/** An incident may span several true ones that its hold ties together, and a true one may be opened twice. */
function judgeStretches(
  watch: Watch,
  expected: readonly TrueIncident[],
  own: readonly Reported[],
  options: ScoreOptions,
  result: Score,
): void {
  const { durationS, earlyS = 1 } = options;
  const isFound = new Set<TrueIncident>();
  for (const one of [...own].sort((a, b) => a.openedAtS - b.openedAtS)) {
    const closedAtS = closeOf(one, durationS);
    /** Until when it is excused for being open; it is about nothing until it meets a true incident. */
    let reachS = Number.NEGATIVE_INFINITY;
    let isNew = false;
    for (const incident of expected) {
      const opensInIt = one.openedAtS >= incident.startS - earlyS && one.openedAtS <= incident.endS + earlyS;
      const goesOn = incident.startS <= reachS && incident.startS <= closedAtS;
      if (!opensInIt && !goesOn) continue;
      // What came late to one that is over may be in time for the next.
      reachS = Math.max(reachS, incident.endS + watch.holdS + earlyS);
      if (isFound.has(incident)) continue;
      isFound.add(incident);
      isNew = true;
      result.found.push({ watch, incident, reported: one, lateS: opensInIt ? one.openedAtS - incident.startS : 0 });
    }
    if (reachS === Number.NEGATIVE_INFINITY) result.false.push(one);
    else if (!isNew) result.repeated.push(one);
  }
  for (const incident of expected) if (!isFound.has(incident)) leave({ watch, incident }, options, result);
}

function leave(expected: Expected, options: ScoreOptions, result: Score): void {
  const { fromS, toS, withinS = 5, shortestS = 1 } = options;
  const { startS, endS, kind } = expected.incident;
  // Of earlier rounds, and over before anybody looked.
  if (endS < fromS) return;
  const isShort = kind !== 'line_crossing' && endS - startS < shortestS;
  if (startS < fromS || startS > toS - withinS || isShort) result.excused.push(expected);
  else result.missed.push(expected);
}

function closeOf({ openedAtS, closedAtS }: Reported, durationS: number): number {
  if (closedAtS === null) return Number.POSITIVE_INFINITY;
  return closedAtS < openedAtS ? closedAtS + durationS : closedAtS;
}

function isKind(type: string): type is IncidentKind {
  return KINDS.includes(type);
}

function sees(camera: string, kind: IncidentKind, place: string): boolean {
  const model = cameraModel(camera);
  return kind === 'line_crossing' ? lineInPicture(model, place) !== null : shareInSight(model, place) >= WHOLE;
}
