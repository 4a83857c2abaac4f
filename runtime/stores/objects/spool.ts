import { join } from 'node:path';
import { BanksmanError } from '../../errors.ts';
import { toTimestamp } from '../../time.ts';
import { type Database, openReader, openWriter, type Row } from '../sqlite.ts';
import type { ObjectInfo, PutOptions, PutResult } from './types.ts';
import { NOTHING_WAITS, type SpoolState, type StoreTrouble } from './waiting.ts';

/** An object that waits. */
export interface SpooledObject {
  key: string;
  bytes: Buffer;
  options: PutOptions;
}

const VERSION = 1;
/** Bodies last, so that looking for what is next reads none of them. Totals are kept, not counted. */
const SCHEMA = `
  CREATE TABLE spool (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    folder TEXT NOT NULL,
    rank INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    options TEXT NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE INDEX spool_folders ON spool (folder, rank, seq);
  CREATE INDEX spool_first ON spool (rank, seq);
  CREATE TABLE totals (objects INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
  INSERT INTO totals VALUES (0, 0);
  CREATE TRIGGER spool_in AFTER INSERT ON spool BEGIN
    UPDATE totals SET objects = objects + 1, bytes = bytes + new.bytes;
  END;
  CREATE TRIGGER spool_over AFTER UPDATE OF bytes ON spool BEGIN
    UPDATE totals SET bytes = bytes - old.bytes + new.bytes;
  END;
  CREATE TRIGGER spool_out AFTER DELETE ON spool BEGIN
    UPDATE totals SET objects = objects - 1, bytes = bytes - old.bytes;
  END;
  CREATE TABLE trouble (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL) STRICT;
`;
/** Of a file with nothing in it. */
const SHRINK_PAGES = 4096;

const pathOf = (dataDir: string): string => join(dataDir, 'evidence-spool', 'spool.db');

/** Reads beside the writer, from any process; there may be no spool: then nothing waits. */
export class SpoolReader {
  readonly #path: string;
  #db: Database | undefined;

  constructor(dataDir: string) {
    this.#path = pathOf(dataDir);
  }

  get(key: string): Buffer | undefined {
    const body = this.#open()?.get('SELECT body FROM spool WHERE key = ?', key)?.['body'];
    return body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : undefined;
  }

  has(key: string): boolean {
    return this.#open()?.get('SELECT 1 FROM spool WHERE key = ?', key) !== undefined;
  }

  state(): SpoolState {
    const db = this.#open();
    return db ? stateOf(db) : NOTHING_WAITS;
  }

  close(): void {
    this.#db?.close();
    this.#db = undefined;
  }

  #open(): Database | undefined {
    this.#db ??= openReader(this.#path);
    return this.#db;
  }
}

/**
 * Objects on disk that wait for their store, bounded in bytes, in one SQLite file: what `put` returned from
 * survives a loss of power. Of one key only the newest bytes wait; they leave folder by folder, the one that
 * waits longest first, and within a folder by rank.
 */
export class Spool {
  readonly #db: Database;
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #rank: (key: string) => number;

  /** @throws BanksmanError STORE_FULL, STORE_FAILED. */
  constructor(dataDir: string, maxBytes: number, rank: (key: string) => number) {
    this.#path = pathOf(dataDir);
    this.#maxBytes = maxBytes;
    this.#rank = rank;
    this.#db = openWriter(this.#path, { synchronous: 'full', schema: SCHEMA, version: VERSION });
  }

  get empty(): boolean {
    return this.#db.get('SELECT 1 FROM spool LIMIT 1') === undefined;
  }

