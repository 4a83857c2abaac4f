import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Checkpointer } from './checkpointer.ts';
import { GroupCommit } from './group_commit.ts';

describe('Checkpointer', () => {
  let folder: string;
  let path: string;
  let db: DatabaseSync;
  let checkpointer: Checkpointer;
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.name);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'checkpoints-'));
    path = join(folder, 'bus.db');
    db = new DatabaseSync(path);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE t (v BLOB)');
    checkpointer = new Checkpointer(path, db, new GroupCommit(db), undefined);
    warnings.length = 0;
    process.on('warning', onWarning);
  });
  afterEach(async () => {
    process.off('warning', onWarning);
    await checkpointer.close();
    db.close();
    rmSync(folder, { recursive: true });
  });

  const write = (bytes: number): void => void db.prepare('INSERT INTO t VALUES (?)').run(Buffer.alloc(bytes, 1));

  it('brings what was committed into the database, over and over, and leaves nothing behind', async () => {
    // More rounds than an emitter takes listeners before it warns of a leak.
    for (let round = 0; round < 25; round++) {
      const before = statSync(path).size;
      write(100_000);
      await checkpointer.run();
      expect(statSync(path).size).toBeGreaterThan(before);
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).not.toContain('MaxListenersExceededWarning');
  });

  it('cuts a write-ahead log that has grown large', async () => {
    for (let i = 0; i < 40; i++) write(1_000_000);
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(32 * 1024 * 1024);
    await checkpointer.run();
    expect(statSync(`${path}-wal`).size).toBe(0);
  });
});
