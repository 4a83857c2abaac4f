/** A thread of its own for what waits for the disk: copies the write-ahead log into the database. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { CheckpointAnswer, CheckpointMode } from './checkpointer.ts';

const db = new DatabaseSync(workerData.path, { timeout: 2_000 });

parentPort?.on('message', (mode: CheckpointMode | 'end') => {
  if (mode === 'end') {
    db.close();
    parentPort?.close();
    return;
  }
  let error: string | null = null;
  try {
    db.exec(`PRAGMA wal_checkpoint(${mode})`);
  } catch (cause) {
    error = String(cause);
  }
  parentPort?.postMessage({ error } satisfies CheckpointAnswer);
});