  state(): SpoolState {
    return stateOf(this.#db);
  }

  say(trouble: StoreTrouble | null): void {
    if (trouble === null) this.#db.run('DELETE FROM trouble');
    else this.#db.run('INSERT OR REPLACE INTO trouble VALUES (1, ?)', JSON.stringify(trouble));
  }

  /** @throws BanksmanError STORE_FULL where it would hold more than `maxBytes`. */
  put({ key, bytes, options }: SpooledObject, now: number): PutResult {
    const { sha256, ifAbsent, replaces, revision } = options;
    return this.#db.transaction(() => {
      const there = this.#db.get('SELECT sha256, bytes, options FROM spool WHERE key = ?', key);
      if (there?.['sha256'] === sha256) return 'written';
      const first = there && readOptions(there);
      if (first) {
        if (ifAbsent === true) return 'conflict';
        if (replaces !== undefined && replaces !== there['sha256']) return 'conflict';
        if (revision !== undefined && (first.revision ?? -1) > revision) return 'conflict';
      }
      const { bytes: waiting } = stateOf(this.#db);
      if (waiting - Number(there?.['bytes'] ?? 0) + bytes.length > this.#maxBytes) throw this.#full();
      // What has to hold in the store is what had to hold when the first of them was to go there.
      const kept: PutOptions = first ? { ...first, ...(revision === undefined ? {} : { revision }), sha256 } : options;
      this.#db.run(
        `INSERT INTO spool (key, folder, rank, bytes, at_ms, sha256, options, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET bytes = excluded.bytes, at_ms = excluded.at_ms, sha256 = excluded.sha256,
           options = excluded.options, body = excluded.body`,
        ...[key, folderOf(key), this.#rank(key), bytes.length, now, sha256, JSON.stringify(kept), bytes],
      );
      return 'written';
    });
  }

  get(key: string): SpooledObject | undefined {
    const row = this.#db.get('SELECT key, options, body FROM spool WHERE key = ?', key);
    const body = row?.['body'];
    if (!row || !(body instanceof Uint8Array)) return undefined;
    return { key, bytes: Buffer.from(body.buffer, body.byteOffset, body.byteLength), options: readOptions(row) };
  }

  head(key: string): ObjectInfo | undefined {
    const row = this.#db.get('SELECT key, bytes, at_ms FROM spool WHERE key = ?', key);
    return row && infoOf(row);
  }

  list(prefix: string, after: string, limit: number): ObjectInfo[] {
    return this.#db
      .all(
        `SELECT key, bytes, at_ms FROM spool WHERE substr(key, 1, length(?1)) = ?1 AND key > ?2 ORDER BY key LIMIT ?3`,
        ...[prefix, after, limit],
      )
      .map(infoOf);
  }

  /** In the order in which they go: first the one that holds something of rank 0, which goes alone. */
  folders(limit: number): { folder: string; alone: boolean }[] {
    const first = this.#db.get('SELECT folder FROM spool WHERE rank = 0 ORDER BY seq LIMIT 1')?.['folder'];
    // Of one folder several lie together mostly: a few times as many rows hold so many folders.
    const rows = this.#db.all('SELECT folder FROM spool WHERE rank > 0 ORDER BY seq LIMIT ?', limit * 8);
    const others = [...new Set(rows.map(({ folder }) => String(folder)))].map((folder) => ({ folder, alone: false }));
    return [...(first === undefined ? [] : [{ folder: String(first), alone: true }]), ...others].slice(0, limit);
  }

  /** In the order in which they go. */
  keys(folder: string): string[] {
    const rows = this.#db.all('SELECT key FROM spool WHERE folder = ? ORDER BY rank, seq', folder);
    return rows.map((row) => String(row['key']));
  }

  /** @returns false, and keeps it, where it has been replaced meanwhile. */
  remove(key: string, sha256?: string): boolean {
    const removed =
      sha256 === undefined
        ? this.#db.run('DELETE FROM spool WHERE key = ?', key)
        : this.#db.run('DELETE FROM spool WHERE key = ? AND sha256 = ?', key, sha256);
    return removed > 0;
  }

  /** Gives the disk back once nothing waits. */
  shrink(): void {
    const pages = Number(this.#db.get('PRAGMA page_count')?.['page_count'] ?? 0);
    if (pages > SHRINK_PAGES && this.empty) this.#db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
  }

  close(): void {
    this.#db.close();
  }

  #full(): BanksmanError {
    return new BanksmanError('STORE_FULL', {
      where: this.#path,
      message: 'the spool of evidence is full: its store has been away for too long',
      mend: 'Mend the store, or raise evidence.spool.max_bytes; new incidents wait on the bus meanwhile.',
    });
  }
}

function stateOf(db: Database): SpoolState {
  const row = db.get('SELECT objects, bytes FROM totals');
  const said = db.get('SELECT json FROM trouble');
  const trouble: StoreTrouble | null = said ? JSON.parse(String(said['json'])) : null;
  return { trouble, objects: Number(row?.['objects'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) };
}

function readOptions(row: Row): PutOptions {
  const options: PutOptions = JSON.parse(String(row['options']));
  return options;
}

function infoOf(row: Row): ObjectInfo {
  return { key: String(row['key']), bytes: Number(row['bytes']), modifiedAt: Number(row['at_ms']) };
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

/** For people and for the metrics. */
export function troubleOf(error: BanksmanError, now: number): StoreTrouble {
  return { code: error.code, message: error.message, since: toTimestamp(now) };
}
