/**
 * The object store: where evidence lies. Two kinds implement it, one suite checks both
 * (`compliance.ts`).
 */

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
}

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
 * A reader sees an object whole or not at all. Every method throws BanksmanError STORE_FULL (no room),
 * STORE_FAILED (anything else), or USAGE for a key that `assertKey` refuses.
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
}
