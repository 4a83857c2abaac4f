/**
 * The values that travel on topics, as plain TypeScript types. No code and no zod here, so that a
 * camera process can import this for nothing; `schemas.ts` holds the checks that readers run.
 *
 * Times are ISO 8601 UTC with milliseconds (`runtime/time.ts` converts); durations end in their unit.
 * Coordinates are normalized 0-1 in the display picture, x right, y down.
 */

/** ISO 8601 UTC with milliseconds, e.g. `2026-11-21T20:04:11.240Z`. */
export type Timestamp = string;
/** `[x1, y1, x2, y2]`, normalized, x1 < x2 and y1 < y2. */
export type Box = [number, number, number, number];
/** `[x, y]`, normalized. */
export type Point = [number, number];
export type Polygon = Point[];

// ---------------------------------------------------------------- configuration (compacted)

export interface Schedule {
  /** Days on which it starts, 0 = Sunday … 6 = Saturday. */
  days: number[];
  /** Local wall time `HH:MM`; `to` ≤ `from` ends on the next day. Half-open: `from` is in, `to` is out. */
  from: string;
  to: string;
  /** IANA name. */
  timezone: string;
}

export interface Sampling {
  idle_fps: number;
  active_fps: number;
  width_px: number;
}

/** Motion gate on low-resolution luma. */
export interface MotionOptions {
  /** Share of the picture (0-1) that must change to open the gate. */
  open_share: number;
  /** Share under which the gate may close again. */
  close_share: number;
  /** Luma difference (0-255) at which a cell counts as changed, before the camera's own noise is added. */
  threshold: number;
  /** The gate stays open this long after the last motion. */
  hold_s: number;
}

/** How cleanup treats one class on one camera. */
export interface ClassFilter {
  /** High stage of association: a detection at or above it may start a track. */
  score: number;
  /** Low stage: a detection at or above it may keep a track alive. */
  low: number;
  /** Of the picture, 0-1. */
  min_area: number;
  max_area: number;
  /** Width over height. */
  min_aspect: number;
  max_aspect: number;
  /** Other values while a schedule is active. */
  during: { schedule: Schedule; score: number; low: number }[];
}

/** Value of `cameras.v1`: one camera, resolved, secrets as references. */
export interface CameraRecord {
  site: string;
  camera: string;
  configHash: string;
  /** Without user or password. */
  url: string;
  record_url: string | null;
  /** `${NAME}` or `{file: "/path"}` references are resolved at connect time by the owner; never the value itself. */
  username: SecretRef | null;
  password: SecretRef | null;
  transport: 'tcp' | 'udp';
  tls: { verify: boolean; ca_file: string | null };
  sampling: Sampling;
  motion: MotionOptions;
  /** Name of a model manifest. */
  model: string;
  /** `full` or crops at native resolution; the full picture goes out too. */
  regions: 'full' | Box[];
  zones: Record<string, Polygon>;
  lines: Record<string, [Point, Point]>;
  ignore_masks: Polygon[];
  privacy_masks: Polygon[];
  /** By class; `*` is the default. */
  filters: Record<string, ClassFilter>;
  /** Suppress boxes that appeared without arriving and then never move. */
  suppress_static: boolean;
  /** Smallest `detect_within_s` of the rules on this camera. */
  detect_within_s: number;
}

export type SecretRef = { env: string } | { file: string } | { text: string };

export type Severity = 'low' | 'medium' | 'high' | 'critical';
export type RuleType = 'zone_entry' | 'dwell' | 'line_crossing' | 'camera_offline';

/** Value of `rules.v1`: one rule, resolved; `cameras` lists every camera that it holds for. */
export interface RuleRecord {
  site: string;
  rule: string;
  configHash: string;
  type: RuleType;
  cameras: string[];
  /** Null: the whole picture. */
  zone: string | null;
  line: string | null;
  /** For line crossings: which way counts. */
  direction: 'in' | 'out' | 'both';
  classes: string[];
  /** Null: always. */
  schedule: Schedule | null;
  min_duration_s: number;
  dwell_s: number;
  hold_s: number;
  detect_within_s: number;
  cool_down_s: number;
  severity: Severity;
}

// ---------------------------------------------------------------- ingest

export type CameraState =
  | 'connecting'
  | 'idle'
  | 'active'
  | 'blind'
  | 'starved'
  | 'stalled'
  | 'backoff'
  | 'quarantined'
  | 'stopped';

