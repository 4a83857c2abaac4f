import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setImmediate as yieldLoop } from 'node:timers/promises';
import type { Clock } from '../../clock.ts';
import type { TopicSpec } from '../../messages/topics.ts';
import type { PartitionPosition } from '../session/session.ts';
import type { Position } from '../types.ts';
import { GroupCommit } from './group_commit.ts';
import { PartitionTable } from './partition_table.ts';
import { storeError } from './store_error.ts';

/** How long a removed key of a compacted topic stays visible to readers that follow it. */
const TOMBSTONE_MS = 24 * 3_600_000;
/** What one slice of retention may hold the event loop. */
const SLICE_MS = 4;

export interface StoreOptions {
  /** File, or `:memory:`. */
  path: string;
  topics: readonly TopicSpec[];
  /** Of the records on disk; over it the oldest of the shortest-kept topics go. */
  maxBytes: number;
  clock: Clock;
  /** New records can be read. */
  onAppended: (topic: string, partition: number) => void;
  /** Retention has removed these of a topic that is no table: from `first` up to, without, `end`. */
  onExpired: (topic: string, partition: number, first: number, end: number) => void;
}

/** The topics on disk, group offsets, and blocks of frame offsets: one SQLite database. */
export class RecordStore {
  readonly #options: StoreOptions;
  readonly #db: DatabaseSync;
  readonly #commit: GroupCommit;
  readonly #tables = new Map<string, PartitionTable[]>();
  readonly #saveFloor: StatementSync;
  readonly #saveOffset: StatementSync;
  #slice = 200;
  #closed = false;

