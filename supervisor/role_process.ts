import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { asError, BanksmanError, isErrorCode } from '../runtime/errors.ts';
import type { Slice } from '../runtime/exposition.ts';
import { LEAN_ARGS, leanEnv } from '../runtime/lean.ts';
import type { Logger } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { RoleToSupervisor, SupervisorToRole } from '../runtime/role.ts';

export interface RoleCommand {
  /** Module and arguments to fork. */
  module: string;
  args: string[];
  env: Record<string, string>;
}

export interface RoleProcessOptions {
  role: string;
  /** Asked at every start, so that a restart gets the active configuration. */
  command: () => RoleCommand;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  /** A line of the role's standard error. */
  onLine: (role: string, line: string) => void;
  /** The role runs again after a restart, or is gone for now. */
  onChange?: (role: string, up: boolean) => void;
  /** No answer for this long and the role is taken for hung and killed. Default 15 s. */
  hangMs?: number;
  /** Not ready after this long and it is killed as well. Default 120 s: a machine may start much at once. */
  startLimitMs?: number;
}

/** A role that ran this long was healthy: the next failure starts the back-off anew. */
const HEALTHY_MS = 10_000;
/** Heartbeats in a row without an answer that make a role hung. */
const MAX_MISSED = 3;

/** One role as a child process: started, watched, restarted with back-off, stopped in order. */
export class RoleProcess {
  readonly role: string;
  readonly #options: RoleProcessOptions;
  readonly #backoff = new Backoff({ minMs: 200, maxMs: 10_000 });
  #child: ChildProcess | undefined;
  #stopping = false;
  #ready = false;
  #exited: Promise<void> = Promise.resolve();
  #addresses: Record<string, string> = {};
  #ids = 0;
  readonly #asked = new Map<number, { slices: Slice[]; settle: (answered: boolean) => void }>();
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(options: RoleProcessOptions) {
    this.role = options.role;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get ready(): boolean {
    return this.#ready;
  }

  get addresses(): Record<string, string> {
    return this.#addresses;
  }

  /** Resolves when the role says that it is ready. @throws BanksmanError with what the role said when its first start fails. */
  start(): Promise<void> {
    this.#stopping = false;
    return this.#spawn();
  }

  /** Asks the role to stop; after the deadline it is killed. @returns whether it stopped by itself. */
  async stop(deadlineMs: number): Promise<boolean> {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (!child) return true;
    this.#send({ type: 'stop' });
    let killed = false;
    const timer = setTimeout(() => {
      killed = true;
      this.#options.log.error({ code: 'STOP_TIMED_OUT', role: this.role }, 'did not stop within the deadline, killed');
      child.kill('SIGKILL');
    }, deadlineMs);
    await this.#exited;
    clearTimeout(timer);
    return !killed;
  }

  /** Stops and starts with what `command` says now. */
  async restart(): Promise<void> {
    await this.stop(10_000);
    await this.start();
  }

  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    this.#child?.kill('SIGKILL');
  }

  /** What the role counts; undefined when it does not answer within `timeoutMs`. */
  metrics(timeoutMs: number): Promise<Slice[] | undefined> {
    return this.#ask('metrics', timeoutMs);
  }

