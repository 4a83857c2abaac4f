import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The address of a Unix socket holds 107 bytes on Linux, 103 on macOS. */
const MAX_SOCKET_BYTES = 100;

/**
 * Where the bus of a data_dir listens: `<data_dir>/run/bus.sock`, or, where that is too long for an
 * address, a name in the temporary folder made from it.
 */
export function busSocketPath(dataDir: string): string {
  const path = join(resolve(dataDir), 'run', 'bus.sock');
  if (Buffer.byteLength(path) <= MAX_SOCKET_BYTES) return path;
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return join(tmpdir(), `banksman-${hash}`, 'bus.sock');
}

export function busLogPath(dataDir: string): string {
  return join(resolve(dataDir), 'bus.db');
}
