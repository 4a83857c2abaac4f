import type { Producer } from '../runtime/bus/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import { encodeJson } from '../runtime/messages/codec.ts';
import { cameraKey, TOPICS } from '../runtime/messages/topics.ts';
import type { CameraState, CameraStatus, Observation } from '../runtime/messages/types.ts';
import type { Labels, Metrics } from '../runtime/metrics.ts';
import { toTimestamp } from '../runtime/time.ts';
import { nextRunId, type Progress } from './ipc.ts';

export interface ReporterOptions {
  site: string;
  camera: string;
  epoch: number;
  agent: string;
  /** Of the camera's media; null: there is none. Default null. */
  media?: string | null;
  producer: Producer;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
}

type Facts = Pick<CameraStatus, 'fps' | 'stream' | 'runId' | 'limitedFps'>;

/** A state that flickers is not published more often. */
const CHANGE_INTERVAL_MS = 200;
const REFRESH_INTERVAL_MS = 5_000;
const FACTS_INTERVAL_MS = 1_000;
const BLIND_INTERVAL_MS = 1_000;
/** The wall clock was set back by more than this: intervals begin anew. */
const STEP_MS = 1_000;
const NO_FACTS: Facts = { fps: { received: 0, decoded: 0, published: 0 }, stream: null, runId: null, limitedFps: null };

