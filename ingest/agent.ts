import { join } from 'node:path';
import type { Bus, Message, Producer, Table } from '../runtime/bus/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { LEAN_ARGS, leanEnv } from '../runtime/lean.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import { encodeJson } from '../runtime/messages/codec.ts';
import { sendDeadLetter } from '../runtime/messages/dead_letters.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import { cameraKey, TOPICS } from '../runtime/messages/topics.ts';
import type { CameraRecord } from '../runtime/messages/types.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { fromTimestamp, toTimestamp } from '../runtime/time.ts';
import type { CameraCommand } from './camera_process.ts';
import { CameraRunner } from './camera_runner.ts';
import { HEARTBEAT_LIMIT_MS } from './ipc.ts';
import { Lockout } from './lockout.ts';
import { Reporter } from './reporter.ts';

export interface IngestAgentOptions {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
  dataDir: string;
  agentId: string;
  /** Where camera processes reach the bus. */
  busSocket: string;
  /** What must survive a restart of the agent. Default `<dataDir>/ingest`. */
  stateDir?: string;
  /** Default: `camera.ts` beside this file. */
  cameraCommand?: CameraCommand;
  /** 0-1; default Math.random. */
  random?: () => number;
  /** Default 5000. */
  preflightTimeoutMs?: number;
  /** A camera process that says nothing for longer is ended. Default HEARTBEAT_LIMIT_MS. */
  heartbeatLimitMs?: number;
}

const TICK_MS = 250;
/** Of the start of each camera, spread over at most so long. */
const JITTER_PER_CAMERA_MS = 150;
const MAX_JITTER_MS = 5_000;

interface Camera {
  runner: CameraRunner;
  reporter: Reporter;
}

/** Owns the cameras of a site: one process a session each, their states, and what is blind meanwhile. */
export class IngestAgent implements Component {
  readonly name = 'ingest';
  readonly #options: IngestAgentOptions;
  readonly #cameras = new Map<string, Camera>();
  /** Newest watched capture time, epoch ms, by camera. */
  readonly #watchedTo = new Map<string, number>();
  readonly #lockout: Lockout;
  readonly #stopped = new AbortController();
  #producer: Producer | null = null;
  #table: Table | null = null;
  #offChange: () => void = () => undefined;
  /** Changes are applied one after another. */
  #applying: Promise<void> = Promise.resolve();

  constructor(options: IngestAgentOptions) {
    this.#options = options;
    this.#lockout = new Lockout(join(this.#stateDir, 'refused-credentials.json'), options.clock);
  }

