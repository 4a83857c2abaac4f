/** `record.json`: what is known of an incident, and the checksum of everything that lies beside it. */
import type {
  Box,
  Coordinates,
  EvidenceItem,
  EvidenceKind,
  Incident,
  IncidentState,
  Timestamp,
  Track,
  Transition,
} from '../../runtime/messages/types.ts';
import { sameCoordinates } from './frames.ts';
import { configKey } from './keys.ts';

export const RECORD_FORMAT = 'banksman.evidence.v1';

export interface RecordFile extends EvidenceItem {
  /** Of the incident, when it was written. */
  revision: number;
  codec: 'jpeg';
  /** Of the picture itself; an annotated one has a strip below. Null where it could not be decoded. */
  width: number | null;
  height: number | null;
  /** Capture span. */
  from: Timestamp;
  to: Timestamp;
  frame: Coordinates;
}

export interface RecordTransition {
  revision: number;
  transition: Transition;
  state: IncidentState;
  at: Timestamp;
  /** `closeReason` or `unobservedReason`. */
  reason: string | null;
  peopleMax: number;
  /** Wall time of our own. */
  storedAt: Timestamp;
}

export interface RecordDetection {
  track: string;
  class: string;
  score: number;
  box: Box;
  tentative: boolean;
  /** Of this incident. */
  subject: boolean;
}

/** What the picture shows and where its time comes from. */
export interface RecordPicture {
  frame: Coordinates;
  captureTime: Timestamp;
  /** Receive time had to stand in for capture time. */
  captureTimeEstimated: boolean;
  receiveTime: Timestamp | null;
  /** Everybody who was tracked on it; null when that was no longer known. */
  detections: RecordDetection[] | null;
}

/** Evidence that ought to be there and could not be had. */
export interface RecordMissing {
  kind: EvidenceKind | 'config';
  reason: string;
  revision: number;
  /** For pictures. */
  frame: Coordinates | null;
  /** For configurations. */
  hash: string | null;
}

export interface EvidenceRecord {
  format: typeof RECORD_FORMAT;
  /** As of its last transition, with `evidence` filled in. */
  incident: Incident;
  transitions: RecordTransition[];
  files: RecordFile[];
  picture: RecordPicture | null;
  /** Keys of the configurations that held, by what they are of; null when it is not known. */
  config: { rule: string | null; camera: string | null };
  software: { name: 'banksman'; version: string };
  missing: RecordMissing[];
}

/** Transitions kept in a record: the first one and the newest; an incident of a day may have thousands. */
const MAX_TRANSITIONS = 1000;
const MAX_MISSING = 100;

/** @returns undefined for bytes that are no record of ours. */
export function parseRecord(bytes: Buffer | undefined): EvidenceRecord | undefined {
  if (!bytes) return undefined;
  try {
    const value: Partial<EvidenceRecord> | null = JSON.parse(bytes.toString('utf8'));
    const whole =
      value?.format === RECORD_FORMAT &&
      Number.isSafeInteger(value.incident?.revision) &&
      Array.isArray(value.transitions) &&
      Array.isArray(value.files) &&
      Array.isArray(value.missing);
    return whole ? (value as EvidenceRecord) : undefined;
  } catch {
    return undefined;
  }
}

export function encodeRecord(record: EvidenceRecord): Buffer {
  return Buffer.from(`${JSON.stringify(record, null, 2)}\n`);
}

export interface RecordChange {
  incident: Incident;
  storedAt: Timestamp;
  version: string;
  /** New pictures; undefined: those before stay. */
  pictures?: { files: RecordFile[]; picture: RecordPicture };
  config: EvidenceRecord['config'];
  missing: RecordMissing[];
}

