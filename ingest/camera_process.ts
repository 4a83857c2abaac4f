import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { Clock } from '../runtime/clock.ts';
import type { ErrorCode } from '../runtime/errors.ts';
import {
  type AgentToCamera,
  type CameraToAgent,
  type ConfigureMessage,
  type EndedMessage,
  LIVE_FD,
  type Progress,
} from './ipc.ts';

export interface CameraCommand {
  /** Module that is forked. */
  script: string;
  args?: readonly string[];
  execArgv?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

export type Outcome =
  | { kind: 'ended'; reason: ErrorCode; detail: string; ranMs: number }
  /** It went without a word, or was killed because it hung. */
  | { kind: 'crashed'; detail: string; ranMs: number }
  | { kind: 'stopped'; ranMs: number };

/** Loading modules on a machine that starts many cameras at once takes its time. */
const FIRST_WORD_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 3_000;
/** After the exit: for messages that still lie in the channel. */
const DRAIN_LIMIT_MS = 1_000;

/** The decoder's errors are nowhere but in its log; see `ipc.ts`. */
const DECODER_LOG = { GST_DEBUG: 'libav:1', GST_DEBUG_NO_COLOR: '1' };
const DECODER_ERROR = /\bERROR\s+libav\b/;
/** What GStreamer 1.22 says when `rtspsrc` is stopped before its first segment; nothing follows from it. */
const IDLE_TALK = /^$|GStreamer-CRITICAL .*gst_event_set_seqnum: assertion 'seqnum != GST_SEQNUM_INVALID'/;
/** A broken stream makes hundreds of lines a second. */
const DECODER_ERROR_EVERY_MS = 100;

/** One camera process from fork to end. */
export class CameraProcess {
  /** How far it has accounted for time; null before its first access unit. */
  progress: Progress | null = null;
  readonly outcome: Promise<Outcome>;
  readonly #clock: Clock;
  readonly #child: ChildProcess;
  readonly #startedAt: number;
  readonly #silenceLimitMs: number;
  #heardAt: number | null = null;
  #ended: EndedMessage | null = null;
  #stopping = false;
  #hung = false;

  /** @param silenceLimitMs a process that says nothing for longer is ended by `check`. */
  constructor(
    command: CameraCommand,
    clock: Clock,
    silenceLimitMs: number,
    onMessage: (message: CameraToAgent) => void,
  ) {
    this.#clock = clock;
    this.#silenceLimitMs = silenceLimitMs;
    this.#startedAt = clock.monotonic();
    this.#child = fork(command.script, [...(command.args ?? [])], {
      execArgv: [...(command.execArgv ?? [])],
      env: { ...process.env, ...DECODER_LOG, ...command.env },
      // Standard output belongs to the command that the user called.
      // The last is LIVE_FD.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
      serialization: 'json',
    });
    this.#readErrors();
    this.#child.on('message', (message: CameraToAgent) => {
      this.#heardAt = clock.monotonic();
      if (message.type === 'heartbeat' && message.progress) this.progress = message.progress;
      if (message.type === 'ended') this.#ended = message;
      onMessage(message);
    });
    this.outcome = this.#watch();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get played(): boolean {
    return this.progress !== null || this.#ended?.played === true;
  }

  /** What it sends while it is watched, see `media/wire.ts`. */
  get live(): Readable {
    // There is none where the process could not be started, nor any other.
    const pipe = this.#child.stdio?.[LIVE_FD];
    return pipe instanceof Readable ? pipe : Readable.from([]);
  }

  watch(on: boolean): void {
    this.#send({ type: 'live', on });
  }

  configure(message: ConfigureMessage): void {
    this.#send(message);
  }

  /** Kills it when it has been silent for too long. */
  check(): void {
    const now = this.#clock.monotonic();
    const silentMs = now - (this.#heardAt ?? this.#startedAt);
    if (silentMs < (this.#heardAt === null ? FIRST_WORD_LIMIT_MS : this.#silenceLimitMs)) return;
    this.#hung = true;
    this.#child.kill('SIGKILL');
  }

  /** Asks it to end, and ends it when it does not. */
  async stop(limitMs = STOP_LIMIT_MS): Promise<void> {
    this.#stopping = true;
    this.#send({ type: 'stop' });
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), limitMs);
    await this.outcome;
    clearTimeout(timer);
  }

  #send(message: AgentToCamera): void {
    // It may be gone; its exit is seen elsewhere.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #readErrors(): void {
    if (!this.#child.stderr) return;
    let saidAt = Number.NEGATIVE_INFINITY;
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      if (IDLE_TALK.test(line)) return;
      if (!DECODER_ERROR.test(line)) {
        process.stderr.write(`${line}\n`);
        return;
      }
      const now = this.#clock.monotonic();
      if (now - saidAt < DECODER_ERROR_EVERY_MS) return;
      saidAt = now;
      this.#send({ type: 'decode_error' });
    });
  }

  async #watch(): Promise<Outcome> {
    const child = this.#child;
    const drained = new Promise<void>((resolve) => child.once('disconnect', resolve));
    const how = await new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once('error', (error) => resolve(error.message));
    });
    const ranMs = this.#clock.monotonic() - this.#startedAt;
    if (child.connected) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, DRAIN_LIMIT_MS);
      });
      await Promise.race([drained, late]);
      clearTimeout(timer);
    }
    if (this.#stopping) return { kind: 'stopped', ranMs };
    if (this.#ended) return { kind: 'ended', reason: this.#ended.reason, detail: this.#ended.detail, ranMs };
    const detail = this.#hung ? 'the camera process did not answer and was ended' : `the camera process ended: ${how}`;
    return { kind: 'crashed', detail, ranMs };
  }
}
