import { type BusAddress, lean } from '../runtime/bus/open.ts';
import type { Clock } from '../runtime/clock.ts';
import { asError, BanksmanError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { CameraRecord } from '../runtime/messages/types.ts';
import { METRICS, type Metrics } from '../runtime/metrics.ts';
import { type CameraCommand, CameraProcess, type Outcome } from './camera_process.ts';
import type { CameraToAgent, ConfigureMessage, Credentials, MetricSample, SessionPlan } from './ipc.ts';
import type { Lockout } from './lockout.ts';
import type { CameraMedia } from './media/camera_media.ts';
import { CpuCost } from './owners/cost.ts';
import { RestartBudget, reconnectDelayMs } from './reconnect.ts';
import type { Reporter } from './reporter.ts';
import { preflight } from './rtsp/preflight.ts';
import { resolveCredentials } from './secrets.ts';
import type { Starts } from './starts.ts';

export interface RunnerOptions {
  record: CameraRecord;
  epoch: number;
  agent: string;
  busAddress: BusAddress;
  command: CameraCommand;
  reporter: Reporter;
  /** Null: nobody can watch it live. */
  media: CameraMedia | null;
  lockout: Lockout;
  /** Shared by all cameras of the agent. */
  starts: Starts;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
  /** 0-1. */
  random: () => number;
  preflightTimeoutMs: number;
  heartbeatLimitMs: number;
  /** Of traces; null: none. */
  sampleRatio: number | null;
}

interface Session {
  plan: SessionPlan;
  credentials: Credentials | null;
}

/** Looks again whether a secret was changed in its file, or the six hours are over. */
const QUARANTINE_LOOK_MS = 30_000;
/** A session that broke so soon counts as short. */
const SHORT_SESSION_MS = 5_000;

/**
 * Keeps one camera connected: preflight, a process for each session, and what to do after each end.
 * Its states but those of a live session are set here.
 */
export class CameraRunner {
  readonly #options: RunnerOptions;
  #record: CameraRecord;
  #process: CameraProcess | null = null;
  #processesStarted = 0;
  /** Aborts whatever is waited for: something changed. */
  #interrupt = new AbortController();
  #stopping = false;
  #restartAsked = false;
  #running: Promise<void> = Promise.resolve();
  /** What the process that plays now was given. */
  #session: Session | null = null;
  /** The next attempt is a person's wish. */
  #forgiveNext = false;
  #inQuarantine = false;
  /** The restart budget is. */
  #isSpent = false;
  readonly #budget = new RestartBudget();
  readonly #cost = new CpuCost();
  /** Monotonic; null while a session plays. */
  #outageSince: number | null = null;
  #shortSessions = 0;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#record = options.record;
  }

  get record(): CameraRecord {
    return this.#record;
  }

  /** CPU seconds a second, to the millisecond; null while it was not measured. */
  get cpu(): number | null {
    return this.#cost.value === null ? null : Math.round(this.#cost.value * 1_000) / 1_000;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** @param delayMs so that a fleet does not connect in one moment. */
  start(delayMs: number): void {
    this.#running = this.#run(delayMs).catch((error: unknown) => {
      this.#options.log.error({ camera: this.#record.camera, err: error }, 'camera runner failed');
      this.#options.reporter.set('quarantined', 'INTERNAL', asError(error).message);
    });
  }

  /** Applies a changed record: live where a process can, else with a new session. */
  update(record: CameraRecord): void {
    const before = this.#record;
    this.#record = record;
    this.#options.media?.configure(record);
    if (sessionOf(before) === sessionOf(record)) {
      if (this.#session) this.#process?.configure(this.#configureMessage(this.#session));
      if (this.#isSpent) this.retry();
      return;
    }
    this.#forgiveNext = true;
    this.#restart();
  }

  /** A person asks for another attempt, whatever was refused before. */
  retry(): void {
    this.#forgiveNext = true;
    this.#wake();
  }

  /** Looks again at once: something that it may wait for has changed. */
  look(): void {
    if (this.#inQuarantine) this.#wake();
  }

  tick(): void {
    this.#process?.check();
    this.#options.reporter.tick(!this.#stopping && !this.#process?.progress);
  }

  /** Ends the process and says `stopped`. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#restart();
    await this.#running;
    this.#options.media?.close();
    this.#options.reporter.set('stopped', null, null);
  }

  async #run(delayMs: number): Promise<void> {
    await this.#sleep(delayMs);
    while (!this.#stopping) {
      this.#restartAsked = false;
      const session = await this.#connect();
      if (!session || this.#stopping || this.#restartAsked) continue;
      this.#session = session;
      await this.#play(session);
    }
  }

  /** @returns null when it failed, after the wait that follows a failure. */
  async #connect(): Promise<Session | null> {
    const record = this.#record;
    const { lockout, preflightTimeoutMs, clock } = this.#options;
    if (this.#outageSince === null) {
      this.#outageSince = clock.monotonic();
      this.#options.reporter.set('connecting', null, null);
    }
    let credentials: Credentials | null = null;
    const { signal } = this.#interrupt;
    try {
      credentials = await resolveCredentials(record);
      if (this.#forgiveNext) {
        this.#forgiveNext = false;
        await lockout.forgive(record.url, credentials);
      }
      return await lockout.inTurn(record.url, credentials, async () => {
        if (!(await lockout.mayTry(record.url, credentials))) throw new BanksmanError('RTSP_UNAUTHORIZED');
        const options = { url: record.url, credentials, tls: record.tls, timeoutMs: preflightTimeoutMs, signal };
        const found = await preflight(options).catch(async (error: unknown) => {
          if (isUnauthorized(error)) await lockout.refused(record.url, credentials);
          throw error;
        });
        await lockout.accepted(record.url, credentials);
        return { plan: planOf(found), credentials };
      });
    } catch (error) {
      if (!(error instanceof BanksmanError)) throw error;
      if (this.#stopping || this.#restartAsked) return null;
      if (isUnauthorized(error)) await this.#quarantine(error.code, `${error.message}. ${error.mend}`);
      else await this.#backOff(error.code, error.message);
      return null;
    }
  }

  async #play(session: Session): Promise<void> {
    const { clock, command, metrics, reporter, lockout, media } = this.#options;
    const { camera, url } = this.#record;
    reporter.set('connecting', null, null);
    const started = await this.#options.starts.begin(this.#interrupt.signal);
    if (!started || this.#stopping || this.#restartAsked) {
      started?.();
      return;
    }
    if (this.#processesStarted++ > 0) metrics.inc('camera_restarts_total', { camera });
    const process = new CameraProcess(command, clock, this.#options.heartbeatLimitMs, (message) => {
      started();
      this.#hear(message);
    });
    this.#process = process;
    this.#cost.begin(clock.monotonic());
    process.configure(this.#configureMessage(session));
    media?.attach(process);
    const outcome = await process.outcome;
    media?.detach();
    started();
    this.#process = null;
    metrics.remove('camera_rss_bytes', { camera });
    lockout.doubted(url, session.credentials);
    if (this.#stopping || this.#restartAsked) return;
    if (process.played) {
      this.#shortSessions = outcome.ranMs < SHORT_SESSION_MS ? this.#shortSessions + 1 : 0;
      this.#outageSince = clock.monotonic();
    }
    await this.#after(outcome, session);
  }

  async #after(outcome: Outcome, session: Session): Promise<void> {
    const { clock, metrics, lockout, random } = this.#options;
    const { camera, url } = this.#record;
    if (outcome.kind === 'ended') {
      metrics.inc('camera_reconnects_total', { camera, reason: outcome.reason });
      if (outcome.reason === 'RTSP_UNAUTHORIZED') {
        await lockout.refused(url, session.credentials);
        await this.#quarantine(outcome.reason, outcome.detail);
      } else await this.#backOff(outcome.reason, outcome.detail);
    } else if (outcome.kind === 'crashed') {
      metrics.inc('camera_reconnects_total', { camera, reason: 'CAMERA_PROCESS_FAILED' });
      const delayMs = this.#budget.failed(clock.monotonic(), outcome.ranMs, random);
      if (delayMs === null) {
        this.#isSpent = true;
        while (!this.#stopping && !this.#restartAsked && !this.#forgiveNext) {
          await this.#quarantine('CAMERA_QUARANTINED', outcome.detail);
        }
        this.#isSpent = false;
        this.#budget.reset();
      } else {
        this.#options.reporter.set('backoff', 'CAMERA_PROCESS_FAILED', outcome.detail);
        await this.#sleep(delayMs);
      }
    }
  }

  #hear(message: CameraToAgent): void {
    const { reporter } = this.#options;
    if (message.type === 'status') {
      const { state, reason, detail, fps, stream, runId, limitedFps } = message;
      reporter.set(state, reason, detail, { fps, stream, runId, limitedFps });
    } else if (message.type === 'heartbeat' && message.progress) {
      this.#outageSince = null;
      reporter.account(message.progress);
    } else if (message.type === 'metrics') {
      const { metrics, clock } = this.#options;
      const cpu = message.counters.find(([name]) => name === 'camera_cpu_seconds_total');
      if (cpu) this.#cost.add(cpu[2], clock.monotonic());
      for (const [name, labels, value] of message.counters) metrics.inc(name, this.#labelled(name, labels), value);
      for (const [name, labels, value] of message.gauges) metrics.set(name, value, this.#labelled(name, labels));
      for (const [name, labels, value] of message.samples) metrics.observe(name, value, this.#labelled(name, labels));
    }
  }

  #labelled(name: MetricSample[0], labels: MetricSample[1]): MetricSample[1] {
    return METRICS[name].labels.includes('camera') ? { ...labels, camera: this.#record.camera } : labels;
  }

  async #backOff(code: string, detail: string): Promise<void> {
    const { reporter, clock, random } = this.#options;
    this.#outageSince ??= clock.monotonic();
    reporter.set('backoff', code, detail);
    await this.#sleep(reconnectDelayMs(clock.monotonic() - this.#outageSince, this.#shortSessions, random));
  }

  async #quarantine(code: string, detail: string): Promise<void> {
    this.#options.reporter.set('quarantined', code, detail);
    this.#inQuarantine = true;
    await this.#sleep(QUARANTINE_LOOK_MS);
    this.#inQuarantine = false;
  }

  #configureMessage({ plan, credentials }: Session): ConfigureMessage {
    const { epoch, agent, reporter, sampleRatio } = this.#options;
    const busAddress = lean(this.#options.busAddress);
    const lastRunId = reporter.lastRunId;
    const own = { epoch, agent, busAddress, sampleRatio };
    return { type: 'configure', camera: this.#record, ...own, session: plan, credentials, lastRunId };
  }

  #restart(): void {
    this.#restartAsked = true;
    this.#wake();
    void this.#process?.stop();
  }

  #wake(): void {
    this.#interrupt.abort();
    this.#interrupt = new AbortController();
  }

  async #sleep(ms: number): Promise<void> {
    if (!this.#stopping) await this.#options.clock.sleep(ms, this.#interrupt.signal);
  }
}

function planOf({ codec, profile, width, height, fps, reorderDepth, otherTracks }: SessionPlan): SessionPlan {
  return { codec, profile, width, height, fps, reorderDepth, otherTracks };
}

/** What a session is made from: a change needs a new one. */
function sessionOf({ url, username, password, transport, tls }: CameraRecord): string {
  return JSON.stringify([url, username, password, transport, tls]);
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof BanksmanError && error.code === 'RTSP_UNAUTHORIZED';
}
