import type { KnownModels } from '../config/cross_report.ts';
import type { SiteConfig } from '../config/site.ts';
import { loadRegistry } from '../models/registry.ts';
import { readWeights } from '../models/weights.ts';
import { asError, BanksmanError } from '../runtime/errors.ts';

/** Models and their classes, for checks of the site file; null where a manifest is not valid itself. */
export async function knownModels(manifests: readonly string[] = []): Promise<KnownModels> {
  const registry = await loadRegistry({ manifests });
  return new Map(registry.manifests.map(({ id, labels }) => [id, labels]));
}

/**
 * Whether every model that a camera uses is known, there and the right file. Does not load it: that is
 * the detector's first act, before any camera starts. @returns what is wrong.
 */
export async function verifyModels(config: SiteConfig): Promise<BanksmanError[]> {
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
    problems.push(error);
  }
  return problems;
}

export async function list(options: { json?: boolean }): Promise<number> {
  const { modelsList } = await import('../models/commands.ts');
  const { models, text } = await modelsList();
  process.stdout.write(options.json ? `${JSON.stringify(models, null, 2)}\n` : `${text}\n`);
  return 0;
}

export async function pull(name: string, options: { from?: string }): Promise<number> {
  const { modelsPull } = await import('../models/commands.ts');
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  const shows = process.stderr.isTTY === true;
  const result = await modelsPull(name, {
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

export async function check(name: string | undefined, options: { json?: boolean }): Promise<number> {
  const { modelsCheck } = await import('../models/commands.ts');
  const { ok, checks, text } = await modelsCheck(name);
  process.stdout.write(options.json ? `${JSON.stringify(checks, null, 2)}\n` : `${text}\n`);
  return ok ? 0 : 1;
}
