import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { BanksmanError } from '../../runtime/errors.ts';
import { Projection } from '../camera.ts';
import type { TrueIncident } from '../world/types.ts';
import { clipAt, DEFAULT_CLIP_CACHE, isWhole, prune, touch } from './cache.ts';
import { codeHash } from './code_hash.ts';
import { partLength } from './gop.ts';
import { isRendered, type PartJob } from './part.ts';
import { renderParts } from './pool.ts';
import type { Clip, ClipSpec, TruthHeader } from './types.ts';
import { joinUnits } from './units.ts';

export interface RenderOptions {
  cacheDir?: string;
  /** Processes at once. Default: the number of cores. */
  workers?: number;
  /** URL of a FrameMakerModule. Default: the simulated site. */
  makers?: string;
  /** Into the truth's header; asked for when a clip is done, because a long world takes a while to look through. */
  incidents?: () => readonly TrueIncident[];
  signal?: AbortSignal;
  /** Frames of all clips: ready, of them found in the cache, and wanted. */
  onProgress?: (progress: { done: number; cached: number; total: number }) => void;
}

const SITE_MAKERS = new URL('./frames.ts', import.meta.url).href;

/**
 * Clips from the cache, or rendered into it. What an interrupted call had finished is used by the next.
 * @throws BanksmanError SIMULATOR_FAILED, STORE_FULL, DATA_DIR_UNUSABLE; the reason of `signal`.
 */
export async function renderClips(specs: readonly ClipSpec[], options: RenderOptions = {}): Promise<Clip[]> {
  const { cacheDir = DEFAULT_CLIP_CACHE, workers = availableParallelism(), makers = SITE_MAKERS, onProgress } = options;
  const code = codeHash() + (makers === SITE_MAKERS ? '' : makers);
  const clips = specs.map((spec) => clipAt(cacheDir, spec, code));
  const once = async (): Promise<void> => {
    const progress = { done: 0, cached: 0, total: specs.reduce((sum, { frames }) => sum + frames, 0) };
    const missing: PartJob[] = [];
    for (const clip of clips) {
      await touch(clip.folder);
      const parts = isWhole(clip) ? [] : partsOf(clip);
      if (parts.length > 0) await mkdir(clip.parts, { recursive: true });
      const lacking = parts.filter((part) => !isRendered(part));
      progress.cached += clip.spec.frames - lacking.reduce((sum, { from, to }) => sum + to - from, 0);
      missing.push(...lacking);
    }
    progress.done = progress.cached;
    onProgress?.({ ...progress });
    await renderParts(missing, {
      workers,
      makers,
      ...(options.signal ? { signal: options.signal } : {}),
      onFrames: (_job, count) => {
        progress.done += count;
        onProgress?.({ ...progress });
      },
    });
    for (const clip of clips) {
      if (!isWhole(clip)) await assemble(clip, options.incidents?.() ?? []);
      await clear(clip.parts);
    }
  };
  try {
    for (;;) {
      const whole = clips.filter(isWhole).length;
      try {
        await once();
        break;
      } catch (error) {
        // Another process renders the same: it was done with a clip first and has cleared the parts away.
        if (options.signal?.aborted || clips.filter(isWhole).length === whole) throw error;
      }
    }
    await prune(cacheDir, new Set(clips.map(({ folder }) => folder)));
  } catch (error) {
    throw inWords(error, cacheDir);
  }
  return clips.map(({ spec, units, truth }) => ({ spec, units, truth }));
}

function partsOf({ spec, parts }: { spec: ClipSpec; parts: string }): PartJob[] {
  const length = partLength(spec.camera);
  return Array.from({ length: Math.ceil(spec.frames / length) }, (_, i) => {
    const name = join(parts, String(i).padStart(4, '0'));
    const to = Math.min(spec.frames, (i + 1) * length);
    return { spec, from: i * length, to, units: `${name}.units`, truth: `${name}.jsonl` };
  });
}

async function assemble(clip: ReturnType<typeof clipAt>, incidents: readonly TrueIncident[]): Promise<void> {
  const { spec } = clip;
  const parts = partsOf(clip);
  const suffix = `.${randomUUID()}.tmp`;
  const header: TruthHeader = {
    version: 1,
    scenario: spec.scenario,
    seed: spec.seed,
    camera: spec.camera,
    fps: spec.camera.fps,
    frames: spec.frames,
    homography: new Projection(spec.camera).homography(),
    conditions: spec.conditions,
    frozen: spec.frozen,
    incidents,
  };
  try {
    const truth = await open(clip.truth + suffix, 'w');
    try {
      await truth.write(`${JSON.stringify(header)}\n`);
      for (const part of parts)
        for await (const chunk of createReadStream(part.truth)) await truth.write(chunk as Buffer);
      await truth.sync();
    } finally {
      await truth.close();
    }
    await joinUnits(
      parts.map((part) => part.units),
      clip.units + suffix,
    );
    await rename(clip.truth + suffix, clip.truth);
    await rename(clip.units + suffix, clip.units);
  } finally {
    for (const path of [clip.truth, clip.units]) await rm(path + suffix, { force: true });
  }
}

/** Takes the parts away at once: another process may be writing into them. */
async function clear(parts: string): Promise<void> {
  const away = `${parts}.${randomUUID()}.tmp`;
  await rename(parts, away).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rm(away, { recursive: true, force: true });
}

/** A disk that is full or not to be written, said as such; other errors as they are. */
export function inWords(error: unknown, where: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  const mend = 'Make room on that disk, or name another folder.';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new BanksmanError('STORE_FULL', {
      where,
      message: 'there is no room for clips on the disk',
      mend,
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EEXIST' || code === 'EPERM') {
    return new BanksmanError('DATA_DIR_UNUSABLE', {
      where,
      message: `clips cannot be written (${code})`,
      cause: error,
    });
  }
  return error;
}
