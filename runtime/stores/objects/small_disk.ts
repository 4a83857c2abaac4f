import { execFile } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** For tests: a disk of 1 MB in memory, really full when it is full. Undefined where mounting is not allowed. */
export async function smallDisk(size = '1m'): Promise<{ path: string; remove(): Promise<void> } | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'banksman-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  } catch {
    await rmdir(path);
    return undefined;
  }
  return {
    path,
    async remove() {
      await run('umount', ['-l', path]);
      await rmdir(path);
    },
  };
}
