/**
 * Folders in COCO form: `instances.json` and the pictures that it names, beside it or under `images/`.
 * Of an annotation also `visible` and `inside` are read (ours, 0–1, 1 where they are missing): the share of what the
 * picture holds that nothing stands before, and the share that the picture holds.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BanksmanError } from '../../runtime/errors.ts';
import type { CocoTruth } from './coco.ts';

const box = z.tuple([z.number(), z.number(), z.number().min(0), z.number().min(0)]);

const instancesSchema = z.object({
  images: z.array(
    z.object({ id: z.number(), file_name: z.string(), width: z.number().positive(), height: z.number().positive() }),
  ),
  categories: z.array(z.object({ id: z.number(), name: z.string() })),
  annotations: z.array(
    z.object({
      image_id: z.number(),
      category_id: z.number(),
      bbox: box,
      area: z.number().optional(),
      iscrowd: z.union([z.literal(0), z.literal(1)]).default(0),
      visible: z.number().min(0).max(1).default(1),
      inside: z.number().min(0).max(1).default(1),
    }),
  ),
});

const resultsSchema = z.array(
  z.object({ image_id: z.number(), category_id: z.number(), bbox: box, score: z.number() }),
);

export interface CocoImage {
  id: number;
  file_name: string;
  width: number;
  height: number;
}

export interface CocoFile {
  images: CocoImage[];
  categories: { id: number; name: string }[];
  truth: CocoTruth[];
}

/** @throws BanksmanError USAGE naming file and field */
export function readCocoTruth(path: string): CocoFile {
  const { images, categories, annotations } = parsed(path, instancesSchema);
  const truth = annotations.map((row) => ({
    image: row.image_id,
    category: row.category_id,
    box: row.bbox,
    area: row.area ?? row.bbox[2] * row.bbox[3],
    crowd: row.iscrowd === 1,
    // Behind a lorry or beyond the picture's edge: both are out of sight.
    visible: row.visible * row.inside,
  }));
  return { images, categories, truth };
}

/** A results file as COCO has it. @throws BanksmanError USAGE */
export function readCocoResults(
  path: string,
): { image: number; category: number; box: CocoTruth['box']; score: number }[] {
  return parsed(path, resultsSchema).map((row) => ({
    image: row.image_id,
    category: row.category_id,
    box: row.bbox,
    score: row.score,
  }));
}

/** Where a picture of the folder lies. @throws BanksmanError USAGE */
export function picturePath(folder: string, image: CocoImage): string {
  const path = [join(folder, image.file_name), join(folder, 'images', image.file_name)].find((one) => existsSync(one));
  if (path === undefined) throw new BanksmanError('USAGE', { where: folder, message: `no picture ${image.file_name}` });
  return path;
}

function parsed<T>(path: string, schema: z.ZodType<T>): T {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new BanksmanError('USAGE', { where: path, message, cause });
  }
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new BanksmanError('USAGE', { where: path, message: `${issue?.path.join('.')}: ${issue?.message}` });
}
