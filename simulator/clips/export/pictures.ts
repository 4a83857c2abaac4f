import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BanksmanError } from '../../../runtime/errors.ts';
import { writeByteStream } from '../units.ts';

/** Of a frame's picture, from 0: counted from 1, as MOTChallenge does. */
export function pictureName(index: number): string {
  return `${String(index + 1).padStart(6, '0')}.jpg`;
}

/**
 * The pictures of a clip as a viewer sees them, encoding included, as JPEG files.
 * @param every keeps each such frame only. @throws BanksmanError SIMULATOR_FAILED.
 */
export async function writePictures(
  units: string,
  folder: string,
  frames: number,
  { every = 1, signal }: { every?: number; signal?: AbortSignal } = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const stream = join(folder, '.stream.h264');
  try {
    await writeByteStream(units, stream);
    await launch(
      [
        'filesrc',
        `location=${stream}`,
        '!',
        'h264parse',
        '!',
        'avdec_h264',
        '!',
        'videoconvert',
        '!',
        'jpegenc',
      ].concat(['quality=92', '!', 'multifilesink', 'index=1', `location=${join(folder, '%06d.jpg')}`]),
      signal,
    );
    for (let index = 0; index < frames; index++) {
      if (index % every !== 0) await rm(join(folder, pictureName(index)), { force: true });
    }
  } finally {
    await rm(stream, { force: true });
  }
}

function launch(args: readonly string[], signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('gst-launch-1.0', ['-q', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    const aborted = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', aborted);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000);
    });
    const failed = (message: string): void => {
      const where = 'gst-launch-1.0';
      reject(signal?.aborted ? signal.reason : new BanksmanError('SIMULATOR_FAILED', { where, message }));
    };
    child.once('error', (error) => failed(error.message));
    child.once('close', (code) => {
      signal?.removeEventListener('abort', aborted);
      if (code === 0) resolve();
      else if (/No space left/.test(said))
        reject(
          new BanksmanError('STORE_FULL', {
            message: 'no room for pictures',
            mend: 'Make room, or export fewer frames.',
          }),
        );
      else failed(said.trim() || `ended with ${code}`);
    });
  });
}