  #ask(type: 'metrics' | 'ping', timeoutMs: number): Promise<Slice[] | undefined> {
    if (!this.#ready) return Promise.resolve(undefined);
    const slices: Slice[] = [];
    this.#ids += 1;
    const id = this.#ids;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        resolve(undefined);
      }, timeoutMs);
      const settle = (answered: boolean): void => {
        this.#asked.delete(id);
        clearTimeout(timer);
        resolve(answered ? slices : undefined);
      };
      this.#asked.set(id, { slices, settle });
      this.#send({ type, id });
    });
  }

  #spawn(): Promise<void> {
    const { command, log } = this.#options;
    const startedAt = performance.now();
    let child: ChildProcess;
    try {
      const { module, args, env } = command();
      child = fork(module, args, {
        execArgv: LEAN_ARGS,
        env: { ...process.env, ...leanEnv(), ...env },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        serialization: 'json',
      });
    } catch (cause) {
      // No memory for another process: what may have ended the role just before.
      const error = new BanksmanError('ROLE_FAILED', { where: this.role, message: asError(cause).message, cause });
      this.#restartLater(performance.now() - startedAt, error.message);
      return this.#settleStart(Promise.reject(error));
    }
    this.#child = child;
    if (child.stderr) {
      createInterface({ input: child.stderr }).on('line', (line) => this.#options.onLine(this.role, line));
    }
    const watchdog = this.#watch(child);

    const started = new Promise<void>((resolve, reject) => {
      let failure: BanksmanError | undefined;
      child.on('message', (message: RoleToSupervisor) => {
        if (message.type === 'ready') {
          this.#ready = true;
          this.#addresses = message.addresses;
          this.#changed(true);
          resolve();
        } else if (message.type === 'failed') {
          failure = new BanksmanError(isErrorCode(message.code) ? message.code : 'ROLE_FAILED', {
            message: message.message,
            ...(message.where === undefined ? {} : { where: message.where }),
          });
        } else if (message.type === 'metrics' && message.slice) {
          this.#asked.get(message.id)?.slices.push(message.slice);
        } else this.#asked.get(message.id)?.settle(true);
      });
      this.#exited = new Promise((exited) => {
        const ended = (how: string): void => {
          clearInterval(watchdog);
          this.#ready = false;
          this.#child = undefined;
          for (const { settle } of this.#asked.values()) settle(false);
          this.#changed(false);
          exited();
          reject(failure ?? new BanksmanError('ROLE_FAILED', { where: this.role, message: `ended with ${how}` }));
          this.#restartLater(performance.now() - startedAt, failure?.code ?? how);
        };
        child.once('exit', (code, signal) => ended(String(signal ?? code)));
        child.on('error', (error) => {
          log.error({ role: this.role, err: error }, 'role process');
          // One that could not be started does not exit either.
          if (child.pid === undefined) ended(error.message);
        });
      });
    });
    return this.#settleStart(started);
  }

  #settleStart(started: Promise<void>): Promise<void> {
    return started.then(
      () => {
        this.#firstStart = false;
      },
      (error: unknown) => {
        if (this.#firstStart) this.#stopping = true;
        throw error;
      },
    );
  }

  /** Until the role was ready once, a failure is the caller's to tell; afterwards it is restarted. */
  #firstStart = true;

  #restartLater(ranMs: number, why: string): void {
    if (this.#stopping || this.#firstStart) return;
    const { log, metrics } = this.#options;
    if (ranMs > HEALTHY_MS) this.#backoff.reset();
    const delay = this.#backoff.next();
    log.warn({ code: 'ROLE_FAILED', role: this.role, why, restart_in_ms: Math.round(delay) }, 'role ended');
    metrics.inc('role_restarts_total', { role: this.role });
    this.#restartTimer = setTimeout(() => {
      // Whatever goes wrong plans the next try.
      this.#spawn().catch(() => undefined);
    }, delay);
  }

  /** Counts heartbeats, not time: a machine that slept, or a supervisor that was stopped, blames no role. */
  #watch(child: ChildProcess): NodeJS.Timeout {
    const { log, hangMs = 15_000, startLimitMs = 120_000 } = this.#options;
    const everyMs = hangMs / MAX_MISSED;
    let startingMs = 0;
    let missed = 0;
    const kill = (why: string): void => {
      log.error({ code: 'ROLE_FAILED', role: this.role }, why);
      child.kill('SIGKILL');
    };
    return setInterval(() => {
      if (!this.#ready) {
        startingMs += everyMs;
        if (startingMs >= startLimitMs) kill('role does not become ready, killed');
        return;
      }
      if (missed >= MAX_MISSED) {
        kill('role does not answer, killed');
        return;
      }
      missed += 1;
      void this.#ask('ping', everyMs).then((answer) => {
        if (answer !== undefined) missed = 0;
      });
    }, everyMs);
  }

  #send(message: SupervisorToRole): void {
    // A child that is about to exit closes the channel first; its exit is what counts then.
    if (this.#child?.connected) this.#child.send(message, () => undefined);
  }

  #changed(up: boolean): void {
    this.#options.metrics.set('role_up', up ? 1 : 0, { role: this.role });
    this.#options.onChange?.(this.role, up);
  }
}
