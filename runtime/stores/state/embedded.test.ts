import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallDisk } from '../objects/small_disk.ts';
import { stateStoreCompliance } from './compliance.ts';
import { EmbeddedStateReader, EmbeddedStateStore } from './embedded.ts';
import { at, sampleCoverage, sampleFeedback, sampleIncident } from './samples.ts';

stateStoreCompliance(
  'embedded',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'banksman-state-'));
    const store = new EmbeddedStateStore(folder);
    const reader = new EmbeddedStateReader(folder);
    return {
      store,
      reader,
      async cleanUp() {
        await reader.close();
        await store.close();
        await rm(folder, { recursive: true });
      },
    };
  },
  'one',
);

describe('EmbeddedStateStore', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banksman-state-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('can be read when its writer has closed, and written again', async () => {
    const first = new EmbeddedStateStore(folder);
    await first.apply([{ kind: 'incident', incident: sampleIncident() }]);
    await first.close();
    const reader = new EmbeddedStateReader(folder);
    expect((await reader.incident('incident-1'))?.revision).toBe(1);
    const second = new EmbeddedStateStore(folder);
    await second.apply([{ kind: 'incident', incident: sampleIncident({ revision: 2 }) }]);
    expect((await reader.incident('incident-1'))?.revision).toBe(2);
    await reader.close();
    await second.close();
  });

  it('makes the file of pictures anew when it is torn', async () => {
    await writeFile(join(folder, 'pictures.db'), Buffer.alloc(8192, 7));
    const store = new EmbeddedStateStore(folder);
    const picture = { site: 'yard', camera: 'gate', captureTime: at(0), jpeg: Buffer.from('jpeg') };
    await store.apply([{ kind: 'picture', ...picture }]);
    expect((await store.picture('yard', 'gate'))?.jpeg).toEqual(Buffer.from('jpeg'));
    await store.close();
  });

  it('counts the categories of a file from before there were any', async () => {
    const path = join(folder, 'state.db');
    const held = sampleFeedback({ action: 'label', note: 'hold' });
    const first = new EmbeddedStateStore(folder);
    await first.apply([
      { kind: 'incident', incident: sampleIncident() },
      { kind: 'incident', incident: sampleIncident({ id: 'incident-2', zone: null }) },
      { kind: 'feedback', feedback: held },
    ]);
    await first.close();
    const { DatabaseSync } = await import('node:sqlite');
    const db = new DatabaseSync(path);
    const triggers = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all();
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
    db.exec('DROP TABLE categories; PRAGMA user_version = 1');
    db.close();

    const reader = new EmbeddedStateReader(folder);
    expect((await reader.categories({})).camera.values).toEqual([]);
    const second = new EmbeddedStateStore(folder);
    const open = (total: number) => ({ total, byState: { open: total, unobserved: 0, closed: 0 } });
    expect(await second.categories({})).toMatchObject({
      camera: { values: [{ value: 'gate', ...open(2) }] },
      zone: { values: [{ value: 'road', ...open(1) }] },
      label: { values: [{ value: 'hold', ...open(1) }] },
    });
    expect(await reader.categories({})).toEqual(await second.categories({}));
    await reader.close();
    await second.apply([{ kind: 'incident', incident: sampleIncident({ revision: 2, state: 'closed' }) }]);
    expect((await second.categories({})).label.values).toMatchObject([{ total: 1, byState: { closed: 1 } }]);
    await second.close();
  });

  it('refuses a file of another version', async () => {
    const { DatabaseSync } = await import('node:sqlite');
    const db = new DatabaseSync(join(folder, 'state.db'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    const store = new EmbeddedStateStore(folder);
    await expect(store.apply([{ kind: 'incident', incident: sampleIncident() }])).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('version 99'),
    });
    await store.close();
  });

  it('says STORE_FULL on a full disk, keeps what it had, and goes on when there is room', async ({ skip }) => {
    const disk = await smallDisk();
    if (!disk) return skip('no small disk can be mounted here');
    const store = new EmbeddedStateStore(disk.path);
    try {
      await store.apply([{ kind: 'incident', incident: sampleIncident() }]);
      const ballast = join(disk.path, 'ballast');
      await writeFile(ballast, Buffer.alloc(4_000_000)).catch(() => undefined);
      const many = Array.from({ length: 400 }, (_, n) => ({
        kind: 'incident' as const,
        incident: sampleIncident({ id: `more-${n}` }),
      }));
      await expect(store.apply(many)).rejects.toMatchObject({ code: 'STORE_FULL' });
      expect((await store.counts({})).total).toBe(1);
      await rm(ballast);
      await store.apply(many);
      expect((await store.counts({})).total).toBe(401);
    } finally {
      await store.close();
      await disk.remove();
    }
  });

  it('keeps coverage that comes in half seconds as one row an interruption', async () => {
    const store = new EmbeddedStateStore(folder);
    const changes = Array.from({ length: 1200 }, (_, n) => ({
      kind: 'coverage' as const,
      coverage: sampleCoverage(n / 2, (n + 1) / 2, n % 400 === 399 ? { watched: false, reason: 'starved: lag' } : {}),
    }));
    await store.apply(changes);
    expect(await store.coverage('yard', 'gate', at(0), at(600))).toHaveLength(6);
    await store.close();
  });
});
