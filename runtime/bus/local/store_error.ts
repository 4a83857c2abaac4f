import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { BanksmanError } from '../../errors.ts';

const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;
/** Under this an I/O error of SQLite is believed to be a full disk: growing its shared memory fails with one. */
const LITTLE_ROOM_BYTES = 256 * 1024;

/** An error of SQLite as one of the table. */
export function storeError(error: unknown, location: string | null): BanksmanError {
  if (error instanceof BanksmanError) return error;
  const code = sqliteCode(error);
  const full = code === SQLITE_FULL || (code === SQLITE_IOERR && hasLittleRoom(location));
  const what = error instanceof Error ? error.message : String(error);
  return new BanksmanError(full ? 'BUS_STORE_FULL' : 'STORE_FAILED', {
    cause: error,
    ...(full ? {} : { message: `bus log: ${what}` }),
    ...(location === null ? {} : { where: location }),
  });
}

/** SQLite's primary result code, or 0 for an error that is none of SQLite's. */
export function sqliteCode(error: unknown): number {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return 0;
  return error.errcode & 0xff;
}

function hasLittleRoom(location: string | null): boolean {
  if (location === null) return false;
  try {
    const { bavail, bsize } = statfsSync(dirname(location));
    return bavail * bsize < LITTLE_ROOM_BYTES;
  } catch {
    return false;
  }
}
