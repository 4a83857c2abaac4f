import { once } from 'node:events';
import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../../log.ts';
import type { GroupCommit } from './group_commit.ts';

export type CheckpointMode = 'PASSIVE' | 'TRUNCATE';

export interface CheckpointAnswer {
  error: string | null;
}

/** What a loss of power can take at most, roughly. */
const EVERY_MS = 1_000;
/** Under steady writing a passive checkpoint never catches up: over this writers wait for it once. */
const TRUNCATE_BYTES = 32 * 1024 * 1024;

/**
 * Checkpoints in a thread of their own, because they wait for the disk: the event loop of the bus does
 * not, and what was committed is on the disk about a second later.
 */
export class Checkpointer {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #writes: GroupCommit;
  readonly #log: Logger | undefined;
  readonly #timer: NodeJS.Timeout;
  #worker: Worker | undefined;
  #running: Promise<void> | undefined;
  #answered: ((error: string | null) => void) | undefined;
  #failed = false;
  #lastError: string | null = null;

  constructor(path: string, db: DatabaseSync, writes: GroupCommit, log: Logger | undefined) {
    this.#path = path;
    this.#db = db;
    this.#writes = writes;
    this.#log = log;
    db.exec('PRAGMA wal_autocheckpoint = 0');
    this.#timer = setInterval(() => void this.run(), EVERY_MS).unref();
  }

  /** Runs by itself every second. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
    if (this.#worker === undefined || this.#failed) return;
    const ended = once(this.#worker, 'exit');
    this.#worker.ref();
    this.#worker.postMessage('end');
    await ended.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const bytes = statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (this.#failed || bytes === 0) return;
    this.#worker ??= this.#spawn();
    // First without holding anybody up, so that little is left for the one that does.
    await this.#ask(this.#worker, 'PASSIVE');
    if (bytes < TRUNCATE_BYTES || this.#failed) return;
    const truncated = this.#ask(this.#worker, 'TRUNCATE');
    this.#writes.hold(truncated);
    await truncated;
  }

  #spawn(): Worker {
    const worker = new Worker(new URL('./checkpoint_worker.ts', import.meta.url), {
      workerData: { path: this.#path },
      resourceLimits: { maxOldGenerationSizeMb: 16 },
    });
    worker.unref();
    worker.on('error', (error) => {
      this.#log?.error({ err: error }, 'checkpoints of the bus log go on in the main thread');
      this.#failed = true;
      if (this.#db.isOpen) this.#db.exec('PRAGMA wal_autocheckpoint = 1000');
    });
    // Listeners for the life of the thread: one a question would stay behind each time the other won.
    worker.on('message', ({ error }: CheckpointAnswer) => this.#answered?.(error));
    worker.on('exit', () => {
      this.#failed = true;
      this.#answered?.('its thread ended');
    });
    return worker;
  }

  async #ask(worker: Worker, mode: CheckpointMode): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<string | null>();
    this.#answered = resolve;
    worker.postMessage(mode);
    const error = await promise;
    this.#answered = undefined;
    // Once for as long as it lasts: it is tried again every second.
    if (error !== null && error !== this.#lastError) {
      this.#log?.warn({ mode, reason: error }, 'checkpoint of the bus log failed');
    }
    this.#lastError = error;
  }
}
