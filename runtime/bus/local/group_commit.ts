import type { DatabaseSync } from 'node:sqlite';
import type { PartitionTable } from './partition_table.ts';
import { storeError } from './store_error.ts';

export interface Write {
  /** Within the transaction. @returns the partition that it appended to. */
  apply(): PartitionTable | undefined;
  /** After the commit, or with the reason why there was none. */
  done(error: Error | undefined): void;
}

/** At most this often a transaction ends; what arrives in between shares one. */
const GROUP_MS = 2;
/** A transaction that grows longer is committed, so that it does not hold the event loop. */
const MAX_BLOCK_MS = 6;

/**
 * Gathers the writes of a few milliseconds into one transaction. The first write after a calm time
 * does not wait.
 */
export class GroupCommit {
  readonly #db: DatabaseSync;
  #queue: Write[] = [];
  #scheduled = false;
  #lastMs = 0;
  #held: Promise<void> | undefined;
  #idle: (() => void)[] = [];

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  add(write: Write): void {
    this.#queue.push(write);
    this.#schedule();
  }

  /** No transaction begins until the promise settles: another connection needs the write lock. */
  hold(until: Promise<unknown>): void {
    const held: Promise<void> = until.then(
      () => this.#release(held),
      () => this.#release(held),
    );
    this.#held = held;
  }

  /** Undefined when a transaction may begin. */
  get held(): Promise<void> | undefined {
    return this.#held;
  }

  /** Resolves when all that was added is decided. */
  drain(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #release(held: Promise<void>): void {
    if (this.#held === held) this.#held = undefined;
    if (this.#queue.length > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#held) return;
    this.#scheduled = true;
    const flush = (): void => {
      this.#scheduled = false;
      if (this.#held === undefined) this.#flush();
    };
    const wait = this.#lastMs + GROUP_MS - performance.now();
    if (wait <= 0) setImmediate(flush);
    else setTimeout(flush, wait);
  }

  #flush(): void {
    const started = performance.now();
    const touched = new Set<PartitionTable>();
    let count = 0;
    let failure: Error | undefined;
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      for (const write of this.#queue) {
        if (count > 0 && performance.now() - started > MAX_BLOCK_MS) break;
        count += 1;
        const table = write.apply();
        if (table) touched.add(table);
      }
      this.#db.exec('COMMIT');
    } catch (error) {
      failure = storeError(error, this.#db.location());
      // None applied: no transaction could begin, so none of them can be written now.
      if (count === 0) count = this.#queue.length;
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    }
    for (const table of touched) table.settle(failure === undefined);
    const decided = this.#queue.splice(0, count);
    this.#lastMs = performance.now();
    for (const write of decided) write.done(failure);
    if (this.#queue.length > 0) this.#schedule();
    else for (const resolve of this.#idle.splice(0)) resolve();
  }
}
