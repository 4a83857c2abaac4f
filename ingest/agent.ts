import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { BusAddress } from '../runtime/bus/open.ts';
import type { Bus, Message, Producer, Table } from '../runtime/bus/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { ERRORS } from '../runtime/errors.ts';
import { ANNOUNCE_MS, Lasting, ownedTwice } from '../runtime/fleet/roster.ts';
import { LEAN_ARGS, leanEnv } from '../runtime/lean.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import { sendDeadLetter } from '../runtime/messages/dead_letters.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import { cameraKey, TOPICS } from '../runtime/messages/topics.ts';
import type { AgentRecord, CameraRecord } from '../runtime/messages/types.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { CameraCommand } from './camera_process.ts';
import { CameraRunner } from './camera_runner.ts';
import { HEARTBEAT_LIMIT_MS } from './ipc.ts';
import { Lockout } from './lockout.ts';
import type { MediaServer } from './media/server.ts';
import { Coordinator } from './owners/coordinator.ts';
import { Membership } from './owners/membership.ts';
import { Reporter } from './reporter.ts';
import { Starts } from './starts.ts';
import { WatchedTimes } from './watched.ts';

export interface IngestAgentOptions {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
  dataDir: string;
  /** Different for every agent process there ever is. */
  agentId: string;
  /** The only agent there can be: it waits for no others and leaves its cameras to nobody. Default false. */
  alone?: boolean;
  /** CPU seconds a second that it can spend on cameras. Default: cores. */
  capacity?: number;
  /** Where camera processes reach the bus. */
  busAddress: BusAddress;
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
  /** Serves live video of its cameras; started before it. Default null: nobody does. */
  media?: MediaServer | null;
  /** Of traces: the share that is sampled. Default null: there are none. */
  sampleRatio?: number | null;
  /** How long it waits at its end until others have its cameras. Default 5000. */
  handOverMs?: number;
}

const TICK_MS = 250;
/** Cameras that come together are started over this long each, at most. */
const JITTER_PER_CAMERA_MS = 150;
const MAX_JITTER_MS = 5_000;
/** Camera processes that load at once; some of each waits for the network. */
const STARTS_PER_CORE = 2;
/** Changes that come together are applied together. */
const GATHER_MS = 20;
const HAND_OVER_MS = 5_000;
/** A camera that changes hands is run by two for as long as the first needs to stop. */
const TWICE_MS = 5_000;

interface Camera {
  runner: CameraRunner;
  reporter: Reporter;
  epoch: number;
  /** Offset of its record in `cameras.v1`. */
  configuredAt: number;
}

/** What this agent has while it runs. */
interface Running {
  producer: Producer;
  cameras: Table;
  owners: Table;
  orders: Table;
  membership: Membership;
  coordinator: Coordinator;
}

/**
 * Runs the cameras that `camera.owners.v1` gives it: one process a session each, their states, and what
 * is blind meanwhile. Runs none that it was not given, and none while it is cut off from the others.
 */
export class IngestAgent implements Component {
  readonly name = 'ingest';
  readonly #options: IngestAgentOptions;
  readonly #cameras = new Map<string, Camera>();
  /** Of every configured camera the newest record that can be read, by key. */
  readonly #records = new Map<string, CameraRecord>();
  readonly #watched = new WatchedTimes();
  readonly #lockout: Lockout;
  readonly #starts = new Starts(STARTS_PER_CORE * availableParallelism());
  readonly #stopped = new AbortController();
  readonly #twice = new Lasting();
  /** What changed and is not applied yet. */
  readonly #changed = new Set<string>();
  /** Work on each camera, one after another. */
  readonly #working = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #running: Running | null = null;
  #offs: (() => void)[] = [];
  #isCutOff = false;
  #isStopping = false;
  #ending: Promise<void> | null = null;

  constructor(options: IngestAgentOptions) {
    this.#options = options;
    this.#lockout = new Lockout(join(this.#stateDir, 'refused-credentials.json'), options.clock);
  }

