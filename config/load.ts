/** From a file to a site that can be run, or to everything that is wrong with it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ERRORS } from '../runtime/errors.ts';
import type { SecretRef } from '../runtime/messages/types.ts';
import { crossProblems } from './cross.ts';
import type { KnownModels } from './cross_report.ts';
import { canonicalJson, hashOf } from './hash.ts';
import { problemsOf } from './issues.ts';
import { type Problem, sortProblems } from './problems.ts';
import { siteSchema } from './schema.ts';
import { resolveSite, type SiteConfig } from './site.ts';
import { type Parsed, parseTree } from './tree.ts';
import { siteWarnings } from './warnings.ts';

export interface LoadedSite {
  config: SiteConfig;
  /** SHA-256 of `canonical`, hex. Does not depend on where the file lies or how it is written. */
  configHash: string;
  /** The resolved configuration as canonical JSON, secrets as names only, paths as written. */
  canonical: string;
  /** SHA-256 of the text, hex, for `SiteWatcher`. */
  sourceHash: string;
  warnings: Problem[];
}

export type LoadResult = LoadedSite | { problems: Problem[] };

export interface LoadOptions {
  /** Where given, models and classes that nobody knows are refused. */
  models?: KnownModels;
}

const MAX_BYTES = 16_000_000;

/** Reads and checks a site file. Never throws: what is wrong comes back as problems, in order of place. */
export async function loadSite(path: string, options: LoadOptions = {}): Promise<LoadResult> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    return wholeFile('CONFIG_NOT_FOUND', whyUnreadable(cause));
  }
  return loadSiteText(text, path, options);
}

/** As `loadSite`, from text; paths in it are relative to the folder of `path`. */
export function loadSiteText(text: string, path: string, options: LoadOptions = {}): LoadResult {
  if (text.length > MAX_BYTES) return wholeFile('CONFIG_SYNTAX', `the site file is larger than ${MAX_BYTES} bytes`);
  if (text.includes('\0')) {
    return wholeFile('CONFIG_SYNTAX', 'the site file is not text in UTF-8', 'Save it as UTF-8 in your editor.');
  }
  const parsed = parseTree(text);
  const { tree, problems } = parsed;
  if (tree.root.value === null && problems.length === 0) {
    return wholeFile('CONFIG_MISSING_KEY', 'the site file is empty', 'Copy config/examples/quickstart.yaml.');
  }
  const result = siteSchema.safeParse(tree.root.value);
  const schemaProblems = result.success ? [] : problemsOf(result.error.issues, tree);
  const crossing = crossProblems(tree, options.models);
  const found = [...problems, ...believable(parsed, [...schemaProblems, ...crossing])];
  if (found.length > 0 || !result.success) return { problems: sortProblems(found) };

  const asWritten = resolveSite(result.data);
  const canonical = canonicalJson(asWritten);
  const config = withAbsolutePaths(asWritten, dirname(resolve(path)));
  const warnings = sortProblems(siteWarnings(config, tree));
  const sourceHash = createHash('sha256').update(text).digest('hex');
  return { config, configHash: hashOf(asWritten), canonical, sourceHash, warnings };
}

function whyUnreadable(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such site file';
  if (code === 'EISDIR') return 'the site file is a folder';
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read the site file';
  return `${ERRORS.CONFIG_NOT_FOUND.message} (${String(code)})`;
}

function wholeFile(code: 'CONFIG_NOT_FOUND' | 'CONFIG_SYNTAX' | 'CONFIG_MISSING_KEY', message: string, mend?: string) {
  return { problems: [{ code, path: '', line: 1, column: 1, message, mend: mend ?? ERRORS[code].mend }] };
}

/**
 * Where the YAML itself is broken, what follows may have been read wrongly: of the rest only mistakes
 * in sections above the first break are told, and none that depends on another section.
 */
function believable(parsed: Parsed, all: Problem[]): Problem[] {
  const unread = new Set(parsed.problems.filter(({ code }) => code === 'CONFIG_SYNTAX').map(place));
  // What could not be read stands as null in the tree: that is no mistake of its own.
  const problems = all.filter((problem) => !unread.has(place(problem)));
  if (!parsed.broken) return problems;
  const firstBreak = Math.min(...parsed.problems.map(({ line }) => line));
  const sections = [...parsed.tree.root.children.values()].map(({ keyAt }) => keyAt.line).sort((a, b) => a - b);
  const cut = sections.filter((line) => line <= firstBreak).at(-1) ?? 0;
  return problems.filter(
    ({ line, code, path }) =>
      line < cut && code !== 'CONFIG_UNKNOWN_REFERENCE' && !(code === 'CONFIG_MISSING_KEY' && !/[.[]/.test(path)),
  );
}

const place = ({ line, column }: Problem): string => `${line}:${column}`;

/** A path of a site file in `folder`; `~/` is the user's home. */
export function absolutePath(folder: string, path: string): string {
  return resolve(folder, path.startsWith('~/') ? join(homedir(), path.slice(2)) : path);
}

function withAbsolutePaths(config: SiteConfig, folder: string): SiteConfig {
  const absolute = (path: string): string => absolutePath(folder, path);
  const secret = (ref: SecretRef | null): SecretRef | null =>
    ref && 'file' in ref ? { file: absolute(ref.file) } : ref;
  const cameras = Object.entries(config.cameras).map(([id, camera]) => [
    id,
    {
      ...camera,
      username: secret(camera.username),
      password: secret(camera.password),
      tls: { ...camera.tls, ca_file: camera.tls.ca_file === null ? null : absolute(camera.tls.ca_file) },
    },
  ]);
  const { tls } = config.console;
  const { redis } = config.state;
  const { kafka } = config.bus;
  const fileOf = (path: string | null): string | null => (path === null ? null : absolute(path));
  return {
    ...config,
    data_dir: absolute(config.data_dir),
    models: {
      dir: config.models.dir === null ? null : absolute(config.models.dir),
      manifests: config.models.manifests.map(absolute),
    },
    cameras: Object.fromEntries(cameras),
    bus: {
      ...config.bus,
      kafka: kafka && {
        ...kafka,
        tls: kafka.tls && {
          ...kafka.tls,
          ca_file: fileOf(kafka.tls.ca_file),
          cert_file: fileOf(kafka.tls.cert_file),
          key_file: fileOf(kafka.tls.key_file),
        },
        sasl: kafka.sasl && {
          ...kafka.sasl,
          password: secret(kafka.sasl.password),
          token_file: fileOf(kafka.sasl.token_file),
        },
      },
    },
    state: {
      ...config.state,
      redis: redis && {
        ...redis,
        password: secret(redis.password),
        tls: {
          ...redis.tls,
          ca_file: fileOf(redis.tls.ca_file),
          cert_file: fileOf(redis.tls.cert_file),
          key_file: fileOf(redis.tls.key_file),
        },
      },
    },
    alerts: {
      ...config.alerts,
      channels: config.alerts.channels.map((channel) =>
        'ca_file' in channel ? { ...channel, ca_file: fileOf(channel.ca_file) } : channel,
      ),
    },
    fleet: { token: secret(config.fleet.token) },
    console: {
      ...config.console,
      accounts: secret(config.console.accounts),
      tls: tls && { cert_file: absolute(tls.cert_file), key_file: absolute(tls.key_file) },
    },
  };
}
