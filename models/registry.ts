import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { BanksmanError } from '../runtime/errors.ts';
import { loadManifest, type ModelManifest } from './manifest.ts';

export interface ModelsOptions {
  /** Folder of the weights. Default: $BANKSMAN_MODELS_DIR, else banksman/models in the user's data folder. */
  dir?: string | null;
  /** Manifest files besides the built-in ones; one of the same id replaces it. */
  manifests?: readonly string[];
  env?: Readonly<Record<string, string | undefined>>;
}

/** Known models and where their weights lie. */
export interface ModelRegistry {
  readonly dir: string;
  /** By id, sorted. */
  readonly manifests: readonly ModelManifest[];
  /** @throws BanksmanError MODEL_UNKNOWN naming the models that exist. */
  get(id: string): ModelManifest;
  /** Beside the manifest where they lie there, as those of a training do; else in `dir`, there or not. */
  weightsPath(manifest: ModelManifest): string;
}

export function modelsDir(options: ModelsOptions = {}): string {
  const env = options.env ?? process.env;
  const chosen = options.dir ?? env['BANKSMAN_MODELS_DIR'];
  if (chosen) return resolve(chosen);
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'banksman', 'models');
}

/** Reads all manifests. @throws BanksmanError MODEL_MANIFEST_INVALID for the first that is not valid. */
export async function loadRegistry(options: ModelsOptions = {}): Promise<ModelRegistry> {
  const builtIn = (await readdir(import.meta.dirname)).filter((file) => file.endsWith('.yaml')).sort();
  const byId = new Map<string, ModelManifest>();
  const folders = new Map<string, string>();
  for (const path of [...builtIn.map((file) => join(import.meta.dirname, file)), ...(options.manifests ?? [])]) {
    const manifest = await loadManifest(path);
    byId.set(manifest.id, manifest);
    folders.set(manifest.id, dirname(path));
  }
  const dir = modelsDir(options);
  const manifests = [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    dir,
    manifests,
    get(id) {
      const manifest = byId.get(id);
      if (manifest) return manifest;
      throw new BanksmanError('MODEL_UNKNOWN', {
        where: id,
        message: `no model of that name; known: ${manifests.map((known) => known.id).join(', ')}`,
      });
    },
    weightsPath(manifest) {
      const beside = join(folders.get(manifest.id) ?? dir, manifest.file);
      return existsSync(beside) ? beside : join(dir, manifest.file);
    },
  };
}
