import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clip, ClipSpec } from './types.ts';

export const DEFAULT_CLIP_CACHE = join(import.meta.dirname, '../../.cache/clips');
/** Of all clips together; those used longest ago go first. */
const MOST_BYTES = 4e9;

/** Names a clip by all that it follows from. */
export function clipKey(spec: ClipSpec, code: string): string {
  const text = JSON.stringify([code, spec], (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}

/** Where a clip lies, whether it is there or not. */
export function clipAt(cacheDir: string, spec: ClipSpec, code: string): Clip & { folder: string; parts: string } {
  const folder = join(cacheDir, clipKey(spec, code));
  return {
    spec,
    folder,
    parts: join(folder, 'parts'),
    units: join(folder, 'clip.units'),
    truth: join(folder, 'truth.jsonl'),
  };
}

/** The units are put in place last. */
export function isWhole(clip: Clip): boolean {
  return existsSync(clip.units) && existsSync(clip.truth);
}

export async function touch(folder: string): Promise<void> {
  const now = new Date();
  await mkdir(folder, { recursive: true });
  await utimes(folder, now, now);
}

/** Removes what was used longest ago until there is room; never what is named in `keep`. */
export async function prune(cacheDir: string, keep: ReadonlySet<string>, mostBytes = MOST_BYTES): Promise<void> {
  const folders = await Promise.all(
    (await readdir(cacheDir)).map(async (name) => {
      const folder = join(cacheDir, name);
      const info = await stat(folder);
      return { folder, usedMs: info.mtimeMs, bytes: await bytesIn(folder) };
    }),
  );
  folders.sort((a, b) => a.usedMs - b.usedMs);
  let sum = folders.reduce((total, { bytes }) => total + bytes, 0);
  for (const { folder, bytes } of folders) {
    if (sum <= mostBytes) return;
    if (keep.has(folder)) continue;
    await rm(folder, { recursive: true, force: true });
    sum -= bytes;
  }
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) =>
        stat(join(entry.parentPath, entry.name)).then(
          (info) => info.size,
          () => 0,
        ),
      ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