  /** @throws BanksmanError STORE_FAILED or BUS_STORE_FULL */
  constructor(options: StoreOptions) {
    this.#options = options;
    try {
      this.#db = new DatabaseSync(options.path, { timeout: 1_000 });
      // NORMAL: a commit is in the kernel's hands, so that no crash of a process loses it; it is on
      // the disk after the next checkpoint, which is what a loss of power can take.
      this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2000;
        CREATE TABLE IF NOT EXISTS floors
          (topic TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, partition)) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS group_offsets
          (grp TEXT, topic TEXT, partition INTEGER, offset INTEGER NOT NULL,
           PRIMARY KEY (grp, topic, partition)) STRICT, WITHOUT ROWID`);
      this.#saveFloor = this.#db.prepare('INSERT OR REPLACE INTO floors (topic, partition, next) VALUES (?, ?, ?)');
      this.#saveOffset = this.#db.prepare(
        'INSERT OR REPLACE INTO group_offsets (grp, topic, partition, offset) VALUES (?, ?, ?, ?)',
      );
      for (const spec of options.topics) {
        const compacted = spec.policy === 'compacted';
        const tables = Array.from(
          { length: spec.partitions },
          (_, partition) =>
            new PartitionTable(this.#db, spec.name, partition, compacted, this.#floor(spec.name, partition)),
        );
        this.#tables.set(spec.name, tables);
      }
    } catch (error) {
      throw storeError(error, options.path);
    }
    this.#commit = new GroupCommit(this.#db);
  }

  get writes(): GroupCommit {
    return this.#commit;
  }

  get database(): DatabaseSync {
    return this.#db;
  }

  table(topic: string, partition: number): PartitionTable | undefined {
    return this.#tables.get(topic)?.[partition];
  }

  /** Resolves when the record is committed. */
  append(table: PartitionTable, record: { key: string; headers: string; value: Buffer | null }): Promise<Position> {
    return new Promise((resolve, reject) => {
      let offset = -1;
      this.#commit.add({
        apply: () => {
          offset = table.append(this.#options.clock.now(), record.key, record.headers, record.value);
          return table;
        },
        done: (error) => {
          if (error) return reject(error);
          resolve({ partition: table.partition, offset });
          this.#options.onAppended(table.topic, table.partition);
        },
      });
    });
  }

  groupOffsets(): (PartitionPosition & { group: string })[] {
    const rows = this.#db.prepare('SELECT grp, topic, partition, offset FROM group_offsets').all();
    return rows.map((row) => ({
      group: String(row['grp']),
      topic: String(row['topic']),
      partition: Number(row['partition']),
      offset: Number(row['offset']),
    }));
  }

  /** Resolves when the offsets are committed. */
  saveOffsets(group: string, positions: readonly PartitionPosition[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#commit.add({
        apply: () => {
          for (const { topic, partition, offset } of positions) this.#saveOffset.run(group, topic, partition, offset);
          return undefined;
        },
        done: (error) => (error ? reject(error) : resolve()),
      });
    });
  }

  /**
   * Takes offsets that no later start will give again, on disk before it returns.
   * @throws BanksmanError BUS_STORE_FULL
   */
  reserveOffsets(topic: string, partition: number, count: number): number {
    const first = this.#floor(topic, partition);
    try {
      // Rare, and beyond the log others remember these offsets: this one must outlast a loss of power.
      this.#db.exec('PRAGMA synchronous = FULL');
      this.#saveFloor.run(topic, partition, first + count);
    } catch (error) {
      throw storeError(error, this.#options.path);
    } finally {
      this.#db.exec('PRAGMA synchronous = NORMAL');
    }
    return first;
  }

  /** Deletes what is older than its topic keeps, and the oldest while there is too much; in slices. */
  async enforceRetention(): Promise<void> {
    const now = this.#options.clock.now();
    for (const spec of this.#options.topics) {
      const keptMs = spec.policy === 'compacted' ? TOMBSTONE_MS : spec.retentionMs;
      for (const table of this.#tables.get(spec.name) ?? []) {
        while (!this.#closed && (await this.#deleteSlice(table, now - keptMs)) > 0);
      }
    }
    while (!this.#closed && this.usedBytes > this.#options.maxBytes) {
      const table = this.#firstToGo();
      if (table === undefined || (await this.#deleteSlice(table, Number.MAX_SAFE_INTEGER, 20)) === 0) break;
    }
  }

  /** Bytes of pages in use. */
  get usedBytes(): number {
    return (this.#pragma('page_count') - this.#pragma('freelist_count')) * this.#pragma('page_size');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#commit.drain();
    this.#closed = true;
    await this.#commit.held;
    this.#db.close();
  }

  async #deleteSlice(table: PartitionTable, before: number, most = this.#slice): Promise<number> {
    await this.#commit.held;
    if (this.#closed) return 0;
    const started = performance.now();
    const first = table.start;
    let count = 0;
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      count = table.deleteBefore(before, Math.min(most, this.#slice));
      if (count > 0) this.#saveFloor.run(table.topic, table.partition, table.end);
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw storeError(error, this.#options.path);
    }
    if (count > 0 && !table.compacted) this.#options.onExpired(table.topic, table.partition, first, table.start);
    const took = performance.now() - started;
    this.#slice = Math.max(10, Math.min(5_000, Math.round(took > SLICE_MS ? this.#slice / 2 : this.#slice * 1.2)));
    await yieldLoop();
    return count;
  }

  #firstToGo(): PartitionTable | undefined {
    const logs = this.#options.topics.filter((spec) => spec.policy === 'log');
    for (const retentionMs of [...new Set(logs.map((spec) => spec.retentionMs))].sort((a, b) => a - b)) {
      const candidates = logs
        .filter((spec) => spec.retentionMs === retentionMs)
        .flatMap((spec) => this.#tables.get(spec.name) ?? [])
        .flatMap((table) => ({ table, oldest: table.oldest ?? Number.POSITIVE_INFINITY }))
        .filter(({ oldest }) => Number.isFinite(oldest));
      const [first] = candidates.sort((a, b) => a.oldest - b.oldest);
      if (first) return first.table;
    }
    return undefined;
  }

  #floor(topic: string, partition: number): number {
    const row = this.#db.prepare('SELECT next FROM floors WHERE topic = ? AND partition = ?').get(topic, partition);
    return Number(row?.['next'] ?? 0);
  }

  #pragma(name: 'page_count' | 'freelist_count' | 'page_size'): number {
    return Number(this.#db.prepare(`PRAGMA ${name}`).get()?.[name]);
  }
}