/** The record after one more transition. */
export function nextRecord(before: EvidenceRecord | undefined, change: RecordChange): EvidenceRecord {
  const { incident, storedAt, version, pictures, config } = change;
  const files = pictures?.files ?? before?.files ?? [];
  return {
    format: RECORD_FORMAT,
    incident: { ...incident, evidence: itemsOf(files) },
    transitions: keepNewest([...(before?.transitions ?? []), transitionOf(incident, storedAt)]),
    files,
    picture: pictures?.picture ?? before?.picture ?? null,
    config: { rule: config.rule ?? before?.config.rule ?? null, camera: before?.config.camera ?? config.camera },
    software: { name: 'banksman', version },
    missing: [...(before?.missing ?? []), ...change.missing].slice(-MAX_MISSING),
  };
}

/**
 * One of two records of an incident that were written apart from each other, as when its store was away from
 * one of two writers: what either knows, each transition once. Pictures come from one of them as a whole:
 * the newer ones, of equally new ones mine.
 */
export function mergeRecords(mine: EvidenceRecord, theirs: EvidenceRecord): EvidenceRecord {
  const [older, newer] = mine.incident.revision < theirs.incident.revision ? [mine, theirs] : [theirs, mine];
  const { files, picture } = newestOf(theirs) > newestOf(mine) ? theirs : mine;
  const transitions = new Map<number, RecordTransition>();
  // Of one that both have, the one that was stored first.
  for (const one of [...mine.transitions, ...theirs.transitions].sort(byStoring).reverse()) {
    transitions.set(one.revision, one);
  }
  const config = {
    rule: newer.config.rule ?? older.config.rule,
    camera: older.config.camera ?? newer.config.camera,
  };
  const missing = new Map(
    [...older.missing, ...newer.missing]
      .filter((one) => !isThere(one, files, config.rule))
      .map((one) => [`${one.kind} ${one.revision} ${one.reason}`, one]),
  );
  return {
    ...newer,
    incident: { ...newer.incident, evidence: itemsOf(files) },
    transitions: keepNewest([...transitions.values()].sort((a, b) => a.revision - b.revision)),
    files,
    picture,
    config,
    missing: [...missing.values()].slice(-MAX_MISSING),
  };
}

function newestOf({ files }: EvidenceRecord): number {
  return Math.max(-1, ...files.map(({ revision }) => revision));
}

function byStoring(a: RecordTransition, b: RecordTransition): number {
  return a.storedAt < b.storedAt ? -1 : a.storedAt > b.storedAt ? 1 : 0;
}

/** What one writer could not have, the other one has. */
function isThere({ kind, frame, hash }: RecordMissing, files: readonly RecordFile[], rule: string | null): boolean {
  if (kind === 'config') return hash !== null && rule === configKey(hash);
  return files.some((file) => file.kind === kind && sameCoordinates(file.frame, frame));
}

function itemsOf(files: readonly RecordFile[]): EvidenceItem[] {
  return files.map(({ kind, key, sha256, bytes }) => ({ kind, key, sha256, bytes }));
}

function keepNewest(transitions: RecordTransition[]): RecordTransition[] {
  if (transitions.length > MAX_TRANSITIONS) transitions.splice(1, transitions.length - MAX_TRANSITIONS);
  return transitions;
}

function transitionOf(incident: Incident, storedAt: Timestamp): RecordTransition {
  const { revision, transition, state, updatedAt, closeReason, unobservedReason, peopleMax } = incident;
  return { revision, transition, state, at: updatedAt, reason: closeReason ?? unobservedReason, peopleMax, storedAt };
}

/** Whose boxes these are, as the record has them. */
export function detectionsOf(incident: Incident, tracks: readonly Track[]): RecordDetection[] {
  const subjects = new Set(incident.tracks.map(({ id }) => id));
  return tracks.map(({ id, class: name, score, box, tentative }) => ({
    track: id,
    class: name,
    score,
    box,
    tentative,
    subject: subjects.has(id),
  }));
}

/** Why the evidence is not whole as it stands; null when it is. */
export function whatLacks({ files, missing, config }: EvidenceRecord): string | null {
  const lacking = missing.findLast(({ kind }) =>
    kind === 'config' ? config.rule === null : files.every((file) => file.kind !== kind),
  );
  return lacking?.reason ?? null;
}