/** Value of `camera.status.v1`. */
export interface CameraStatus {
  site: string;
  camera: string;
  epoch: number;
  agent: string;
  state: CameraState;
  /** Reason code of `runtime/errors.ts`, or null when all is well. */
  reason: string | null;
  /** What a person should read beside it: cause and mend, one line, without secrets. */
  detail: string | null;
  since: Timestamp;
  updatedAt: Timestamp;
  runId: string | null;
  watched: boolean;
  fps: { received: number; decoded: number; published: number };
  stream: { codec: string; profile: string | null; width: number; height: number } | null;
  /** Rate asked for by back-pressure when it is under `active_fps`. */
  limitedFps: number | null;
  media: { url: string } | null;
}

/** Value of `camera.owners.v1`, written by the coordinator. The record's offset is the owner's epoch. */
export interface CameraOwner {
  site: string;
  camera: string;
  agent: string;
  at: Timestamp;
}

/**
 * - `running`: takes cameras.
 * - `draining`: gives its cameras away, a few at a time, because a person asked for it.
 * - `leaving`: ends as soon as others have its cameras.
 * - `gone`: its last record.
 */
export type AgentState = 'running' | 'draining' | 'leaving' | 'gone';

/** Value of `agents.v1`: what an ingest agent says of itself, once a second. */
export interface AgentRecord {
  site: string;
  agent: string;
  /** Its wall clock when it said this. */
  at: Timestamp;
  /** Counts its records, from 0. */
  seq: number;
  state: AgentState;
  /** Whether it is the one that gives cameras to agents. */
  leads: boolean;
  /** CPU seconds a second that it can spend on cameras. */
  capacity: number;
  /** What it runs: under which epoch, and CPU seconds a second that it costs, null while not measured. */
  cameras: Record<string, { epoch: number; cpu: number | null }>;
}

/** Value of `agent.orders.v1`: what a person wants of an agent. */
export interface AgentOrder {
  site: string;
  agent: string;
  order: 'drain';
  by: string;
  at: Timestamp;
}

/** Value of `camera.attention.v1`: keep looking until then; the rate that the detectors can serve. */
export interface CameraAttention {
  site: string;
  camera: string;
  /** Capture time. */
  keepUntil: Timestamp;
  /** Null: no limit. */
  maxFps: number | null;
}

export type Purpose = 'live' | 'catchup' | 'heartbeat' | 'shadow';

/** What every frame and everything derived from it carries. Order within a camera is (epoch, runId, seq). */
export interface FrameMeta {
  site: string;
  camera: string;
  epoch: number;
  /** One uninterrupted RTSP session; sorts by time of its start. */
  runId: string;
  /** Counts published frames of the run from 0. */
  seq: number;
  captureTime: Timestamp;
  receiveTime: Timestamp;
  /** True where receive time had to stand in for capture time. */
  captureTimeEstimated: boolean;
  purpose: Purpose;
  width: number;
  height: number;
  /**
   * Native-resolution crops of the same picture, in the order of the value's JPEGs after the first.
   * The value of `frames.v1` is the full picture's JPEG followed by one JPEG a region;
   * `parts` gives each part's length in bytes.
   */
  regions: Box[];
  parts: number[];
}

export type ObservationKind = 'quiet' | 'starved' | 'blind';

/** Value of `observations.v1`. */
export interface Observation {
  site: string;
  camera: string;
  epoch: number;
  runId: string;
  /** `seq` of the last frame published before it, -1 when none was. */
  afterSeq: number;
  from: Timestamp;
  to: Timestamp;
  kind: ObservationKind;
  reason: string | null;
}

// ---------------------------------------------------------------- processors

/** Where a message lies on the bus. */
export interface Coordinates {
  topic: string;
  partition: number;
  /** Decimal, because Kafka's are 64-bit. */
  offset: string;
}

export interface ModelRef {
  id: string;
  sha256: string;
}

export interface Detection {
  class: string;
  /** 0-1. */
  score: number;
  box: Box;
}

/** Value of `detections.v1`: one record a published frame, empty ones too. */
export interface Detections extends Omit<FrameMeta, 'parts'> {
  frame: Coordinates;
  model: ModelRef;
  /** Score 0.1 and up. Empty when shed. */
  boxes: Detection[];
  /** Reason why nobody looked at the frame; null when somebody did. */
  shed: string | null;
}

export interface Track {
  /** Hash of site, camera and the coordinates of its first sample. */
  id: string;
  class: string;
  score: number;
  box: Box;
  /** Seconds of looked time since its first sample. */
  age: number;
  tentative: boolean;
  /** The object was not found on this sample; box and score are those of the last one. */
  coasting: boolean;
}

export type LookKind = 'looked' | 'quiet' | 'starved' | 'blind';

