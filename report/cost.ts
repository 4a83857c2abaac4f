/** What keeping evidence costs, now and in the long run. Pure. */
import type { Prices } from '../config/schema_prices.ts';
import type { EvidenceKind } from '../runtime/messages/types.ts';
import { daysKept, type RetentionLimits } from '../sinks/evidence/limits.ts';
import type { DayEvidence } from './tally.ts';

const DAY = 86_400_000;
/** Of every price, here as on the boards. */
const MONTH_DAYS = 30;
const GB = 1e9;
/** A pace that was measured over less is chance. */
const LEAST_MEASURED_MS = DAY;

export const EVIDENCE_KINDS = ['snapshot', 'annotated', 'clip', 'record'] as const satisfies readonly EvidenceKind[];

/** What the site file says of it. */
export interface StorageTerms {
  retention: RetentionLimits;
  /** Null: nobody said what anything costs. */
  prices: Prices | null;
}

/** In the currency of the prices; null without any. */
type Money = number | null;

export interface Kept {
  bytes: number;
  /** For 30 days. */
  aMonth: Money;
}

export interface KeptIncident extends Kept {
  /** For as long as retention keeps each of its files. */
  inAll: Money;
}

export interface LongRun extends Kept {
  /** Of the period, over which the pace was measured: what came before may be gone by now, or nobody was there. */
  measuredMs: number;
  /** More comes than may be kept: `max_bytes` is what will lie there. */
  full: boolean;
}

export interface StorageSums extends StorageTerms {
  /** Of the incidents of the period, as it lies there now. */
  ofPeriod: Kept;
  /** The mean of those of which all is still there; null: there is none. */
  ofIncident: KeptIncident | null;
  /** Once retention removes as much as comes, at the pace of the period; null: too little of it can be measured. */
  inTheLongRun: LongRun | null;
}

/** A day of the period: epoch ms, and what was stored of incidents that opened in it. */
export interface CountedDay extends DayEvidence {
  from: number;
  to: number;
}

/**
 * @param days of the period, in order.
 * @param since epoch ms from which on there is a record: before, nobody was there.
 * @param now when what is stored was read.
 */
export function storageOf(
  days: readonly CountedDay[],
  { since, now }: { since: number; now: number },
  terms: StorageTerms,
): StorageSums {
  const bytes = sum(days.map((day) => sum(EVIDENCE_KINDS.map((kind) => day.bytes[kind] ?? 0))));
  const paces = EVIDENCE_KINDS.flatMap((kind) => {
    const keptMs = daysKept(kind, terms.retention) * DAY;
    // What is not kept at all takes nothing, and has no pace.
    if (keptMs === 0) return [];
    const whole = days.filter(({ from, to }) => from >= now - keptMs && to > since);
    return {
      kind,
      keptMs,
      bytes: sum(whole.map((day) => day.bytes[kind] ?? 0)),
      incidents: sum(whole.map(({ incidents }) => incidents)),
      measuredMs: sum(whole.map(({ from, to }) => to - Math.max(from, since))),
    };
  });
  return {
    ...terms,
    ofPeriod: keep(bytes, terms),
    ofIncident: ofIncident(paces, terms),
    inTheLongRun: longRun(paces, terms),
  };
}

/** What the files of one incident cost. */
export function storageOfFiles(
  files: readonly { kind: EvidenceKind; bytes: number }[],
  terms: StorageTerms,
): KeptIncident {
  const months = files.map(({ kind, bytes }) => (bytes * daysKept(kind, terms.retention)) / MONTH_DAYS);
  return { ...keep(sum(files.map(({ bytes }) => bytes)), terms), inAll: price(sum(months), terms) };
}

interface Pace {
  kind: EvidenceKind;
  keptMs: number;
  bytes: number;
  incidents: number;
  measuredMs: number;
}

function ofIncident(paces: readonly Pace[], terms: StorageTerms): KeptIncident | null {
  if (paces.length === 0 || paces.some(({ incidents }) => incidents === 0)) return null;
  return storageOfFiles(
    paces.map(({ kind, bytes, incidents }) => ({ kind, bytes: bytes / incidents })),
    terms,
  );
}

function longRun(paces: readonly Pace[], terms: StorageTerms): LongRun | null {
  const measuredMs = Math.min(...paces.map((pace) => pace.measuredMs));
  if (paces.length === 0 || measuredMs < LEAST_MEASURED_MS) return null;
  const bytes = sum(paces.map((pace) => (pace.bytes / pace.measuredMs) * pace.keptMs));
  const { max_bytes: most } = terms.retention;
  return { ...keep(Math.min(bytes, most), terms), measuredMs, full: bytes > most };
}

function keep(bytes: number, terms: StorageTerms): Kept {
  return { bytes, aMonth: price(bytes, terms) };
}

function price(bytes: number, { prices }: StorageTerms): Money {
  return prices && (bytes / GB) * prices.storage_gb_month;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