  get #stateDir(): string {
    return this.#options.stateDir ?? join(this.#options.dataDir, 'ingest');
  }

  /** Resolves when it stands for election; alone, when it has its cameras. */
  async start(): Promise<void> {
    const { bus, clock, site, agentId, log, metrics, alone = false } = this.#options;
    await this.#lockout.load();
    this.#lockout.onForgiven(() => {
      for (const { runner } of this.#cameras.values()) runner.look();
    });
    const producer = bus.producer();
    const cameras = bus.table(TOPICS.cameras.name);
    const owners = bus.table(TOPICS.owners.name);
    const orders = bus.table(TOPICS.agentOrders.name);
    await Promise.all([cameras.start(), owners.start(), orders.start()]);
    const membership = new Membership({
      ...{ bus, site, agentId, alone, clock, log, producer },
      capacity: this.#options.capacity ?? availableParallelism(),
      describe: () => ({ leads: coordinator.leads, cameras: this.#cameraLoads() }),
    });
    const coordinator = new Coordinator({
      ...{ bus, site, log, metrics, clock, producer, cameras, owners, orders },
      roster: membership.roster,
      judges: () => membership.judges,
    });
    this.#running = { producer, cameras, owners, orders, membership, coordinator };
    for (const [, message] of cameras.entries()) this.#remember(message);
    this.#offs = [
      cameras.onChange((message) => this.#remember(message)),
      ...[cameras, owners].map((table) => table.onChange(({ key }) => this.#noteChange(key))),
    ];
    await membership.start(() => coordinator.look());
    for (const [key] of owners.entries()) this.#noteChange(key);
    void this.#watched.follow(this.#options, (camera) => this.#cameras.has(camera), this.#stopped.signal);
    void this.#tickUntilStopped(clock);
    await coordinator.start();
  }

  /** Hands its cameras over where others live, then stops. */
  stop(): Promise<void> {
    this.#ending ??= this.#stop();
    return this.#ending;
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    if (running && !this.#options.alone) await this.#handOver(running);
    this.#isStopping = true;
    await running?.coordinator.stop();
    this.#stopped.abort();
    clearTimeout(this.#timer);
    for (const off of this.#offs) off();
    await Promise.all(this.#working.values());
    await Promise.all(
      [...this.#cameras.values()].map(async ({ runner, reporter }) => {
        await runner.stop();
        await reporter.flush();
      }),
    );
    this.#cameras.clear();
    if (!running) return;
    await running.membership.stop();
    await Promise.all([running.cameras.stop(), running.owners.stop(), running.orders.stop()]);
    await running.producer.close();
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

  /** Others are given what it has, while it still looks; bounded, because whoever ends it waits. */
  async #handOver({ membership, owners }: Running): Promise<void> {
    const { clock, agentId, handOverMs = HAND_OVER_MS } = this.#options;
    const until = clock.monotonic() + handOverMs;
    const othersLive = (): boolean =>
      membership.roster
        .living(clock.monotonic())
        .some(({ record }) => record.agent !== agentId && record.state === 'running');
    if (!othersLive()) return;
    void membership.leave();
    const isMine = (message: Message): boolean => this.#epochIn(message) !== null;
    const busy = (): boolean => this.#cameras.size > 0 || [...owners.entries()].some(([, message]) => isMine(message));
    while (busy() && othersLive() && clock.monotonic() < until) await clock.sleep(TICK_MS / 2);
  }

  #remember(message: Message): void {
    if (message.value === null) this.#records.delete(message.key);
    else {
      try {
        this.#records.set(message.key, parseMessage('cameras.v1', message));
      } catch {
        // The one before stays; whoever is given the camera says so.
      }
    }
  }

  #noteChange(key: string): void {
    const prefix = cameraKey(this.#options.site, '');
    if (!key.startsWith(prefix)) return;
    this.#changed.add(key.slice(prefix.length));
    this.#timer ??= setTimeout(() => this.#applyChanges(), GATHER_MS);
  }

  #applyChanges(): void {
    const { random = Math.random, log } = this.#options;
    this.#timer = undefined;
    const names = [...this.#changed];
    this.#changed.clear();
    const starts = names.filter((name) => !this.#cameras.has(name) && this.#wanted(name)).length;
    const spreadMs = starts > 1 ? Math.min(MAX_JITTER_MS, starts * JITTER_PER_CAMERA_MS) : 0;
    for (const name of names) {
      const before = this.#working.get(name) ?? Promise.resolve();
      const work = before
        .then(() => this.#apply(name, spreadMs * random()))
        .catch((error: unknown) => log.error({ camera: name, err: error }, 'cannot apply a camera'))
        .finally(() => {
          if (this.#working.get(name) === work) this.#working.delete(name);
        });
      this.#working.set(name, work);
    }
  }

  /** Its record and the epoch under which it is to be run here, or null. */
  #wanted(name: string): { message: Message; epoch: number } | null {
    const running = this.#running;
    const key = cameraKey(this.#options.site, name);
    if (!running || this.#isCutOff || this.#isStopping) return null;
    const [message, owner] = [running.cameras.get(key), running.owners.get(key)];
    const epoch = owner ? this.#epochIn(owner) : null;
    return message && epoch !== null ? { message, epoch } : null;
  }

  /** @returns null for a record that gives the camera to another, or that nobody can read. */
  #epochIn(owner: Message): number | null {
    try {
      return parseMessage('camera.owners.v1', owner).agent === this.#options.agentId ? owner.offset : null;
    } catch {
      return null;
    }
  }

  async #apply(name: string, delayMs: number): Promise<void> {
    const before = this.#cameras.get(name);
    if (before && this.#wanted(name)?.epoch !== before.epoch && !this.#isStopping) await this.#end(name, before);
    const wanted = this.#wanted(name);
    const known = this.#cameras.get(name);
    if (!wanted || known?.configuredAt === wanted.message.offset) return;
    const { log } = this.#options;
    const producer = this.#running?.producer;
    let record: CameraRecord | undefined;
    try {
      record = parseMessage('cameras.v1', wanted.message);
    } catch (error) {
      record = this.#records.get(wanted.message.key);
      const outcome = record ? 'the one before it stays' : 'it is not run';
      log.error({ camera: name, err: error }, `the record of a camera is not valid: ${outcome}`);
      if (producer) await sendDeadLetter(producer, wanted.message, error, this.#options);
    }
    if (!record) return;
    if (known) {
      known.configuredAt = wanted.message.offset;
      known.runner.update(record);
    } else if (producer) this.#begin(record, wanted.epoch, wanted.message.offset, producer, delayMs);
  }

  #begin(record: CameraRecord, epoch: number, configuredAt: number, producer: Producer, delayMs: number): void {
    const { site, agentId, clock, metrics, log, busAddress, random = Math.random } = this.#options;
    const { camera } = record;
    const media = this.#options.media?.open(record, epoch) ?? null;
    const own = { site, camera, epoch, agent: agentId, media: media?.url ?? null };
    const reporter = new Reporter({ ...own, producer, clock, metrics, log });
    const runner = new CameraRunner({
      ...{ record, epoch, agent: agentId, busAddress, reporter, media, clock, metrics, log, random },
      command: this.#command(),
      lockout: this.#lockout,
      starts: this.#starts,
      preflightTimeoutMs: this.#options.preflightTimeoutMs ?? 5_000,
      heartbeatLimitMs: this.#options.heartbeatLimitMs ?? HEARTBEAT_LIMIT_MS,
      sampleRatio: this.#options.sampleRatio ?? null,
    });
    this.#cameras.set(camera, { runner, reporter, epoch, configuredAt });
    runner.start(delayMs);
  }

  /** It is another's, or nobody's: of another's camera nothing is said any more. */
  async #end(name: string, { runner, reporter }: Camera): Promise<void> {
    this.#cameras.delete(name);
    this.#watched.forget(name);
    await runner.stop();
    const isConfigured = this.#running?.cameras.get(cameraKey(this.#options.site, name)) !== undefined;
    if (isConfigured) reporter.release();
    else await reporter.remove();
  }

  #cameraLoads(): AgentRecord['cameras'] {
    return Object.fromEntries(
      [...this.#cameras].map(([name, { epoch, runner }]) => [name, { epoch, cpu: runner.cpu }]),
    );
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
    let lookedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      this.#checkLease();
      if (clock.monotonic() - lookedAt >= ANNOUNCE_MS) {
        lookedAt = clock.monotonic();
        this.#lookForOthers(lookedAt);
      }
      const now = clock.now();
      for (const [name, { runner, reporter }] of this.#cameras) {
        reporter.setWatched(this.#watched.isWatched(name, runner.record.detect_within_s * 1_000, now));
        runner.tick();
      }
      await clock.sleep(TICK_MS, signal);
    }
  }

  /** Cut off from the others it stops its cameras: by now they are given to somebody who is not. */
  #checkLease(): void {
    const { log, agentId } = this.#options;
    const isCutOff = this.#running?.membership.isCutOff() ?? false;
    if (isCutOff === this.#isCutOff) return;
    this.#isCutOff = isCutOff;
    if (isCutOff) log.error({ code: 'AGENT_CUT_OFF', agent: agentId }, ERRORS.AGENT_CUT_OFF.message);
    else log.info({ agent: agentId }, 'hears the other agents again');
    const owned = isCutOff
      ? [...this.#cameras.keys()]
      : [...(this.#running?.owners.entries() ?? [])].map(([key]) => key);
    for (const key of owned) this.#noteChange(isCutOff ? cameraKey(this.#options.site, key) : key);
  }

  /** Whether another agent runs a camera of this one, longer than it takes to hand it over. */
  #lookForOthers(now: number): void {
    const others = ownedTwice(this.#running?.membership.roster.living(now) ?? []);
    const lasting = this.#twice.update(others.keys(), now, TWICE_MS);
    for (const [name, { reporter }] of this.#cameras) {
      const who = (others.get(name) ?? []).filter((agent) => agent !== this.#options.agentId);
      if (lasting.has(name) && who.length > 0) reporter.warn('CAMERA_OWNED_TWICE', `${who.join(', ')} runs it as well`);
      else reporter.warn(null, null);
    }
  }
}
