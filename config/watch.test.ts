import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../runtime/log.ts';
import { SiteWatcher, type WatchOptions } from './watch.ts';

describe('SiteWatcher', () => {
  let folder: string;
  let path: string;
  let watcher: SiteWatcher | undefined;
  /** What the file held at each call. */
  let seen: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banksman-watch-'));
    path = join(folder, 'site.yaml');
    seen = [];
    await writeFile(path, 'one');
  });
  afterEach(async () => {
    await watcher?.stop();
    await rm(folder, { recursive: true });
  });

  async function start(options: Partial<WatchOptions> = {}): Promise<void> {
    const { readFile } = await import('node:fs/promises');
    const onChange = async () => {
      seen.push(await readFile(path, 'utf8').catch(() => 'missing'));
    };
    watcher = new SiteWatcher({ path, onChange, log: silentLogger, debounceMs: 30, ...options });
    await watcher.start();
  }
  const last = (text: string) => vi.waitFor(() => expect(seen.at(-1)).toBe(text), { timeout: 15_000, interval: 20 });

  it('tells a file written in place', async () => {
    await start();
    await writeFile(path, 'two');
    await last('two');
  });

  it('tells a file replaced by renaming, again and again', async () => {
    await start();
    for (const text of ['two', 'three', 'four']) {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
      await last(text);
    }
  });

  it('tells a link above the file that was turned', async () => {
    await writeFile(join(folder, 'a'), 'in a');
    await writeFile(join(folder, 'b'), 'in b');
    await unlink(path);
    await symlink('a', path);
    await start();
    await symlink('b', `${path}.new`);
    await rename(`${path}.new`, path);
    await last('in b');
  });

  it('says nothing of other files, or of the same text written again', async () => {
    await start();
    await writeFile(join(folder, 'other.yaml'), 'x');
    await writeFile(path, 'one');
    await writeFile(path, 'two');
    await last('two');
    expect(seen).toEqual(['two']);
  });

  it('tells the last of many quick edits, and of one made while the handler runs', async () => {
    let release: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { readFile } = await import('node:fs/promises');
    await start({
      onChange: async () => {
        const text = await readFile(path, 'utf8');
        if (seen.length === 0) {
          seen.push(text);
          await running;
        } else seen.push(text);
      },
    });
    for (let i = 0; i < 20; i++) await writeFile(path, `edit ${i}`);
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(0), { timeout: 15_000 });
    await writeFile(path, 'during');
    release();
    await last('during');
    expect(seen.length).toBeLessThan(20);
  });

  it('goes on when the handler fails, and when the file goes and comes back', async () => {
    let calls = 0;
    const { readFile } = await import('node:fs/promises');
    await start({
      onChange: async () => {
        calls++;
        seen.push(await readFile(path, 'utf8').catch(() => 'missing'));
        throw new Error('refused');
      },
    });
    await unlink(path);
    await last('missing');
    await writeFile(path, 'back');
    await last('back');
    expect(calls).toBe(2);
  });

  it('tells an edit made between reading and watching', async () => {
    const { createHash } = await import('node:crypto');
    await writeFile(path, 'edited before the watch');
    await start({ sourceHash: createHash('sha256').update('one').digest('hex') });
    await last('edited before the watch');
  });

  it('stops twice, and tells nothing after', async () => {
    await start();
    await watcher?.stop();
    await watcher?.stop();
    await writeFile(path, 'two');
    await start();
    await writeFile(path, 'three');
    await last('three');
    expect(seen).toEqual(['three']);
  });
});
