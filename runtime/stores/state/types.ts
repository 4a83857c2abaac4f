/**
 * The live state store: what the console, the command line and people look at. Written by state sinks (one
 * in the embedded kind), read by any number of other processes. Two kinds implement it, one suite checks both
 * (`compliance.ts`).
 *
 * Everything written is idempotent by itself, so that a replayed record changes nothing and no kind
 * needs more than an atomic batch. Times are ISO 8601 UTC with milliseconds, capture time.
 */
import type {
  CameraStatus,
  Coverage,
  Evidence,
  Feedback,
  Incident,
  IncidentState,
  Mute,
  Severity,
  Timestamp,
} from '../../messages/types.ts';
import type { Categories, CategoryFilter } from './categories.ts';

/** One camera as it was last heard of. Which cameras there ought to be is in `cameras.v1`, not here. */
export interface CameraLive {
  site: string;
  camera: string;
  status: CameraStatus | null;
  /** The newest interval that went through the rules, watched or not. */
  coverage: Coverage | null;
  /** End of the newest interval that was watched; see `isWatched`. */
  watchedTo: Timestamp | null;
  /** Null while there is no picture yet; `picture` returns its bytes. */
  picture: { captureTime: Timestamp; bytes: number } | null;
}

export interface Picture {
  captureTime: Timestamp;
  jpeg: Buffer;
}

/** An incident with what came later put in: evidence, judgements, mutes, labels. */
export interface StoredIncident extends Incident {
  /** Set by people, sorted. `hold` keeps the incident and its evidence from retention. */
  labels: string[];
  held: boolean;
}

export interface IncidentFilter extends CategoryFilter {
  /** Opened at or after. */
  from?: Timestamp;
  /** Opened before. */
  to?: Timestamp;
}

export interface IncidentQuery extends IncidentFilter {
  /** 1-500, default 50. */
  limit?: number;
  /** As a page before gave it. */
  cursor?: string;
}

export interface IncidentPage {
  /** Newest opening first. */
  incidents: StoredIncident[];
  /** Null on the last page. */
  cursor: string | null;
}

export interface IncidentCounts {
  total: number;
  byState: Record<IncidentState, number>;
  bySeverity: Record<Severity, number>;
}

export type StateChange =
  /** Of an epoch lower than the stored one: refused. */
  | { kind: 'status'; status: CameraStatus }
  /** The camera left the configuration: its live state goes, its history stays. */
  | { kind: 'camera_removed'; site: string; camera: string }
  | { kind: 'coverage'; coverage: Coverage }
  | { kind: 'picture'; site: string; camera: string; captureTime: Timestamp; jpeg: Buffer }
  /** Of a revision not higher than the stored one: refused. */
  | { kind: 'incident'; incident: Incident }
  /**
   * May come before its incident. One item a key; of a revision lower than the stored one: refused. Without
   * bytes: it could not be had or was removed, and is forgotten.
   */
  | { kind: 'evidence'; evidence: Evidence }
  /**
   * May come before its incident. `acknowledge` and `reject`: the newest `at` holds. `label`: the note
   * is the label; `hold` and `unhold` keep and release. `mute` and `unmute` carry the mute.
   */
  | { kind: 'feedback'; feedback: Feedback };

export interface ApplyResult {
  applied: number;
  /** Changes that were older than what is stored. */
  stale: number;
  /** The changes are in, but the store has lost something that it had before: see `Healing`. */
  behind: boolean;
}

/** How far a partition of a topic has been taken in. */
export interface Taken {
  topic: string;
  partition: number;
  /** Everything up to and with this has been applied. */
  offset: number;
  /** When the bus took that record, epoch ms: where reading again begins. */
  timestamp: number;
}

/** `after`: what the store must have taken before; -1 for nothing. */
export interface TakenNext extends Taken {
  after: number;
}

/**
 * Of a store whose server can lose what it acknowledged: emptied, restored from an older copy, failed over to a
 * replica that lagged. It remembers, beside the data and lost with it, how far each partition was taken in, and moves
 * on only from where it stands; so a loss shows for as long as it is not made good.
 */
export interface Healing {
  /** What every part of the store has taken; a partition that some part knows nothing of is not among them. */
  taken(): Promise<Taken[]>;
  /** Nothing is missing: who reads may rely on it. */
  confirm(): Promise<void>;
  /** Begins to make good: what is applied through it is history, and never replaces newer live state. */
  rebuild(): Promise<Rebuild>;
}

