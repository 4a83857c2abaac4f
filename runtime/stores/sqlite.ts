/** What every SQLite file of the stores has in common. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { asError, BanksmanError } from '../errors.ts';

export type Row = Record<string, SQLOutputValue>;

const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;

/** A connection that prepares each statement once and says failures in our codes. */
export class Database {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  exec(sql: string): void {
    guard(() => this.#db.exec(sql));
  }

  /** @returns rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return guard(() => Number(this.#prepare(sql).run(...values).changes));
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return guard(() => this.#prepare(sql).get(...values));
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return guard(() => this.#prepare(sql).all(...values));
  }

  /** All or nothing. */
  transaction<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      // A full disk may have rolled back by itself.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

export interface WriterOptions {
  /** `full`: a commit survives loss of power. `off`: it survives the end of the process. */
  synchronous: 'full' | 'off';
  /** Made where the file is new; a file of a version that none of `migrations` leads on from is refused. */
  schema: string;
  version: number;
  /** SQL that brings a file from this version to the next. */
  migrations?: Readonly<Record<number, string>>;
}

/** Opens for the one writer, in WAL mode so that readers in other processes are never in its way. */
export function openWriter(path: string, options: WriterOptions): Database {
  return guard(() => {
    mkdirSync(dirname(path), { recursive: true });
    const db = new Database(new DatabaseSync(path, { timeout: 5_000 }));
    try {
      db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous}; PRAGMA foreign_keys = OFF;`);
      const found = Number(db.get('PRAGMA user_version')?.['user_version'] ?? 0);
      if (found === 0) {
        db.transaction(() => {
          db.exec(options.schema);
          db.exec(`PRAGMA user_version = ${options.version}`);
        });
      } else if (!migrate(db, found, options)) {
        throw new BanksmanError('STORE_FAILED', {
          where: path,
          message: `the file has version ${found}, this banksman writes version ${options.version}`,
        });
      }
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** All steps or none. @returns whether the file has the version that is wanted. */
function migrate(db: Database, found: number, { version, migrations = {} }: WriterOptions): boolean {
  if (found === version) return true;
  const steps: string[] = [];
  for (let from = found; from < version; from += 1) {
    const sql = migrations[from];
    if (sql === undefined) return false;
    steps.push(sql);
  }
  if (steps.length === 0) return false;
  db.transaction(() => {
    for (const sql of steps) db.exec(sql);
    db.exec(`PRAGMA user_version = ${version}`);
  });
  return true;
}

/** Opens for reading beside the writer; undefined while there is no file or nothing in it yet. */
export function openReader(path: string): Database | undefined {
  try {
    const db = new Database(new DatabaseSync(path, { readOnly: true, timeout: 2_000 }));
    if (Number(db.get('PRAGMA user_version')?.['user_version'] ?? 0) > 0) return db;
    db.close();
    return undefined;
  } catch (error) {
    if (numberOf(error) === SQLITE_CANTOPEN) return undefined;
    throw toStoreError(error);
  }
}

function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toStoreError(error);
  }
}

function toStoreError(error: unknown): BanksmanError {
  if (error instanceof BanksmanError) return error;
  if (numberOf(error) === SQLITE_FULL || codeOf(error) === 'ENOSPC') {
    return new BanksmanError('STORE_FULL', { message: 'the disk of data_dir is full', cause: error });
  }
  return new BanksmanError('STORE_FAILED', { message: asError(error).message, cause: error });
}

/** SQLite's own result code, without its extension. */
function numberOf(error: unknown): number | undefined {
  const cause = error instanceof BanksmanError ? error.cause : error;
  if (!(cause instanceof Error) || !('errcode' in cause) || typeof cause.errcode !== 'number') return undefined;
  return cause.errcode & 0xff;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