  get #stateDir(): string {
    return this.#options.stateDir ?? join(this.#options.dataDir, 'ingest');
  }

  async start(): Promise<void> {
    const { bus, clock, random = Math.random } = this.#options;
    this.#producer = bus.producer();
    await this.#lockout.load();
    this.#lockout.onForgiven(() => {
      for (const { runner } of this.#cameras.values()) runner.look();
    });
    const table = bus.table(TOPICS.cameras.name);
    this.#table = table;
    await table.start();
    const known = [...table.entries()].map(([, message]) => message);
    this.#offChange = table.onChange((message) => this.#enqueue(message, 0));
    for (const message of known) {
      this.#enqueue(message, Math.min(MAX_JITTER_MS, known.length * JITTER_PER_CAMERA_MS) * random());
    }
    await this.#applying;
    await this.#forgetRemoved(table);
    void this.#followCoverage();
    void this.#tickUntilStopped(clock);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#offChange();
    await this.#applying;
    await Promise.all(
      [...this.#cameras.values()].map(async ({ runner, reporter }) => {
        await runner.stop();
        await reporter.flush();
      }),
    );
    this.#cameras.clear();
    await this.#table?.stop();
    await this.#producer?.close();
    this.#producer = null;
  }

  /** A person asks for another attempt at a quarantined camera. @returns whether there is one of that name. */
  retry(camera: string): boolean {
    const found = this.#cameras.get(camera);
    found?.runner.retry();
    return found !== undefined;
  }

  /** Process of a camera's session now, for tests and `status`. */
  pidOf(camera: string): number | undefined {
    return this.#cameras.get(camera)?.runner.pid;
  }

  /** Cameras taken out of the configuration while nobody watched leave no state behind. */
  async #forgetRemoved(cameras: Table): Promise<void> {
    const { bus, site } = this.#options;
    for (const topic of [TOPICS.status.name, TOPICS.owners.name]) {
      const table = bus.table(topic);
      await table.start();
      for (const [key] of table.entries()) {
        const isOurs = key.startsWith(cameraKey(site, ''));
        if (isOurs && !cameras.get(key)) await this.#producer?.send(topic, { key, value: null });
      }
      await table.stop();
    }
  }

  #enqueue(message: Message, delayMs: number): void {
    this.#applying = this.#applying
      .then(() => this.#apply(message, delayMs))
      .catch((error: unknown) => this.#options.log.error({ key: message.key, err: error }, 'cannot apply a camera'));
  }

  async #apply(message: Message, delayMs: number): Promise<void> {
    const { site, log } = this.#options;
    const prefix = cameraKey(site, '');
    if (!message.key.startsWith(prefix)) return;
    const name = message.key.slice(prefix.length);
    const known = this.#cameras.get(name);
    if (message.value === null) {
      if (known) await this.#remove(name, known);
      return;
    }
    let record: CameraRecord;
    try {
      record = parseMessage('cameras.v1', message);
    } catch (error) {
      log.error({ camera: name, err: error }, 'the record of a camera is not valid');
      if (this.#producer) await sendDeadLetter(this.#producer, message, error, this.#options);
      return;
    }
    if (known) known.runner.update(record);
    else if (!this.#stopped.signal.aborted) await this.#add(record, delayMs);
  }

  async #add(record: CameraRecord, delayMs: number): Promise<void> {
    const { site, agentId, clock, metrics, log, busSocket, random = Math.random } = this.#options;
    const producer = this.#producer;
    if (!producer) return;
    const { camera } = record;
    const owner = { site, camera, agent: agentId, at: toTimestamp(clock.now()) };
    const taken = await producer.send(TOPICS.owners.name, { key: cameraKey(site, camera), value: encodeJson(owner) });
    const epoch = taken.offset;
    const reporter = new Reporter({ site, camera, epoch, agent: agentId, producer, clock, metrics, log });
    const runner = new CameraRunner({
      ...{ record, epoch, agent: agentId, busSocket, reporter, clock, metrics, log, random },
      command: this.#command(),
      lockout: this.#lockout,
      preflightTimeoutMs: this.#options.preflightTimeoutMs ?? 5_000,
      heartbeatLimitMs: this.#options.heartbeatLimitMs ?? HEARTBEAT_LIMIT_MS,
    });
    this.#cameras.set(camera, { runner, reporter });
    runner.start(delayMs);
  }

  async #remove(name: string, { runner, reporter }: Camera): Promise<void> {
    this.#cameras.delete(name);
    this.#watchedTo.delete(name);
    await runner.stop();
    await reporter.remove();
  }

  #command(): CameraCommand {
    const { cameraCommand } = this.#options;
    // Each pull from GStreamer and each wait on its bus blocks a thread of libuv's.
    const env = { ...leanEnv(), UV_THREADPOOL_SIZE: '10' };
    const command = cameraCommand ?? {
      script: join(import.meta.dirname, 'camera.ts'),
      execArgv: LEAN_ARGS,
    };
    return { ...command, env: { ...env, ...command.env } };
  }

  async #tickUntilStopped(clock: Clock): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const now = clock.now();
      for (const [name, { runner, reporter }] of this.#cameras) {
        const to = this.#watchedTo.get(name) ?? Number.NEGATIVE_INFINITY;
        // Time to come is of a clock that was set back since.
        reporter.setWatched(Math.abs(now - to) < runner.record.detect_within_s * 1_000);
        runner.tick();
      }
      await clock.sleep(TICK_MS, signal);
    }
  }

  /** A camera is watched while the newest watched interval is younger than what its rules promise. */
  async #followCoverage(): Promise<void> {
    const { bus, site, log } = this.#options;
    try {
      for await (const message of bus.tail(TOPICS.coverage.name, 'latest', { signal: this.#stopped.signal })) {
        const { site: from, camera, to, watched } = parseMessage('coverage.v1', message);
        if (from !== site || !watched || !this.#cameras.has(camera)) continue;
        this.#watchedTo.set(camera, fromTimestamp(to));
      }
    } catch (error) {
      if (!this.#stopped.signal.aborted) log.error({ err: error }, 'cannot follow coverage');
    }
  }
}
