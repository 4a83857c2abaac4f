import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { BanksmanError } from '../runtime/errors.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, 'lower-case letters, digits, dots, dashes and underscores');
const share = z.number().min(0).max(1);
const sizePx = z.number().int().min(32).max(4096);

/** A weights file, by its contents. */
const weights = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits in lower case'),
  bytes: z.number().int().positive(),
  note: z.string().default(''),
});

export const manifestSchema = z.strictObject({
  /** Name in site files and on the bus. */
  id: name,
  /** Adapter that knows its input and outputs. */
  family: z.string().min(1),
  description: z.string().default(''),
  /** Name under the models folder. */
  file: name,
  /** Tried in order. Empty: only `pull --from FILE`. */
  urls: z.array(z.url({ protocol: /^https?$/ })).default([]),
  /** The first is what the URLs give; any of the others is as good. */
  weights: z.array(weights).min(1),
  licence: z.string().min(1),
  source: z.string().default(''),
  input: z.strictObject({ width: sizePx, height: sizePx, layout: z.literal('nchw').default('nchw') }),
  /** Class names in the order of the outputs: a list, or a file beside the manifest with one a line. */
  labels: z.union([z.array(z.string().min(1)).min(1), z.string().min(1)]),
  /** Score from which this model is worth believing. */
  threshold: share,
  /** Boxes of one class that overlap more than this are one. Default: the family's. */
  nms_iou: share.optional(),
  /** Share of people found by their height in a picture of `recall_width_px`, at `threshold`. */
  recall_by_height_px: z.array(z.strictObject({ height_px: z.number().positive(), recall: share })).default([]),
  recall_width_px: z.number().int().positive().default(960),
});

/** A manifest with its labels read. */
export type ModelManifest = Omit<z.infer<typeof manifestSchema>, 'labels'> & { labels: string[] };

/** @throws BanksmanError MODEL_MANIFEST_INVALID with file and field. */
export async function loadManifest(path: string): Promise<ModelManifest> {
  const invalid = (message: string, cause?: unknown): BanksmanError =>
    new BanksmanError('MODEL_MANIFEST_INVALID', { where: path, message, cause });
  let document: unknown;
  try {
    document = parse(await readFile(path, 'utf8'));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (/^E[A-Z]+$/.test(code)) throw invalid(`the manifest cannot be read (${code})`, cause);
    throw invalid(cause instanceof Error ? (cause.message.split('\n')[0] ?? 'unreadable') : 'unreadable', cause);
  }
  const result = manifestSchema.safeParse(document);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join('.') || 'manifest'}: ${issue.message}`);
    throw invalid(problems.join('; '));
  }
  const { labels, ...manifest } = result.data;
  if (typeof labels !== 'string') return { ...manifest, labels };
  try {
    const lines = (await readFile(resolve(dirname(path), labels), 'utf8')).split(/\r?\n/);
    const names = lines.map((line) => line.trim()).filter((line) => line !== '');
    if (names.length === 0) throw new Error('no names in it');
    return { ...manifest, labels: names };
  } catch (cause) {
    throw invalid(`labels: cannot read ${labels}`, cause);
  }
}

/** The weights that `pull` brings. */
export function officialWeights(manifest: ModelManifest): ModelManifest['weights'][number] {
  const [first] = manifest.weights;
  if (first === undefined) throw new BanksmanError('MODEL_MANIFEST_INVALID', { where: manifest.id });
  return first;
}
