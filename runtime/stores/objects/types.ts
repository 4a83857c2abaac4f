/**
 * The object store: where evidence lies. Several kinds implement it, one suite checks all
 * (`compliance.ts`).
 */
import { BanksmanError, type ErrorCode } from '../../errors.ts';

export interface ObjectInfo {
  key: string;
  bytes: number;
  /** Epoch milliseconds. */
  modifiedAt: number;
}

export interface PutOptions {
  contentType: string;
  /** Hex SHA-256 of the bytes: what arrives damaged is refused. */
  sha256: string;
  /** Write only where nothing lies under the key; otherwise leave that and say so. */
  ifAbsent?: boolean;
  /** Write only where what lies there now has this hex SHA-256; otherwise leave it and say so. */
  replaces?: string;
  /**
   * Rises with what is written under this key. Where several writers share the store, what has a higher
   * one stays; a store that has one writer need not know it.
   */
  revision?: number;
}

/** `written` as well when the very same bytes lie there already: a retry is no conflict with itself. */
export type PutResult = 'written' | 'conflict';

export interface ListOptions {
  /** Only keys that begin so. */
  prefix?: string;
  /** Only keys after this one, itself excluded. */
  after?: string;
  /** Default 1000. */
  limit?: number;
}

export interface Capacity {
  freeBytes: number;
  totalBytes: number;
}

/**
 * A reader sees an object whole or not at all. Every method throws BanksmanError STORE_FULL (no room), one
 * of `AWAY` (nobody can use the store now), STORE_FAILED (anything else), or USAGE for a key that
 * `assertKey` refuses.
 */
export interface ObjectStore {
  /** Removes what a killed writer left half written. The writer calls it once, before its first `put`. */
  start(): Promise<void>;
  put(key: string, bytes: Buffer, options: PutOptions): Promise<PutResult>;
  get(key: string): Promise<Buffer | undefined>;
  head(key: string): Promise<ObjectInfo | undefined>;
  /** In the order of the keys' bytes. */
  list(options?: ListOptions): Promise<ObjectInfo[]>;
  /** Nothing happens when it is not there. */
  delete(key: string): Promise<void>;
  /** A URL that serves the object for `ttlS` seconds without credentials, or null where the store has none. */
  presign(key: string, ttlS: number): Promise<string | null>;
  /** Of what the objects lie on; null where that has no bound. */
  capacity(): Promise<Capacity | null>;
  /** Ends what is under way; a store that was closed can be started again. */
  close(): Promise<void>;
}

/** What those need who only show evidence. */
export type ObjectReader = Pick<ObjectStore, 'get' | 'presign' | 'close'>;

/** A store that nobody can use now, whatever the object: it is worth waiting for, and says nothing about the object. */
export const AWAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'STORE_UNREACHABLE',
  'STORE_UNAVAILABLE',
  'STORE_NO_BUCKET',
  'STORE_FORBIDDEN',
  'STORE_CREDENTIALS',
  'STORE_WRONG_REGION',
  'STORE_CLOCK_SKEW',
  'STORE_FULL',
]);

export function isAway(error: unknown): error is BanksmanError {
  return error instanceof BanksmanError && AWAY.has(error.code);
}