/**
 * What the agent says about one camera: its status, and `blind` intervals while no process accounts
 * for its time. Nothing queues: while a record is under way the next one waits, and takes in what came.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  #state: CameraState = 'connecting';
  #reason: string | null = null;
  #detail: string | null = null;
  #sinceMs: number;
  #facts: Facts = NO_FACTS;
  #watched = false;
  #warning: { reason: string; detail: string | null } | null = null;
  #changed = true;
  #factsChanged = false;
  #publishedAt = Number.NEGATIVE_INFINITY;
  #sendingStatus: Promise<void> | null = null;
  /** Up to where time is accounted for, and by which run. */
  #covered: Progress;
  #sendingBlind = false;
  #failedSends = 0;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#sinceMs = options.clock.now();
    this.#covered = { runId: nextRunId(null, this.#sinceMs), seq: -1, toMs: this.#sinceMs };
  }

  get state(): CameraState {
    return this.#state;
  }

  get lastRunId(): string {
    return this.#covered.runId;
  }

  set(state: CameraState, reason: string | null, detail: string | null, facts: Facts = NO_FACTS): void {
    if (JSON.stringify(facts) !== JSON.stringify(this.#facts)) {
      this.#facts = facts;
      this.#factsChanged = true;
    }
    if (detail !== this.#detail) {
      this.#detail = detail;
      this.#factsChanged = true;
    }
    if (state === this.#state && reason === this.#reason) return;
    this.#removeMetric();
    const level = levelOf(state, reason, this.#reason);
    this.#options.log[level]({ camera: this.#options.camera, state, code: reason, detail }, 'camera state');
    this.#state = state;
    this.#reason = reason;
    this.#sinceMs = this.#options.clock.now();
    this.#changed = true;
    this.#setMetric();
  }

  setWatched(watched: boolean): void {
    if (watched === this.#watched) return;
    this.#watched = watched;
    this.#changed = true;
  }

  /** Something is wrong that does not keep the camera from working. Null: no more. */
  warn(reason: string | null, detail: string | null): void {
    if (reason === this.#warning?.reason || (reason === null && !this.#warning)) return;
    this.#warning = reason === null ? null : { reason, detail };
    this.#changed = true;
    const { log, camera } = this.#options;
    if (reason === null) log.info({ camera }, 'camera is well again');
    else log.warn({ camera, code: reason, detail }, 'camera');
  }

  /** A process has published up to here. */
  account(progress: Progress): void {
    this.#covered = progress;
  }

  /** @param isBlind whether no process accounts for the camera's time now. */
  tick(isBlind: boolean): void {
    const { clock } = this.#options;
    const since = clock.monotonic() - this.#publishedAt;
    const due =
      (this.#changed && since >= CHANGE_INTERVAL_MS) ||
      (this.#factsChanged && since >= FACTS_INTERVAL_MS) ||
      since >= REFRESH_INTERVAL_MS;
    if (due && !this.#sendingStatus) void this.#publishStatus();
    if (isBlind) this.#publishBlind(BLIND_INTERVAL_MS);
  }

  /** Publishes the state as it is now, after whatever is under way. */
  async flush(): Promise<void> {
    await this.#sendingStatus;
    await this.#publishStatus();
  }

  /** The camera is in the configuration no more: removes what compacted topics keep of it. */
  async remove(): Promise<void> {
    const { site, camera, producer } = this.#options;
    await this.#sendingStatus;
    await producer.send(TOPICS.status.name, { key: cameraKey(site, camera), value: null });
    this.release();
  }

  /** The camera is another's: says no more of it. */
  release(): void {
    this.#removeMetric();
  }

  #setMetric(): void {
    this.#options.metrics.set('camera_state', 1, this.#labels());
  }

  #removeMetric(): void {
    this.#options.metrics.remove('camera_state', this.#labels());
  }

  #labels(): Labels {
    return { camera: this.#options.camera, state: this.#state, reason: this.#reason ?? '' };
  }

  async #publishStatus(): Promise<void> {
    const { site, camera, epoch, agent, media = null, clock } = this.#options;
    this.#changed = false;
    this.#factsChanged = false;
    this.#publishedAt = clock.monotonic();
    this.#setMetric();
    const status: CameraStatus = {
      ...{ site, camera, epoch, agent },
      state: this.#state,
      reason: this.#reason ?? this.#warning?.reason ?? null,
      detail: this.#reason === null && this.#warning ? this.#warning.detail : this.#detail,
      since: toTimestamp(this.#sinceMs),
      updatedAt: toTimestamp(clock.now()),
      watched: this.#watched,
      ...this.#facts,
      // Of a camera that stopped there is none, whoever reads the record afterwards.
      media: media === null || this.#state === 'stopped' ? null : { url: media },
    };
    const sending = this.#send(TOPICS.status.name, status).then((sent) => {
      if (!sent) this.#changed = true;
      this.#sendingStatus = null;
    });
    this.#sendingStatus = sending;
    await sending;
  }

  #publishBlind(intervalMs: number): void {
    const { site, camera, epoch, clock } = this.#options;
    const now = clock.now();
    if (now < this.#covered.toMs - STEP_MS) {
      this.#covered = { runId: nextRunId(this.#covered.runId, now), seq: -1, toMs: now };
    }
    if (this.#sendingBlind || now - this.#covered.toMs < intervalMs) return;
    const { runId, seq, toMs } = this.#covered;
    const observation: Observation = {
      ...{ site, camera, epoch, runId },
      afterSeq: seq,
      from: toTimestamp(toMs),
      to: toTimestamp(now),
      kind: 'blind',
      reason: this.#reason ?? 'connecting',
    };
    this.#sendingBlind = true;
    void this.#send(TOPICS.observations.name, observation).then((sent) => {
      this.#sendingBlind = false;
      // Said again, longer, when the bus did not take it.
      if (sent && this.#covered.runId === runId && this.#covered.toMs === toMs)
        this.#covered = { runId, seq, toMs: now };
    });
  }

  /** @returns whether the bus took it. One that is gone for good ends the role by itself. */
  async #send(topic: string, value: CameraStatus | Observation): Promise<boolean> {
    const { site, camera, producer, log } = this.#options;
    try {
      await producer.send(topic, { key: cameraKey(site, camera), value: encodeJson(value) });
      this.#failedSends = 0;
      return true;
    } catch (error) {
      if (this.#failedSends++ === 0) log.error({ camera, topic, err: error }, 'cannot publish');
      return false;
    }
  }
}

/** Idle and active follow one another all day; what goes wrong, and that it is over, people must know. */
function levelOf(
  state: CameraState,
  reason: string | null,
  before: string | null,
): 'error' | 'warn' | 'info' | 'debug' {
  if (state === 'quarantined') return 'error';
  if (reason !== null) return reason === before ? 'debug' : 'warn';
  return before === null ? 'debug' : 'info';
}
