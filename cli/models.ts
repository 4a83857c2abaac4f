import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { KnownModels } from '../config/cross_report.ts';
import { absolutePath } from '../config/load.ts';
import type { SiteConfig } from '../config/site.ts';
import { loadRegistry } from '../models/registry.ts';
import { readWeights } from '../models/weights.ts';
import { asError, BanksmanError } from '../runtime/errors.ts';
import { loadOrThrow } from './role.ts';

/** Models and their classes, for checks of the site file; null where a manifest is not valid itself. */
export async function knownModels(manifests: readonly string[] = []): Promise<KnownModels> {
  const registry = await loadRegistry({ manifests });
  return new Map(registry.manifests.map(({ id, labels }) => [id, labels]));
}

/** `models.manifests` of a site file, which may have mistakes elsewhere: what cannot be read names none. */
export async function manifestsNamedIn(path: string): Promise<string[]> {
  try {
    const site: unknown = parse(await readFile(path, 'utf8'));
    const { models } = z.object({ models: z.object({ manifests: z.array(z.string()) }) }).parse(site);
    return models.manifests.map((file) => absolutePath(dirname(resolve(path)), file));
  } catch {
    return [];
  }
}

/**
 * Whether every model that a camera uses is known, there and the right file. Does not load it: that is
 * the detector's first act, before any camera starts. @returns what is wrong.
 */
export async function verifyModels(config: SiteConfig, path: string): Promise<BanksmanError[]> {
  const problems: BanksmanError[] = [];
  const used = new Set(
    Object.values(config.cameras)
      .filter((camera) => camera.enabled)
      .map((camera) => camera.model),
  );
  try {
    const registry = await loadRegistry(config.models);
    for (const id of used) {
      const manifest = registry.get(id);
      await readWeights(manifest, registry.weightsPath(manifest));
    }
  } catch (error) {
    if (!(error instanceof BanksmanError)) throw error;
    const own = config.models.dir !== null || config.models.manifests.length > 0;
    problems.push(error.code === 'MODEL_NOT_PULLED' && own ? withConfig(error, path) : error);
  }
  return problems;
}

/** The site file says where the weights belong: pulled without it they would land elsewhere. */
function withConfig(error: BanksmanError, path: string): BanksmanError {
  const { code, where, message, mend, cause } = error;
  return new BanksmanError(code, {
    ...(where === undefined ? {} : { where }),
    message,
    mend: `${mend} -c ${path}`,
    cause,
  });
}

export interface ModelsCommandOptions {
  /** Site file whose `models` section counts. */
  config?: string;
  json?: boolean;
}

async function registryOptions({ config: path }: ModelsCommandOptions): Promise<SiteConfig['models']> {
  if (path === undefined) return { dir: null, manifests: [] };
  const { config } = await loadOrThrow(path, { models: await knownModels(await manifestsNamedIn(path)) });
  return config.models;
}

export async function list(options: ModelsCommandOptions): Promise<number> {
  const { modelsList } = await import('../models/commands.ts');
  const { models, text } = await modelsList(await registryOptions(options));
  process.stdout.write(options.json ? `${JSON.stringify(models, null, 2)}\n` : `${text}\n`);
  return 0;
}

export async function pull(name: string, options: ModelsCommandOptions & { from?: string }): Promise<number> {
  const { modelsPull } = await import('../models/commands.ts');
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  const shows = process.stderr.isTTY === true;
  const result = await modelsPull(name, {
    ...(await registryOptions(options)),
    ...(options.from === undefined ? {} : { from: options.from }),
    signal: abort.signal,
    onProgress: (received, total) => {
      const percent = total > 0 ? `${Math.floor((100 * received) / total)} %` : '';
      if (shows) process.stderr.write(`\r${name} ${(received / 1e6).toFixed(1)} MB ${percent}   `);
    },
  }).catch((error: unknown) => {
    if (shows) process.stderr.write('\n');
    throw abort.signal.aborted
      ? new BanksmanError('MODEL_DOWNLOAD_FAILED', {
          where: name,
          message: 'interrupted; the next pull goes on from here',
        })
      : asError(error);
  });
  if (shows) process.stderr.write('\r\u001b[K');
  process.stdout.write(`${result.text}\n`);
  return 0;
}

export async function check(name: string | undefined, options: ModelsCommandOptions): Promise<number> {
  const { modelsCheck } = await import('../models/commands.ts');
  const { ok, checks, text } = await modelsCheck(name, await registryOptions(options));
  process.stdout.write(options.json ? `${JSON.stringify(checks, null, 2)}\n` : `${text}\n`);
  return ok ? 0 : 1;
}
