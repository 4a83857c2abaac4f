import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { StoredRecord } from '../session/session.ts';

/**
 * One partition of one topic in SQLite: a table whose row id is the offset. In a compacted topic a
 * key is unique, so that the newer record takes the place of the older in the same statement, and
 * reading the whole topic costs no more than it has keys.
 */
export class PartitionTable {
  readonly topic: string;
  readonly partition: number;
  readonly compacted: boolean;
  readonly #db: DatabaseSync;
  readonly #table: string;
  #statements: Statements | undefined;
  #end: number;
  /** Runs ahead of `#end` within a transaction. */
  #next: number;

  constructor(db: DatabaseSync, topic: string, partition: number, compacted: boolean, floor: number) {
    this.#db = db;
    this.topic = topic;
    this.partition = partition;
    this.compacted = compacted;
    this.#table = `"${topic}/${partition}"`;
    db.exec(`CREATE TABLE IF NOT EXISTS ${this.#table} (
      offset INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, key TEXT NOT NULL${compacted ? ' UNIQUE' : ''},
      headers TEXT NOT NULL, value BLOB) STRICT`);
    const last = db.prepare(`SELECT max(offset) AS last FROM ${this.#table}`).get()?.['last'];
    this.#end = Math.max(floor, typeof last === 'number' ? last + 1 : 0);
    this.#next = this.#end;
  }

  /** Offset of the next record; moves when the transaction is committed. */
  get end(): number {
    return this.#end;
  }

  get start(): number {
    const first = this.#prepared.first.get()?.['first'];
    return typeof first === 'number' ? first : this.#end;
  }

  /**
   * Within a transaction; `settle` follows.
   * @returns its offset, which holds once the transaction is committed.
   */
  append(timestamp: number, key: string, headers: string, value: Buffer | null): number {
    const offset = this.#next;
    this.#prepared.insert.run(offset, timestamp, key, headers, value);
    this.#next += 1;
    return offset;
  }

  /** The transaction was committed, or rolled back. */
  settle(committed: boolean): void {
    if (committed) this.#end = this.#next;
    else this.#next = this.#end;
  }

  /** Rows at or above `offset`, ascending. */
  read(offset: number, maxRecords: number, maxBytes: number): StoredRecord[] {
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (const row of this.#prepared.read.iterate(offset, maxRecords)) {
      const record = toRecord(row);
      bytes += record.key.length + record.headers.length + (record.value?.length ?? 0);
      if (records.length > 0 && bytes > maxBytes) break;
      records.push(record);
    }
    return records;
  }

  /**
   * First offset appended at or after `time`, by binary search because time rises with the offset;
   * near it where the clock was set back.
   */
  offsetAtTime(time: number): number {
    let low = this.start;
    let high = this.#end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.#prepared.stamp.get(middle);
      const timestamp = row?.['timestamp'];
      if (row === undefined || typeof timestamp !== 'number' || timestamp >= time) high = middle;
      else low = Number(row['offset']) + 1;
    }
    return low;
  }

  /** Append time of the oldest record. */
  get oldest(): number | undefined {
    const timestamp = this.#prepared.stamp.get(0)?.['timestamp'];
    return typeof timestamp === 'number' ? timestamp : undefined;
  }

  /**
   * Deletes at most `count` of the oldest records appended before `time`; of a compacted topic those
   * whose value is null.
   * @returns how many went.
   */
  deleteBefore(time: number, count: number): number {
    const { expired, expiredTombstones } = this.#prepared;
    const result = this.compacted ? expiredTombstones.run(time, count) : expired.run(count, time);
    return Number(result.changes);
  }

  get #prepared(): Statements {
    this.#statements ??= {
      insert: this.#db.prepare(
        `INSERT OR REPLACE INTO ${this.#table} (offset, timestamp, key, headers, value) VALUES (?, ?, ?, ?, ?)`,
      ),
      read: this.#db.prepare(
        `SELECT offset, timestamp, key, headers, value FROM ${this.#table} WHERE offset >= ? ORDER BY offset LIMIT ?`,
      ),
      first: this.#db.prepare(`SELECT min(offset) AS first FROM ${this.#table}`),
      stamp: this.#db.prepare(`SELECT offset, timestamp FROM ${this.#table} WHERE offset >= ? ORDER BY offset LIMIT 1`),
      expired: this.#db.prepare(
        `DELETE FROM ${this.#table} WHERE offset <= (SELECT max(offset) FROM
          (SELECT offset, timestamp FROM ${this.#table} ORDER BY offset LIMIT ?) WHERE timestamp < ?)`,
      ),
      expiredTombstones: this.#db.prepare(
        `DELETE FROM ${this.#table} WHERE offset IN
          (SELECT offset FROM ${this.#table} WHERE value IS NULL AND timestamp < ? LIMIT ?)`,
      ),
    };
    return this.#statements;
  }
}

interface Statements {
  insert: StatementSync;
  read: StatementSync;
  first: StatementSync;
  stamp: StatementSync;
  expired: StatementSync;
  expiredTombstones: StatementSync;
}

function toRecord(row: Record<string, unknown>): StoredRecord {
  const value = row['value'];
  return {
    offset: Number(row['offset']),
    timestamp: Number(row['timestamp']),
    key: String(row['key']),
    headers: String(row['headers']),
    value: value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : null,
  };
}
