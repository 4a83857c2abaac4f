import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BanksmanError } from '../../runtime/errors.ts';

/** One access unit in a file of units; times in nanoseconds from the begin of the file. */
export interface UnitEntry {
  bytes: number;
  pts: number;
  dts: number;
  isKey: boolean;
  duration: number;
}

const LONGEST_INDEX = 1 << 26;

/** The index of a file of units, and where the first unit begins. @throws BanksmanError SIMULATOR_FAILED. */
export async function readUnitIndex(path: string): Promise<{ entries: UnitEntry[]; begin: number }> {
  let text = '';
  for await (const chunk of createReadStream(path, { encoding: 'latin1' })) {
    const end = String(chunk).indexOf('\n');
    text += end < 0 ? chunk : String(chunk).slice(0, end);
    if (end >= 0) {
      const rows: [number, number, number, boolean, number][] = JSON.parse(text);
      const entries = rows.map(([bytes, pts, dts, isKey, duration]) => ({ bytes, pts, dts, isKey, duration }));
      return { entries, begin: text.length + 1 };
    }
    if (text.length > LONGEST_INDEX) break;
  }
  throw new BanksmanError('SIMULATOR_FAILED', {
    where: path,
    message: 'it is no file of access units',
    mend: 'Remove it.',
  });
}

/** Joins files of units to one whose times go on. */
export async function joinUnits(parts: readonly string[], out: string): Promise<void> {
  const indexes = [];
  for (const part of parts) indexes.push(await readUnitIndex(part));
  const rows: unknown[] = [];
  let shift = 0;
  for (const { entries } of indexes) {
    for (const { bytes, pts, dts, isKey, duration } of entries) {
      rows.push([bytes, pts + shift, dts + shift, isKey, duration]);
    }
    shift += entries.reduce((sum, { duration }) => sum + duration, 0);
  }
  const file = await open(out, 'w');
  try {
    await file.write(`${JSON.stringify(rows)}\n`);
    for (const [i, part] of parts.entries()) await append(file, part, indexes[i]?.begin ?? 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The units alone: what decoders take as an H.264 byte stream. */
export async function writeByteStream(units: string, out: string): Promise<void> {
  const { begin } = await readUnitIndex(units);
  const file = await open(out, 'w');
  try {
    await append(file, units, begin);
  } finally {
    await file.close();
  }
}

async function append(file: FileHandle, from: string, start: number): Promise<void> {
  for await (const chunk of createReadStream(from, { start })) await file.write(chunk as Buffer);
}
