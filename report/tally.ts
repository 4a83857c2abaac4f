/** What is counted of the incidents of a period. Takes them one at a time: thousands a month cost a few numbers each. */
import type { EvidenceKind, Judgement, RuleType, Severity, Timestamp } from '../runtime/messages/types.ts';
import type { StoredIncident } from '../runtime/stores/state/types.ts';
import { HeatGrid, type HeatMap } from './heat.ts';
import type { Calendar, Period } from './period.ts';

/** The gravest first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const satisfies readonly Severity[];

export type SeverityCounts = Record<Severity, number>;

export interface RuleCount {
  rule: string;
  type: RuleType;
  severity: Severity;
  /** Without those rejected. */
  incidents: number;
  rejected: number;
}

export interface PlaceCount {
  camera: string;
  /** Zone or line; null: the whole picture. */
  place: string | null;
  incidents: number;
}

export interface CameraCount {
  camera: string;
  bySeverity: SeverityCounts;
  incidents: number;
  rejected: number;
  /** Incidents of the camera itself: nobody could see. */
  lost: number;
}

/** Of incidents that opened in it. */
export interface DayEvidence {
  /** Those that have any. */
  incidents: number;
  bytes: Partial<Record<EvidenceKind, number>>;
}

export interface AnswerTimes {
  answered: number;
  /** Neither acknowledged nor rejected. */
  unanswered: number;
  /** Seconds from the opening; null where nobody answered. */
  medianS: number | null;
  p90S: number | null;
}

export interface IncidentSums {
  /** Of people, without those rejected. */
  incidents: number;
  rejected: number;
  /** Not closed when the report was made. */
  stillOpen: number;
  /** Incidents of cameras that were lost, which are not among the others. */
  camerasLost: number;
  bySeverity: SeverityCounts;
  byRule: RuleCount[];
  byPlace: PlaceCount[];
  byCamera: CameraCount[];
  /** 0 to 23, wall time. */
  byHour: SeverityCounts[];
  /** As the days of the period. */
  byDay: SeverityCounts[];
  answers: AnswerTimes & { bySeverity: Record<Severity, AnswerTimes> };
  /** What is stored of them now. */
  evidence: {
    files: number;
    bytes: number;
    bytesByKind: Partial<Record<EvidenceKind, number>>;
    /** As the days of the period. */
    byDay: DayEvidence[];
  };
  heat: HeatMap[];
}

export class Tally {
  readonly #period: Period;
  readonly #calendar: Calendar;
  readonly #sums: Pick<IncidentSums, 'bySeverity' | 'byHour' | 'byDay' | 'evidence'>;
  readonly #rules = new Map<string, RuleCount>();
  readonly #places = new Map<string, PlaceCount>();
  readonly #cameras = new Map<string, CameraCount>();
  readonly #heat = new Map<string, HeatGrid>();
  /** Seconds until somebody answered. */
  readonly #answers: Record<Severity, number[]> = { critical: [], high: [], medium: [], low: [] };
  readonly #unanswered = noCounts();
  #stillOpen = 0;

