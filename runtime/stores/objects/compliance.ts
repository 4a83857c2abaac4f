/** What every object store must do. Each kind runs it from its own test file. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BanksmanError } from '../../errors.ts';
import { sha256Hex } from '../sha256.ts';
import type { ObjectStore } from './types.ts';

export interface StoreUnderTest {
  store: ObjectStore;
  /** Several writers may share it: it goes by revisions. */
  shared?: boolean;
  cleanUp(): Promise<void>;
}

export function objectStoreCompliance(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`object store: ${name}`, () => {
    let made: StoreUnderTest;
    let store: ObjectStore;
    const put = (key: string, text: string, ifAbsent = false) => {
      const bytes = Buffer.from(text);
      return store.put(key, bytes, { contentType: 'application/json', sha256: sha256Hex(bytes), ifAbsent });
    };

    beforeEach(async () => {
      made = await make();
      store = made.store;
      await store.start();
    });
    afterEach(async () => {
      await store.close();
      await made.cleanUp();
    });

    it('gives back what was put, and replaces it', async () => {
      expect(await store.get('site/cam/a.json')).toBeUndefined();
      expect(await store.head('site/cam/a.json')).toBeUndefined();
      expect(await put('site/cam/a.json', 'one')).toBe('written');
      expect(await put('site/cam/a.json', 'second')).toBe('written');
      expect((await store.get('site/cam/a.json'))?.toString()).toBe('second');
      const head = await store.head('site/cam/a.json');
      expect(head).toMatchObject({ key: 'site/cam/a.json', bytes: 6 });
      expect(Math.abs((head?.modifiedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    });

    it('writes under a condition once, whoever tries at the same time', async () => {
      const results = await Promise.all(Array.from({ length: 8 }, (_, n) => put('race/x.json', `writer ${n}`, true)));
      expect(results.filter((result) => result === 'written')).toHaveLength(1);
      expect(results.filter((result) => result === 'conflict')).toHaveLength(7);
      const winner = results.indexOf('written');
      expect((await store.get('race/x.json'))?.toString()).toBe(`writer ${winner}`);
    });

    it('takes the same bytes again for what they are: no conflict', async () => {
      expect(await put('a/same.json', 'same', true)).toBe('written');
      expect(await put('a/same.json', 'same', true)).toBe('written');
      expect(await put('a/same.json', 'other', true)).toBe('conflict');
      expect((await store.get('a/same.json'))?.toString()).toBe('same');
    });

    it('replaces only what is named, and says so where something else lies there', async () => {
      const over = (text: string, replaces: string) => {
        const bytes = Buffer.from(text);
        return store.put('a/r.json', bytes, {
          contentType: 'application/json',
          sha256: sha256Hex(bytes),
          replaces: sha256Hex(replaces),
        });
      };
      expect(await over('two', 'one')).toBe('conflict');
      expect(await store.head('a/r.json')).toBeUndefined();
      await put('a/r.json', 'one');
      expect(await over('two', 'one')).toBe('written');
      // The same again, as after an answer that was lost.
      expect(await over('two', 'one')).toBe('written');
      expect(await over('three', 'one')).toBe('conflict');
      expect(await over('three', 'two')).toBe('written');
      expect((await store.get('a/r.json'))?.toString()).toBe('three');
    });

    it('keeps what has the higher revision, where writers share it', async () => {
      if (made.shared !== true) return;
      const at = (revision: number, text: string) => {
        const bytes = Buffer.from(text);
        return store.put('a/p.jpg', bytes, { contentType: 'image/jpeg', sha256: sha256Hex(bytes), revision });
      };
      expect(await at(3, 'third')).toBe('written');
      expect(await at(2, 'second')).toBe('conflict');
      expect((await store.get('a/p.jpg'))?.toString()).toBe('third');
      expect(await at(3, 'third again')).toBe('written');
      expect(await at(5, 'fifth')).toBe('written');
      expect(await at(5, 'fifth')).toBe('written');
      expect((await store.get('a/p.jpg'))?.toString()).toBe('fifth');
    });

    it('keeps an object of many megabytes as it is', { timeout: 60_000 }, async () => {
      const bytes = Buffer.alloc(20_000_000, 'banksman');
      const options = { contentType: 'video/mp4', sha256: sha256Hex(bytes), ifAbsent: true };
      expect(await store.put('a/clip.mp4', bytes, options)).toBe('written');
      expect(await store.put('a/clip.mp4', bytes, options)).toBe('written');
      expect(await store.head('a/clip.mp4')).toMatchObject({ bytes: bytes.length });
      expect((await store.get('a/clip.mp4'))?.equals(bytes)).toBe(true);
      const other = Buffer.alloc(20_000_000, 'else');
      expect(await store.put('a/clip.mp4', other, { ...options, sha256: sha256Hex(other) })).toBe('conflict');
    });

    it('refuses bytes that are not those of the checksum', async () => {
      const bytes = Buffer.from('damaged');
      const work = store.put('a/b', bytes, { contentType: 'image/jpeg', sha256: sha256Hex('whole') });
      await expect(work).rejects.toMatchObject({ code: 'STORE_FAILED' });
      expect(await store.head('a/b')).toBeUndefined();
    });

    it('lists in key order, by prefix, page by page', async () => {
      const keys = ['a-b/1.json', 'a/1.json', 'a/2/x.json', 'a/2.json', 'b/1.json', 'b/10.json', 'b/2.json', 'c.json'];
      for (const key of keys) await put(key, key);
      const sorted = [...keys].sort();
      expect((await store.list()).map((info) => info.key)).toEqual(sorted);
      expect((await store.list({ prefix: 'a/' })).map((info) => info.key)).toEqual([
        'a/1.json',
        'a/2.json',
        'a/2/x.json',
      ]);
      expect((await store.list({ prefix: 'b/1' })).map((info) => info.key)).toEqual(['b/1.json', 'b/10.json']);
      const paged: string[] = [];
      for (;;) {
        const page = await store.list({ after: paged.at(-1) ?? '', limit: 3 });
        paged.push(...page.map((info) => info.key));
        if (page.length < 3) break;
      }
      expect(paged).toEqual(sorted);
      expect((await store.list({ prefix: 'c' }))[0]).toMatchObject({ key: 'c.json', bytes: 6 });
    });

    it('deletes, also what is not there, and its folder can be written again', async () => {
      await put('site/cam/day/a.json', 'x');
      await store.delete('site/cam/day/a.json');
      await store.delete('site/cam/day/a.json');
      expect(await store.list()).toEqual([]);
      await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          await put(`site/cam/day/${n}.json`, 'x');
          await store.delete(`site/cam/day/${n}.json`);
        }),
      );
      expect(await store.list()).toEqual([]);
    });

    it('refuses keys that leave it or that a URL or a file system would read otherwise', async () => {
      const bad = [
        '',
        '/',
        '/etc/passwd',
        '../x',
        'a/../b',
        'a/./b',
        'a//b',
        'a/',
        '.hidden',
        'a/.part',
        'a\\b',
        'a\0b',
        'é',
        'a b',
      ];
      for (const key of [...bad, 'x'.repeat(2000)]) {
        for (const work of [put(key, 'x'), store.get(key), store.head(key), store.delete(key)]) {
          await expect(work, JSON.stringify(key)).rejects.toBeInstanceOf(BanksmanError);
          await expect(work).rejects.toMatchObject({ code: 'USAGE' });
        }
      }
    });

    it('presigns a URL that serves the object, or none', async () => {
      await put('a/b.json', 'signed');
      const url = await store.presign('a/b.json', 60);
      if (url === null) return;
      expect(await (await fetch(url)).text()).toBe('signed');
    });

    it('says how much room there is, or that there is no bound', async () => {
      const capacity = await store.capacity();
      if (capacity === null) return;
      expect(capacity.freeBytes).toBeGreaterThan(0);
      expect(capacity.totalBytes).toBeGreaterThanOrEqual(capacity.freeBytes);
    });
  });
}
