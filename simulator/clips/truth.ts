import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ClipTruthFrame, TruthHeader } from './types.ts';

/** Reads the truth beside a clip, a frame at a time. */
export async function openTruth(
  path: string,
): Promise<{ header: TruthHeader; frames: AsyncGenerator<ClipTruthFrame> }> {
  const input = createReadStream(path);
  const lines = createInterface({ input })[Symbol.asyncIterator]();
  const first = await lines.next();
  const header: TruthHeader = JSON.parse(first.value ?? 'null');
  async function* frames(): AsyncGenerator<ClipTruthFrame> {
    try {
      for (let line = await lines.next(); !line.done; line = await lines.next()) yield JSON.parse(line.value);
    } finally {
      input.destroy();
    }
  }
  return { header, frames: frames() };
}

/** What the truth beside a clip says before its frames. */
export async function readHeader(path: string): Promise<TruthHeader> {
  const { header, frames } = await openTruth(path);
  // Begun, because only then is the file closed.
  for await (const _ of frames) break;
  return header;
}
