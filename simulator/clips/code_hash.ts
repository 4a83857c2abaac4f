import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SIMULATOR = join(import.meta.dirname, '..');
/** What pictures and truth follow from; serving and exporting them is not part of it. */
const FOLDERS = ['.', 'world', 'render', 'picture'];
const FILES = [
  'clips/conditions.ts',
  'clips/encoder.py',
  'clips/gop.ts',
  'clips/part.ts',
  'clips/frames.ts',
  'clips/scene_frames.ts',
  'rtsp/encode.py',
];

/** Of the code that makes clips: a clip of other code is another clip. */
export function codeHash(): string {
  const hash = createHash('sha256');
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(SIMULATOR, folder))
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => join(folder, name)),
  );
  for (const file of [...files, ...FILES].sort()) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(SIMULATOR, file)))
      .update('\0');
  }
  return hash.digest('hex');
}
