import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, statfs, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asError, BanksmanError } from '../../errors.ts';
import { sha256Hex } from '../sha256.ts';
import { assertKey } from './keys.ts';
import type { Capacity, ListOptions, ObjectInfo, ObjectStore, PutOptions, PutResult } from './types.ts';

/** Beside the objects, because a rename does not cross file systems. No key begins with a dot. */
const TEMPORARY = '.part';
/** A temporary file of a process that lives is left alone for so long: process numbers come round again. */
const ABANDONED_MS = 3_600_000;
/** Temporary files of every store of this process that are being written. */
const writing = new Set<string>();

/** Objects as files of one folder. */
export class LocalObjectStore implements ObjectStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async start(): Promise<void> {
    await wrap('', async () => {
      const folder = join(this.#root, TEMPORARY);
      await mkdir(folder, { recursive: true });
      for (const name of await readdir(folder)) {
        const path = join(folder, name);
        if (writing.has(path)) continue;
        const owner = Number(name.slice(0, name.indexOf('-')));
        const age = Date.now() - (await stat(path)).mtimeMs;
        if (owner === process.pid || !isAlive(owner) || age > ABANDONED_MS) await rm(path, { force: true });
      }
    });
  }

  async put(key: string, bytes: Buffer, options: PutOptions): Promise<PutResult> {
    assertKey(key);
    if (sha256Hex(bytes) !== options.sha256) {
      throw new BanksmanError('STORE_FAILED', { where: key, message: 'the bytes are not those of the checksum' });
    }
    return wrap(key, async () => {
      const target = join(this.#root, key);
      const temporary = join(this.#root, TEMPORARY, `${process.pid}-${randomUUID()}`);
      writing.add(temporary);
      try {
        if (options.replaces !== undefined) {
          // Not one step with the write: this store has one writer.
          if (await holds(target, options.sha256)) return 'written';
          if (!(await holds(target, options.replaces))) return 'conflict';
        }
        await mkdir(dirname(temporary), { recursive: true });
        await writeDurably(temporary, bytes);
        const written = await inFolder(dirname(target), () => place(temporary, target, options.ifAbsent === true));
        if (written) await syncFolder(dirname(target));
        return written || (await holds(target, options.sha256)) ? 'written' : 'conflict';
      } finally {
        await rm(temporary, { force: true });
        writing.delete(temporary);
      }
    });
  }

  async get(key: string): Promise<Buffer | undefined> {
    assertKey(key);
    return wrap(key, () => orAbsent(readFile(join(this.#root, key))));
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    assertKey(key);
    return wrap(key, async () => {
      const found = await orAbsent(stat(join(this.#root, key)));
      if (!found?.isFile()) return undefined;
      return { key, bytes: found.size, modifiedAt: found.mtimeMs };
    });
  }

  async list(options: ListOptions = {}): Promise<ObjectInfo[]> {
    const { prefix = '', after = '', limit = 1000 } = options;
    const found: ObjectInfo[] = [];
    await wrap(prefix, () => this.#walk('', prefix, after, limit, found));
    return found;
  }

  async delete(key: string): Promise<void> {
    assertKey(key);
    await wrap(key, async () => {
      await orAbsent(unlink(join(this.#root, key)));
      let folder = dirname(key);
      while (folder !== '.') {
        // Not empty, or already gone: either way nothing is left to do above it.
        const removed = await rmdir(join(this.#root, folder)).then(
          () => true,
          () => false,
        );
        if (!removed) return;
        folder = dirname(folder);
      }
    });
  }

  async presign(): Promise<null> {
    return null;
  }

  async close(): Promise<void> {}

  async capacity(): Promise<Capacity> {
    return wrap('', async () => {
      await mkdir(this.#root, { recursive: true });
      const { bavail, blocks, bsize } = await statfs(this.#root);
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    });
  }

  /** In key order: a folder sorts as its name with the slash, where S3 puts it too. */
  async #walk(folder: string, prefix: string, after: string, limit: number, found: ObjectInfo[]): Promise<void> {
    const entries = await orAbsent(readdir(join(this.#root, folder), { withFileTypes: true }));
    const names = (entries ?? [])
      .filter((entry) => !entry.name.startsWith('.'))
      .map((entry) => folder + entry.name + (entry.isDirectory() ? '/' : ''))
      .sort((a, b) => (a < b ? -1 : 1));
    for (const name of names) {
      if (found.length >= limit) return;
      if (name.endsWith('/')) {
        const mayMatch = name.startsWith(prefix) || prefix.startsWith(name);
        const behind = name < after && !after.startsWith(name);
        if (mayMatch && !behind) await this.#walk(name, prefix, after, limit, found);
      } else if (name.startsWith(prefix) && name > after) {
        const info = await orAbsent(stat(join(this.#root, name)));
        if (info) found.push({ key: name, bytes: info.size, modifiedAt: info.mtimeMs });
      }
    }
  }
}

async function holds(path: string, sha256: string): Promise<boolean> {
  const there = await orAbsent(readFile(path));
  return there !== undefined && sha256Hex(there) === sha256;
}

async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** @returns whether it was written: false when something lay there and that was to be left alone. */
async function place(temporary: string, target: string, ifAbsent: boolean): Promise<boolean> {
  if (!ifAbsent) {
    await rename(temporary, target);
    return true;
  }
  try {
    // Unlike a rename, a link never replaces: the condition and the write are one step.
    await link(temporary, target);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Makes the folder for `step`, again when a `delete` has just taken it away as empty. */
async function inFolder<T>(folder: string, step: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    await mkdir(folder, { recursive: true });
    try {
      return await step();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === 5) throw error;
    }
  }
}

/** So that the name survives a loss of power as the bytes do. */
async function syncFolder(path: string): Promise<void> {
  const folder = await orAbsent(open(path, 'r'));
  try {
    await folder?.sync();
  } finally {
    await folder?.close();
  }
}

async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw error;
  }
}

async function wrap<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof BanksmanError) throw cause;
    const full = ['ENOSPC', 'EDQUOT'].includes(codeOf(cause) ?? '');
    throw new BanksmanError(full ? 'STORE_FULL' : 'STORE_FAILED', {
      ...(where === '' ? {} : { where }),
      ...(full ? {} : { message: asError(cause).message }),
      cause,
    });
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
