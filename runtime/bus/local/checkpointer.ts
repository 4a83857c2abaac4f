import { once } from 'node:events';
import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../../log.ts';
import type { GroupCommit } from './group_commit.ts';

export type CheckpointMode = 'PASSIVE' | 'TRUNCATE';

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
  readonly #writes: GroupCommit;
  readonly #worker: Worker;
  readonly #timer: NodeJS.Timeout;
  readonly #log: Logger | undefined;
  #busy = false;
  #failed = false;

  constructor(path: string, db: DatabaseSync, writes: GroupCommit, log: Logger | undefined) {
    this.#path = path;
    this.#writes = writes;
    this.#log = log;
    db.exec('PRAGMA wal_autocheckpoint = 0');
    this.#worker = new Worker(new URL('./checkpoint_worker.ts', import.meta.url), {
      workerData: { path },
      resourceLimits: { maxOldGenerationSizeMb: 16 },
    });
    this.#worker.unref();
    this.#worker.on('error', (error) => {
      log?.error({ err: error }, 'checkpoints of the bus log go on in the main thread');
      this.#failed = true;
      if (db.isOpen) db.exec('PRAGMA wal_autocheckpoint = 1000');
    });
    this.#timer = setInterval(() => void this.run(), EVERY_MS).unref();
  }

  /** Runs by itself every second. */
  async run(): Promise<void> {
    const bytes = this.#walBytes;
    if (this.#busy || this.#failed || bytes === 0) return;
    this.#busy = true;
    try {
      // First without holding anybody up, so that little is left for the one that does.
      await this.#ask('PASSIVE');
      if (bytes < TRUNCATE_BYTES) return;
      const truncated = this.#ask('TRUNCATE');
      this.#writes.hold(truncated);
      await truncated;
    } finally {
      this.#busy = false;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#failed) return;
    this.#worker.ref();
    const ended = once(this.#worker, 'exit');
    this.#worker.postMessage('end');
    await ended.catch(() => undefined);
  }

  async #ask(mode: CheckpointMode): Promise<void> {
    const answered = Promise.race([once(this.#worker, 'message'), once(this.#worker, 'exit')]);
    this.#worker.postMessage(mode);
    const [answer] = await answered.catch((error: unknown) => [{ error: String(error) }]);
    if (answer?.error) this.#log?.warn({ mode, reason: answer.error }, 'checkpoint of the bus log failed');
  }

  get #walBytes(): number {
    return statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }
}
