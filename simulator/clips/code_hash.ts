import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SIMULATOR = join(import.meta.dirname, '..');
/** What pictures and truth follow from; serving and exporting them is not part of it. */
const FOLDERS = ['.', 'world', 'render', 'picture'];
const FILES = [
  'clips/conditions.ts',
  'clips/encoder.py',
  'clips/encoder.ts',
  'clips/gop.ts',
  'clips/part.ts',
  'clips/frames.ts',
  'clips/render.ts',
  'clips/scene_frames.ts',
  'clips/units.ts',
  'rtsp/encode.py',
  'rtsp/strip.ts',
];

/** Within the simulator, sorted. */
export function codeFiles(): string[] {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(SIMULATOR, folder))
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => join(folder, name)),
  );
  return [...files, ...FILES].sort();
}

/** Of the code that makes clips: a clip of other code is another clip. */
export function codeHash(): string {
  const hash = createHash('sha256');
  for (const file of codeFiles()) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(SIMULATOR, file)))
      .update('\0');
  }
  return hash.digest('hex');
}