  constructor(period: Period, calendar: Calendar) {
    this.#period = period;
    this.#calendar = calendar;
    this.#sums = {
      bySeverity: noCounts(),
      byHour: Array.from({ length: 24 }, noCounts),
      byDay: period.days.map(noCounts),
      evidence: { files: 0, bytes: 0, bytesByKind: {}, byDay: period.days.map(() => ({ incidents: 0, bytes: {} })) },
    };
  }

  add(incident: StoredIncident): void {
    const { camera, severity } = incident;
    const rule = getOr(this.#rules, `${incident.rule} ${severity}`, () => ({
      rule: incident.rule,
      type: incident.type,
      severity,
      incidents: 0,
      rejected: 0,
    }));
    const sums = getOr(this.#cameras, camera, () => ({
      camera,
      bySeverity: noCounts(),
      incidents: 0,
      rejected: 0,
      lost: 0,
    }));
    this.#addEvidence(incident);
    if (incident.state !== 'closed') this.#stillOpen += 1;
    const isLost = incident.type === 'camera_offline';
    if (!isLost) this.#addAnswer(incident);
    if (incident.rejected) {
      rule.rejected += 1;
      if (!isLost) sums.rejected += 1;
      return;
    }
    rule.incidents += 1;
    if (isLost) {
      sums.lost += 1;
      return;
    }
    sums.incidents += 1;
    sums.bySeverity[severity] += 1;
    this.#addPlaceAndTime(incident);
  }

  end(): IncidentSums {
    const cameras = [...this.#cameras.values()].sort(worstFirst);
    const total = (of: (camera: CameraCount) => number): number => cameras.reduce((sum, one) => sum + of(one), 0);
    const all = SEVERITIES.flatMap((severity) => this.#answers[severity]);
    return {
      incidents: total(({ incidents }) => incidents),
      rejected: total(({ rejected }) => rejected),
      stillOpen: this.#stillOpen,
      camerasLost: total(({ lost }) => lost),
      ...this.#sums,
      byRule: [...this.#rules.values()].sort((a, b) => gravity(a.severity) - gravity(b.severity) || mostFirst(a, b)),
      byPlace: [...this.#places.values()].sort(mostFirst),
      byCamera: cameras,
      answers: {
        ...timesOf(
          all,
          SEVERITIES.reduce((sum, severity) => sum + this.#unanswered[severity], 0),
        ),
        bySeverity: bySeverity((severity) => timesOf(this.#answers[severity], this.#unanswered[severity])),
      },
      heat: cameras.flatMap(({ camera }) => this.#heat.get(camera)?.end(camera) ?? []),
    };
  }

  #addPlaceAndTime({ camera, zone, line, severity, openedAt, peak }: StoredIncident): void {
    this.#sums.bySeverity[severity] += 1;
    const place = zone ?? line;
    getOr(this.#places, JSON.stringify([camera, place]), () => ({ camera, place, incidents: 0 })).incidents += 1;
    const opened = Date.parse(openedAt);
    const hour = this.#sums.byHour[this.#calendar.hour(opened)];
    if (hour) hour[severity] += 1;
    const day = this.#sums.byDay[this.#dayOf(openedAt)];
    if (day) day[severity] += 1;
    if (peak.box) getOr(this.#heat, camera, () => new HeatGrid()).add(peak.box);
  }

  #addAnswer({ acknowledged, rejected, openedAt, severity }: StoredIncident): void {
    const first = firstOf(acknowledged, rejected);
    if (first === null) this.#unanswered[severity] += 1;
    // Clocks of people and cameras differ.
    else this.#answers[severity].push(Math.max(0, (first - Date.parse(openedAt)) / 1000));
  }

  #addEvidence({ evidence, openedAt }: StoredIncident): void {
    const sums = this.#sums.evidence;
    const day = sums.byDay[this.#dayOf(openedAt)];
    if (day && evidence.length > 0) day.incidents += 1;
    for (const { kind, bytes } of evidence) {
      sums.files += 1;
      sums.bytes += bytes;
      sums.bytesByKind[kind] = (sums.bytesByKind[kind] ?? 0) + bytes;
      if (day) day.bytes[kind] = (day.bytes[kind] ?? 0) + bytes;
    }
  }

  /** Where it is among the days of the period; -1: nowhere. */
  #dayOf(openedAt: Timestamp): number {
    return this.#period.days.indexOf(this.#calendar.day(Date.parse(openedAt)));
  }
}

/** 0 is the gravest. */
export function gravity(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** When somebody said something of it, epoch ms. */
function firstOf(...judgements: (Judgement | null)[]): number | null {
  const times = judgements.flatMap((judgement) => (judgement ? [Date.parse(judgement.at)] : []));
  return times.length === 0 ? null : Math.min(...times);
}

function timesOf(seconds: number[], unanswered: number): AnswerTimes {
  const sorted = seconds.toSorted((a, b) => a - b);
  return { answered: sorted.length, unanswered, medianS: quantile(sorted, 0.5), p90S: quantile(sorted, 0.9) };
}

/** Between the two nearest values, as spreadsheets do. @param sorted ascending. */
export function quantile(sorted: readonly number[], share: number): number | null {
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low === undefined || high === undefined ? null : low + (high - low) * (at - Math.floor(at));
}

function noCounts(): SeverityCounts {
  return bySeverity(() => 0);
}

function bySeverity<T>(of: (severity: Severity) => T): Record<Severity, T> {
  return { critical: of('critical'), high: of('high'), medium: of('medium'), low: of('low') };
}

function mostFirst(a: { incidents: number }, b: { incidents: number }): number {
  return b.incidents - a.incidents;
}

/** By the gravest incidents first, however many lesser ones there are. */
function worstFirst(a: CameraCount, b: CameraCount): number {
  for (const severity of SEVERITIES) {
    const difference = b.bySeverity[severity] - a.bySeverity[severity];
    if (difference !== 0) return difference;
  }
  return b.rejected - a.rejected || (a.camera < b.camera ? -1 : 1);
}

function getOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
