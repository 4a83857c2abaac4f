import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { TEST_DATA } from './data.ts';

/** Width and height in pixels of the clips that tests use. */
const CLIPS = {
  vtest: { file: 'vtest.avi', width: 480, height: 360 },
  'intel_one-by-one-person-detection': {
    file: 'intel_one-by-one-person-detection.mp4',
    width: 768,
    height: 432,
  },
  'intel_preview_worker-zone-detection': {
    file: 'intel_preview_worker-zone-detection.mp4',
    width: 480,
    height: 270,
  },
  'intel_preview_store-aisle-detection': {
    file: 'intel_preview_store-aisle-detection.mp4',
    width: 480,
    height: 270,
  },
} as const;

export type Clip = keyof typeof CLIPS;

export function isClip(name: string): name is Clip {
  return Object.hasOwn(CLIPS, name);
}

/** RGB, 8 bits, interleaved, no padding. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Buffer;
}

/** Decoded frames of a clip, counted from 0, in the order asked for (rising). */
export function readFrames(clip: Clip, wanted: readonly number[]): Promise<Picture[]> {
  const { file, width, height } = CLIPS[clip];
  const size = width * height * 3;
  const source = ['filesrc', `location=${join(TEST_DATA, 'video', file)}`, '!', 'decodebin', '!', 'videoconvert', '!'];
  const child = spawn('gst-launch-1.0', ['-q', ...source, 'video/x-raw,format=RGB', '!', 'fdsink', 'fd=1'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pictures: Picture[] = [];
  const last = Math.max(...wanted);
  let frame = 0;
  let filled = 0;
  let current = Buffer.alloc(size);
  let errors = '';
  return new Promise((done, fail) => {
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.stdout.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length && frame <= last; ) {
        const length = Math.min(size - filled, chunk.length - at);
        chunk.copy(current, filled, at, at + length);
        at += length;
        filled += length;
        if (filled < size) continue;
        if (wanted.includes(frame)) {
          pictures.push({ width, height, data: current });
          current = Buffer.alloc(size);
        }
        frame += 1;
        filled = 0;
      }
      if (frame > last) child.kill();
    });
    child.on('error', fail);
    child.on('close', () => {
      if (pictures.length === wanted.length) done(pictures);
      else fail(new Error(`${clip}: ${pictures.length} of ${wanted.length} frames came. ${errors}`));
    });
  });
}
