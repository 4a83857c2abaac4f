import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RefusedEdit } from './messages/types.ts';

export type { RefusedEdit } from './messages/types.ts';

const pathOf = (dataDir: string): string => join(dataDir, 'run', 'refused.json');

/** Lets every process of this data_dir know; null: the site file is what is active. */
export async function writeRefusedEdit(dataDir: string, refused: RefusedEdit | null): Promise<void> {
  const path = pathOf(dataDir);
  if (!refused) {
    await rm(path, { force: true });
    return;
  }
  await mkdir(join(dataDir, 'run'), { recursive: true });
  await writeFile(`${path}.part`, JSON.stringify(refused), { mode: 0o600 });
  await rename(`${path}.part`, path);
}

export async function readRefusedEdit(dataDir: string): Promise<RefusedEdit | null> {
  try {
    const refused: RefusedEdit = JSON.parse(await readFile(pathOf(dataDir), 'utf8'));
    return refused;
  } catch {
    return null;
  }
}
