import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { asError, BanksmanError } from '../../errors.ts';
import { sqliteCode } from './store_error.ts';

const SQLITE_BUSY = 5;

export interface DataDirLock {
  release(): Promise<void>;
}

/**
 * Makes the folder where it is missing and locks it for this process. The lock is a file lock that
 * SQLite holds, so the kernel lets it go when the process dies, however it dies.
 * @throws BanksmanError DATA_DIR_LOCKED, DATA_DIR_UNUSABLE
 */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const where = resolve(dataDir);
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(where, { recursive: true });
    db = new DatabaseSync(join(where, 'lock.db'), { timeout: 0 });
    db.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    if (sqliteCode(error) === SQLITE_BUSY) throw new BanksmanError('DATA_DIR_LOCKED', { where, cause: error });
    throw new BanksmanError('DATA_DIR_UNUSABLE', {
      where,
      message: `data_dir cannot be used: ${asError(error).message}`,
      cause: error,
    });
  }
  let held: DatabaseSync | undefined = db;
  return {
    release: async () => {
      held?.close();
      held = undefined;
    },
  };
}
