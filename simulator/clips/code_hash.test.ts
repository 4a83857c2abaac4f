import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { codeFiles } from './code_hash.ts';

const SIMULATOR = join(import.meta.dirname, '..');
/** Where a clip lies, who makes it and what it is called are none of its bytes. */
const OTHERWISE = ['clips/cache.ts', 'clips/code_hash.ts', 'clips/pool.ts', 'clips/types.ts', 'clips/worker.ts'];

/** Modules of the simulator that one needs, itself included. */
function needed(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(SIMULATOR, file), 'utf8');
  for (const [, path = ''] of text.matchAll(/^(?:import|export|\} from)\b[^;]*?'(\.[^']+)';/gms)) {
    const other = relative(SIMULATOR, join(SIMULATOR, dirname(file), path));
    if (!other.startsWith('..')) needed(other, found);
  }
  return found;
}

test('a clip is of the code of every module that it is made by', () => {
  const all = new Set(['clips/render.ts', 'clips/worker.ts', 'clips/frames.ts'].flatMap((file) => [...needed(file)]));
  // Found at all, and by way of others.
  for (const file of ['render/raster.ts', 'rtsp/strip.ts', 'clips/encoder.ts']) expect([...all]).toContain(file);
  const hashed = codeFiles();
  expect([...all].filter((file) => !OTHERWISE.includes(file) && !hashed.includes(file))).toEqual([]);
  for (const script of ['clips/encoder.py', 'rtsp/encode.py']) expect(hashed).toContain(script);
});
