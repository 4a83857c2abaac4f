import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import type { Encoder } from './encoder.ts';
import { GopSchedule, Movement } from './gop.ts';
import type { ClipSpec, ClipTruthFrame, FrameMaker } from './types.ts';

/** A stretch of a clip, from a key picture on. */
export interface PartJob {
  spec: ClipSpec;
  /** First frame and the one after the last. */
  from: number;
  to: number;
  /** Files to write; they are there wholly or not at all, the truth first. */
  units: string;
  truth: string;
}

export function isRendered({ units, truth }: PartJob): boolean {
  return existsSync(units) && existsSync(truth);
}

/** Draws and encodes a part. `onFrames` is told now and then how many frames more are done. */
export async function renderPart(
  { spec, from, to, units, truth }: PartJob,
  maker: FrameMaker,
  encoder: Encoder,
  onFrames: (count: number) => void,
): Promise<void> {
  const { camera } = spec;
  const suffix = `.${process.pid}.tmp`;
  const done = encoder.begin(camera, to - from, units + suffix);
  // Said where it is awaited below.
  done.catch(() => undefined);
  const schedule = new GopSchedule(camera.rate);
  const movement = new Movement(camera.width, camera.height);
  const lines: string[] = [];
  let told = 0;
  for (let index = from; index < to; index++) {
    const made = maker.frame(index);
    const { objects, warp } = made;
    const line: ClipTruthFrame = { camera: camera.id, index, objects, ...(warp ? { warp } : {}) };
    lines.push(JSON.stringify(line, rounded));
    if (!(await encoder.frame(made.i420, schedule.isKey(movement.sees(made))))) break;
    if (index - from - told >= camera.fps) {
      onFrames(index - from - told);
      told = index - from;
    }
  }
  await done;
  await writeFile(truth + suffix, `${lines.join('\n')}\n`);
  await rename(truth + suffix, truth);
  await rename(units + suffix, units);
  onFrames(to - from - told);
}

/** A millionth of the picture, a micrometre of the ground. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e6) / 1e6 : value;
}
