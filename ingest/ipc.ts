import type { BusAddress } from '../runtime/bus/open.ts';
import type { ErrorCode } from '../runtime/errors.ts';
import type { CameraRecord, CameraState, CameraStatus } from '../runtime/messages/types.ts';
import type { Labels, MetricName } from '../runtime/metrics.ts';

/**
 * What the ingest agent and a camera process say to each other over Node's IPC channel (JSON).
 *
 * One process lives for one RTSP session. The agent does the preflight and owns reconnection; it
 * forks a process only once DESCRIBE has answered, sends `configure`, and the process plays that
 * stream until the session ends, says `ended` and exits 0. The next session is a new process.
 *
 * - The first message is `configure`. Later ones carry changes that apply live (zones, masks,
 *   sampling, motion, regions, model): `epoch`, `session`, `credentials` are then those of the start.
 *   A change of URL, transport, TLS or credentials never arrives: the agent starts a new process.
 * - `stop`: publish what is due, leave the session, exit 0 within 3 s, without `ended`.
 * - `decode_error`: the decoder wrote an error. It conceals what it cannot decode with what was there
 *   before and says so nowhere but in GStreamer's log, which goes to standard error: the agent reads it.
 * - `live`: whether somebody watches the camera's live video, which goes through the pipe LIVE_FD (`media/wire.ts`).
 * - The channel closing means that the agent is gone: exit within 2 s.
 * - A process that says nothing (no `heartbeat`) for 10 s is killed.
 */
export type AgentToCamera =
  | ConfigureMessage
  | { type: 'stop' }
  | { type: 'decode_error' }
  | { type: 'live'; on: boolean };

/** File descriptor of a camera process: behind it is the agent. Nothing but live video goes through it. */
export const LIVE_FD = 4;

export interface ConfigureMessage {
  type: 'configure';
  camera: CameraRecord;
  epoch: number;
  /** Id of the agent, for records that name it. */
  agent: string;
  busAddress: BusAddress;
  session: SessionPlan;
  /** Resolved secrets of the camera. Never logged, never in a message but this one. */
  credentials: Credentials | null;
  /** Run id of the session before, so that the new one sorts after it; see `nextRunId`. */
  lastRunId: string | null;
  /** Share of the traces that are sampled; null: no traces. */
  sampleRatio: number | null;
}

export interface Credentials {
  username: string;
  password: string;
}

/** What preflight learnt from DESCRIBE: enough to choose a pipeline. */
export interface SessionPlan {
  codec: VideoCodec;
  /** e.g. `High`, `Constrained Baseline`; null when the SDP does not say. */
  profile: string | null;
  /** Display size in pixels, null when the SDP carries no parameter sets. */
  width: number | null;
  height: number | null;
  /** From the VUI, null when not said. */
  fps: number | null;
  /** Pictures held back for reordering: over 0 means B-frames. Null: unknown. */
  reorderDepth: number | null;
  /** Audio and metadata tracks that must not be set up. */
  otherTracks: string[];
}

/** Codecs with a pipeline. Whatever else DESCRIBE names ends in RTSP_UNSUPPORTED_CODEC. */
export type VideoCodec = 'h264';

export type CameraToAgent = StatusMessage | HeartbeatMessage | MetricsMessage | EndedMessage;

/** On every change of state or reason, and at most once a second for the rates. */
export interface StatusMessage {
  type: 'status';
  state: Extract<CameraState, 'connecting' | 'idle' | 'active' | 'blind' | 'starved' | 'stalled'>;
  reason: string | null;
  detail: string | null;
  fps: CameraStatus['fps'];
  stream: CameraStatus['stream'];
  runId: string | null;
  limitedFps: number | null;
}

/**
 * At once at the first access unit, then at least once a second, and right before `ended`.
 * `progress` says how far the process has accounted for time on the bus. Until the first progress and
 * after the end of the process the agent publishes `blind` intervals itself, so that there is no gap.
 */
export interface HeartbeatMessage {
  type: 'heartbeat';
  /** Null until the first access unit. */
  progress: Progress | null;
}

export interface Progress {
  runId: string;
  /** `seq` of the last frame published, -1 when none. */
  seq: number;
  /** Capture time up to which frames and observations were published, epoch ms. */
  toMs: number;
}

/** Since the last message of this kind; about once a second. Labels without `camera`, which the agent adds. */
export interface MetricsMessage {
  type: 'metrics';
  /** Increments. */
  counters: MetricSample[];
  /** Values now. */
  gauges: MetricSample[];
  /** Single observations of histograms. */
  samples: MetricSample[];
}

export type MetricSample = [name: MetricName, labels: Labels, value: number];

/** The last message of a process whose session ended without `stop`. */
export interface EndedMessage {
  type: 'ended';
  /** RTSP_ENDED, RTSP_STALLED, RTSP_REFUSED, … */
  reason: ErrorCode;
  /** One line for people, without secrets. */
  detail: string;
  /** Whether any access unit came: resets the back-off. */
  played: boolean;
}

export const HEARTBEAT_MS = 1_000;
export const HEARTBEAT_LIMIT_MS = 10_000;

/**
 * Run ids sort as text by the time of their start, and after `previous` even when the wall clock
 * was set back.
 * @param random injected for tests: keeps two agents' ids apart.
 */
export function nextRunId(previous: string | null, nowMs: number, random: () => number = Math.random): string {
  const before = previous === null ? 0 : Number.parseInt(previous.slice(0, RUN_TIME_DIGITS), 36);
  const at = Math.max(Math.trunc(nowMs), Number.isFinite(before) ? before + 1 : 0);
  const salt = Math.trunc(random() * 36 ** 4)
    .toString(36)
    .padStart(4, '0');
  return `${at.toString(36).padStart(RUN_TIME_DIGITS, '0')}${salt}`;
}

/** Base-36 digits of epoch milliseconds until the year 5188. */
const RUN_TIME_DIGITS = 9;
