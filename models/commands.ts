import { stat } from 'node:fs/promises';
import { FAMILIES } from '../processors/detect/families/index.ts';
import { BanksmanError, type ErrorCode } from '../runtime/errors.ts';
import type { ModelManifest } from './manifest.ts';
import { type Pulled, type PullOptions, pullModel } from './pull.ts';
import { loadRegistry, type ModelsOptions } from './registry.ts';
import { openModel } from './session.ts';
import { readWeights } from './weights.ts';

export interface ModelListing {
  readonly id: string;
  readonly family: string;
  readonly description: string;
  readonly licence: string;
  readonly input: { width: number; height: number };
  readonly threshold: number;
  readonly path: string;
  /** `ready`: there and right; `absent`; else the code of what is wrong with the file. */
  readonly state: 'ready' | 'absent' | ErrorCode;
}

export interface ModelCheck {
  readonly id: string;
  readonly ok: boolean;
  readonly sha256: string | null;
  readonly path: string;
  /** Of one run after the warm-up, milliseconds; null when it did not come that far. */
  readonly runMs: number | null;
  readonly code: ErrorCode | null;
  /** What is wrong and how to mend it; empty when all is well. */
  readonly message: string;
}

/** What `models list` prints: data, and the same for people. */
export async function modelsList(options: ModelsOptions = {}): Promise<{ models: ModelListing[]; text: string }> {
  const registry = await loadRegistry(options);
  const models: ModelListing[] = [];
  for (const manifest of registry.manifests) {
    const { id, family, description, licence, input, threshold } = manifest;
    const path = registry.weightsPath(manifest);
    const { width, height } = input;
    const state = await stateOf(manifest, path);
    models.push({ id, family, description, licence, input: { width, height }, threshold, path, state });
  }
  const width = Math.max(...models.map((model) => model.id.length));
  const lines = models.map(({ id, state, licence, description }) =>
    [id.padEnd(width), state.padEnd(8), licence, '', description].join('  '),
  );
  return { models, text: [...lines, '', `weights in ${registry.dir}`].join('\n') };
}

/**
 * `models pull NAME [--from FILE]`.
 * @throws BanksmanError MODEL_UNKNOWN and those of pullModel
 */
export async function modelsPull(
  name: string,
  options: ModelsOptions & PullOptions = {},
): Promise<Pulled & { id: string; text: string }> {
  const registry = await loadRegistry(options);
  const manifest = registry.get(name);
  const pulled = await pullModel(manifest, registry.weightsPath(manifest), options);
  const what = pulled.already ? 'is there already' : `${(pulled.bytes / 1e6).toFixed(1)} MB, checksum right`;
  return { ...pulled, id: name, text: `${name}: ${what} (${pulled.path})` };
}

/**
 * `models check [NAME]`: checksum, format, signature and a run of one model, or of all whose weights are
 * here. Never throws for a model that fails; `ok` tells.
 * @throws BanksmanError MODEL_UNKNOWN
 */
export async function modelsCheck(
  name?: string,
  options: ModelsOptions = {},
): Promise<{ ok: boolean; checks: ModelCheck[]; text: string }> {
  const registry = await loadRegistry(options);
  const checks: ModelCheck[] = [];
  for (const manifest of name === undefined ? registry.manifests : [registry.get(name)]) {
    const path = registry.weightsPath(manifest);
    const check = await checkModel(manifest, path);
    if (name !== undefined || check.code !== 'MODEL_NOT_PULLED') checks.push(check);
  }
  const text = checks
    .map((check) =>
      check.ok ? `${check.id}: right, ${check.runMs?.toFixed(0)} ms a run (${check.path})` : check.message,
    )
    .join('\n');
  return {
    ok: checks.length > 0 && checks.every((check) => check.ok),
    checks,
    text,
  };
}

/** Everything that can be known of a model before a camera starts. */
export async function checkModel(manifest: ModelManifest, path: string): Promise<ModelCheck> {
  const { id } = manifest;
  try {
    const family = FAMILIES.get(manifest.family);
    if (!family) {
      const known = [...FAMILIES.keys()].join(', ');
      throw new BanksmanError('MODEL_MANIFEST_INVALID', {
        where: id,
        message: `no family ${manifest.family}; known: ${known}`,
      });
    }
    const session = await openModel(manifest, path, family);
    const start = performance.now();
    await session.run();
    const runMs = performance.now() - start;
    await session.release();
    return { id, ok: true, sha256: session.sha256, path, runMs: Math.round(runMs * 10) / 10, code: null, message: '' };
  } catch (error) {
    if (!(error instanceof BanksmanError)) throw error;
    return { id, ok: false, sha256: null, path, runMs: null, code: error.code, message: error.toDisplay() };
  }
}

async function stateOf(manifest: ModelManifest, path: string): Promise<ModelListing['state']> {
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (!there) return 'absent';
  try {
    await readWeights(manifest, path);
    return 'ready';
  } catch (error) {
    return error instanceof BanksmanError ? error.code : 'INTERNAL';
  }
}