/** Value of `tracks.v1`: one record a detections or observations record, in the camera's own order. */
export interface Tracks {
  site: string;
  camera: string;
  epoch: number;
  runId: string;
  seq: number;
  kind: LookKind;
  reason: string | null;
  /** Of capture time; equal for a looked frame. */
  from: Timestamp;
  to: Timestamp;
  receiveTime: Timestamp;
  purpose: Purpose | null;
  frame: Coordinates | null;
  model: ModelRef | null;
  /**
   * The record that caused it, null for what cleanup concluded by itself (nothing came in time).
   * A reader drops a record whose source it has already applied.
   */
  source: Coordinates | null;
  /** Of a looked frame: those found on it. Else all that live, as they were last seen. */
  tracks: Track[];
  /** Of a looked frame: those that live and were not found on it, as they were last seen. */
  coasting: Track[];
  /** Boxes that cleanup took out, by reason. */
  rejected: Record<string, number>;
  /** Static false alarms, kept visible. */
  suppressed: Detection[];
}

/** Value of `coverage.v1`: an interval of capture time that went through the rules of a camera. */
export interface Coverage {
  site: string;
  camera: string;
  from: Timestamp;
  to: Timestamp;
  watched: boolean;
  /** Why not: `blind`, `starved`, `limited` with the reason behind a colon; null when watched. */
  reason: string | null;
}

// ---------------------------------------------------------------- incidents

export type Transition = 'opened' | 'updated' | 'unobserved' | 'closed';
export type IncidentState = 'open' | 'unobserved' | 'closed';
export type CloseReason = 'left' | 'schedule_end' | 'camera_lost' | 'rule_removed' | 'expired' | 'crossed';

export interface IncidentTrack {
  id: string;
  class: string;
  /** Highest seen. */
  score: number;
  firstSeen: Timestamp;
  lastSeen: Timestamp;
}

export interface IncidentPeak {
  captureTime: Timestamp;
  box: Box | null;
  frame: Coordinates | null;
}

export interface EvidenceItem {
  kind: EvidenceKind;
  key: string;
  sha256: string;
  bytes: number;
}

export interface Judgement {
  by: string;
  note: string | null;
  at: Timestamp;
}

/** Value of `incidents.v1`: one record a transition. `(id, revision)` is unique and stable under replay. */
export interface Incident {
  id: string;
  revision: number;
  transition: Transition;
  state: IncidentState;
  site: string;
  camera: string;
  rule: string;
  type: RuleType;
  severity: Severity;
  zone: string | null;
  line: string | null;
  /** For line crossings. */
  direction: 'in' | 'out' | null;
  openedAt: Timestamp;
  updatedAt: Timestamp;
  closedAt: Timestamp | null;
  closeReason: CloseReason | null;
  /** Why nobody can see it, while `unobserved`. */
  unobservedReason: string | null;
  peopleMax: number;
  tracks: IncidentTrack[];
  peak: IncidentPeak;
  model: ModelRef | null;
  configHash: string;
  muted: boolean;
  acknowledged: Judgement | null;
  rejected: Judgement | null;
  evidence: EvidenceItem[];
}

export type EvidenceKind = 'snapshot' | 'annotated' | 'clip' | 'record';

/** Value of `evidence.v1`. */
export interface Evidence {
  incident: string;
  site: string;
  camera: string;
  revision: number;
  kind: EvidenceKind;
  key: string;
  sha256: string;
  bytes: number;
  from: Timestamp;
  to: Timestamp;
  complete: boolean;
  /** Reason code where it is not complete. */
  reason: string | null;
}

export interface Mute {
  id: string;
  camera: string | null;
  zone: string | null;
  rule: string | null;
  until: Timestamp;
  reason: string;
  by: string;
  at: Timestamp;
}

/** Value of `feedback.v1`. */
export interface Feedback {
  id: string;
  /** Null for mutes. */
  incident: string | null;
  site: string;
  camera: string | null;
  action: 'acknowledge' | 'reject' | 'label' | 'mute' | 'unmute';
  by: string;
  note: string | null;
  at: Timestamp;
  mute: Mute | null;
}

// ---------------------------------------------------------------- plumbing

/** Value of `processor-state.v1`: state of one processor for one camera. */
export interface ProcessorState {
  processor: string;
  site: string;
  camera: string;
  configHash: string;
  /** Offset of the last record that the state covers, by input topic (decimal). */
  covered: Record<string, string>;
  state: unknown;
}

/** Value of `dead-letters.v1`; the message itself is base64. */
export interface DeadLetter {
  source: Coordinates;
  key: string;
  headers: Record<string, string>;
  valueBase64: string;
  reason: string;
  detail: string;
  at: Timestamp;
}

/** The last edit of the site file was refused; the configuration before it is active. */
export interface RefusedEdit {
  at: Timestamp;
  /** For people, several lines. */
  why: string;
}
