import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../sha256.ts';
import { objectStoreCompliance } from './compliance.ts';
import { contentTypeOf, keySegment } from './keys.ts';
import { LocalObjectStore } from './local.ts';
import { smallDisk } from './small_disk.ts';

objectStoreCompliance('local', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'banksman-objects-'));
  return { store: new LocalObjectStore(join(folder, 'evidence')), cleanUp: () => rm(folder, { recursive: true }) };
});

describe('LocalObjectStore', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banksman-objects-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('removes what a killed writer left, and nothing of one that lives', async () => {
    const dead = spawnSync('true').pid;
    await mkdir(join(folder, '.part'));
    await writeFile(join(folder, '.part', `${dead}-left`), 'half');
    await writeFile(join(folder, '.part', `${process.pid}-of-a-run-before-with-my-number`), 'half');
    await writeFile(join(folder, '.part', `${process.ppid}-busy`), 'half');
    const store = new LocalObjectStore(folder);
    await store.start();
    expect(await readdir(join(folder, '.part'))).toEqual([`${process.ppid}-busy`]);
    expect(await store.list()).toEqual([]);
  });

  it('fails with STORE_FAILED where a key runs through another object', async () => {
    const store = new LocalObjectStore(folder);
    const bytes = Buffer.from('x');
    const options = { contentType: 'text/plain', sha256: sha256Hex(bytes) };
    await store.put('a', bytes, options);
    await expect(store.put('a/b', bytes, options)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await store.get('a/b')).toBeUndefined();
  });

  it('says STORE_FULL on a full disk, keeps the object that was there, and leaves no part behind', async ({ skip }) => {
    const disk = await smallDisk();
    if (!disk) return skip('no small disk can be mounted here');
    try {
      const store = new LocalObjectStore(disk.path);
      await store.start();
      const put = (bytes: Buffer) =>
        store.put('site/a.jpg', bytes, { contentType: 'image/jpeg', sha256: sha256Hex(bytes) });
      await put(Buffer.alloc(100_000, 1));
      await expect(put(Buffer.alloc(2_000_000, 2))).rejects.toMatchObject({ code: 'STORE_FULL', retryable: true });
      expect((await store.get('site/a.jpg'))?.[0]).toBe(1);
      expect(await readdir(join(disk.path, '.part'))).toEqual([]);
      await put(Buffer.alloc(200_000, 3));
      expect((await store.head('site/a.jpg'))?.bytes).toBe(200_000);
    } finally {
      await disk.remove();
    }
  });
});

describe('keys', () => {
  it('makes one safe segment of any name, different names different', () => {
    const names = ['gate', 'north yard', '../x', '.', '..', 'é', 'a/b', 'a=2Fb', "it's"];
    const segments = names.map(keySegment);
    expect(new Set(segments).size).toBe(names.length);
    expect(segments[0]).toBe('gate');
    for (const segment of segments) expect(segment).toMatch(/^[A-Za-z0-9_=-][A-Za-z0-9_.=-]*$/);
  });

  it('knows the content types of evidence', () => {
    expect(contentTypeOf('a/snapshot.jpg')).toBe('image/jpeg');
    expect(contentTypeOf('a/record.json')).toBe('application/json');
    expect(contentTypeOf('a/b')).toBe('application/octet-stream');
  });
});