export interface Rebuild {
  /** @returns false when the store lost it all again: begin anew. */
  apply(changes: readonly StateChange[]): Promise<boolean>;
  /** Everything up to `taken` is in. @returns as `apply`. */
  end(taken: readonly Taken[]): Promise<boolean>;
}

/** Whether what is read can be relied on. */
export interface StoreHealth {
  /** `rebuilding`: it answers, but part of what it should know is missing yet. */
  state: 'ok' | 'rebuilding' | 'away';
  /** Error code while it is away. */
  reason: string | null;
  /** For people, without secrets. */
  detail: string | null;
}

/** Incidents that changed since a console last asked. */
export interface Changed {
  ids: string[];
  /** More than is remembered: any of them may have. */
  all: boolean;
  /** For the next call. */
  cursor: string;
}

export interface RetainOptions {
  /** Closed incidents that opened before this go with everything of theirs, unless held; coverage and mutes that ended before, too. */
  before: Timestamp;
}

export interface StateReader {
  /** Sorted by camera. */
  cameras(site: string): Promise<CameraLive[]>;
  camera(site: string, camera: string): Promise<CameraLive | undefined>;
  picture(site: string, camera: string): Promise<Picture | undefined>;
  incident(id: string): Promise<StoredIncident | undefined>;
  /** @throws BanksmanError USAGE for a cursor that no page gave. */
  incidents(query: IncidentQuery): Promise<IncidentPage>;
  counts(filter: IncidentFilter): Promise<IncidentCounts>;
  /**
   * Of each kind the values that there are, counted under the filters of the other kinds: what somebody who filters
   * may choose next. Kept with each change, so that asking costs the same however many incidents there are.
   */
  categories(filter: CategoryFilter): Promise<Categories>;
  /** Ids of the incidents that are held. */
  held(): Promise<Set<string>>;
  /** Mutes active at `at`, or with none given every mute that is known; the newest first. */
  mutes(at?: Timestamp): Promise<Mute[]>;
  /**
   * The whole of [from, to) as adjoining intervals, in order. What nobody recorded is not watched,
   * reason `no_record`.
   */
  coverage(site: string, camera: string, from: Timestamp, to: Timestamp): Promise<Coverage[]>;
  /** Never rejects. */
  health(): Promise<StoreHealth>;
  /**
   * What changed after `cursor`; null: from now on. Absent where the store tells nobody: then the topics say which
   * incidents to read again.
   */
  changed?(cursor: string | null): Promise<Changed>;
  close(): Promise<void>;
}

export interface StateStore extends StateReader {
  /**
   * Applies changes in order; durable when it resolves (pictures: kept over a crash of the process, not
   * of the machine). `taken`: how far the topics are taken in with them; only a store that heals keeps it.
   * @throws BanksmanError STORE_FULL, STORE_FAILED or REDIS_…; apply the same again later, whatever of it was applied.
   */
  apply(changes: readonly StateChange[], taken?: readonly TakenNext[]): Promise<ApplyResult>;
  /** @returns incidents removed. */
  retain(options: RetainOptions): Promise<number>;
  /** What of its server's settings may lose records, for people; empty: nothing. */
  advice?(): Promise<string[]>;
  /** Absent where nothing that was applied can be lost but with the machine's disk. */
  readonly healing?: Healing;
}

/**
 * Whether somebody looks at a camera now: its newest watched interval ended less than
 * `detectWithinS` seconds (the camera's smallest, in `cameras.v1`) ago.
 */
export function isWatched(camera: Pick<CameraLive, 'watchedTo'>, nowMs: number, detectWithinS: number): boolean {
  // Time to come is of a clock that was set back since.
  return camera.watchedTo !== null && Math.abs(nowMs - Date.parse(camera.watchedTo)) < detectWithinS * 1000;
}

/** Whether a mute silences messages about this incident at capture time `at`. */
export function muteApplies(
  mute: Mute,
  about: { camera: string; zone: string | null; rule: string },
  at: Timestamp,
): boolean {
  const t = Date.parse(at);
  return (
    (mute.camera === null || mute.camera === about.camera) &&
    (mute.zone === null || mute.zone === about.zone) &&
    (mute.rule === null || mute.rule === about.rule) &&
    Date.parse(mute.at) <= t &&
    t < Date.parse(mute.until)
  );
}
