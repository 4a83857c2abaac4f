import { access, constants, copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Backoff } from '../runtime/backoff.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { BanksmanError } from '../runtime/errors.ts';
import { DownloadError, download } from './download.ts';
import { type ModelManifest, officialWeights } from './manifest.ts';
import { readWeights, verifyWeights } from './weights.ts';

export interface PullOptions {
  /** A local file instead of the URLs; any of the accepted weights. */
  from?: string;
  onProgress?: (received: number, total: number) => void;
  signal?: AbortSignal;
  clock?: Clock;
  /** Attempts per URL. Default 5. */
  attempts?: number;
  /** No byte for this long ends an attempt. Default 30 s. */
  stallMs?: number;
  /** First delay between attempts. Default 1 s. */
  retryMs?: number;
}

export interface Pulled {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  /** The right file was there before. */
  readonly already: boolean;
}

/**
 * Brings the weights of a model to `path`: they appear there whole and checked, or not at all.
 * A download that breaks goes on where it stopped, in this call or the next.
 * @throws BanksmanError MODEL_DOWNLOAD_FAILED, MODEL_CHECKSUM_MISMATCH, MODEL_NOT_ONNX, STORE_FAILED (the folder
 *   cannot be written), USAGE (no such `from`)
 */
export async function pullModel(manifest: ModelManifest, path: string, options: PullOptions = {}): Promise<Pulled> {
  if (options.from === undefined) {
    const present = await readWeights(manifest, path).catch(() => null);
    if (present) return { path, sha256: present.sha256, bytes: present.bytes.length, already: true };
  }
  await mustBeWritable(dirname(path));
  if (options.from === undefined) return await pullFromUrls(manifest, path, options);

  const { from } = options;
  const bytes = await readFile(from).catch((cause: unknown) => {
    throw new BanksmanError('USAGE', {
      where: from,
      message: 'the file given with --from cannot be read',
      mend: 'Give the path of a weights file that is there.',
      cause,
    });
  });
  const sha256 = verifyWeights(manifest, bytes, from);
  const copy = `${path}.copy`;
  await copyFile(from, copy);
  await rename(copy, path);
  return { path, sha256, bytes: bytes.length, already: false };
}

async function mustBeWritable(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new BanksmanError('STORE_FAILED', {
      where: folder,
      message: `the folder of the weights cannot be written (${code})`,
      mend: 'Name another one in BANKSMAN_MODELS_DIR, or in models.dir of the site file.',
      cause,
    });
  }
}

async function pullFromUrls(manifest: ModelManifest, path: string, options: PullOptions): Promise<Pulled> {
  const part = `${path}.part`;
  const failures: string[] = [];
  for (const url of manifest.urls) {
    const failure = await attempt(manifest, url, part, options);
    if (failure === null) {
      try {
        const bytes = await readFile(part);
        const sha256 = verifyWeights(manifest, bytes, url);
        await rename(part, path);
        return { path, sha256, bytes: bytes.length, already: false };
      } catch (error) {
        // Going on from wrong bytes would never end well.
        await rm(part, { force: true });
        throw error;
      }
    }
    failures.push(failure);
  }
  throw new BanksmanError('MODEL_DOWNLOAD_FAILED', {
    where: manifest.id,
    message: failures.length > 0 ? failures.join('; ') : 'its manifest has no URL: use --from FILE',
  });
}

/** @returns null when everything came, else what went wrong at last. */
async function attempt(
  manifest: ModelManifest,
  url: string,
  part: string,
  options: PullOptions,
): Promise<string | null> {
  const { clock = systemClock, attempts = 5, stallMs = 30_000, retryMs = 1000, signal } = options;
  const { bytes } = officialWeights(manifest);
  const backoff = new Backoff({ minMs: retryMs, maxMs: 30_000 });
  for (;;) {
    try {
      await download(url, part, {
        bytes,
        stallMs,
        onProgress: (received) => options.onProgress?.(received, bytes),
        ...(signal ? { signal } : {}),
      });
      return null;
    } catch (error) {
      if (!(error instanceof DownloadError)) {
        throw new BanksmanError('MODEL_DOWNLOAD_FAILED', { where: part, message: String(error), cause: error });
      }
      if (!error.retryable || backoff.attempt + 1 >= attempts || signal?.aborted) return error.message;
      await clock.sleep(backoff.next(), signal);
    }
  }
}
