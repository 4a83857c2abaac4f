import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TRUTH_CLASSES } from '../../truth.ts';
import type { Posture } from '../../world/types.ts';
import { openTruth } from '../truth.ts';
import type { Clip } from '../types.ts';
import { pictureName, writePictures } from './pictures.ts';
import { exportSite } from './site.ts';

/** Less visible than this is neither to be found nor to be missed: `iscrowd`. */
export const LEAST_VISIBLE = 0.1;

export interface ExportOptions {
  /** Each such frame only. Default 1. */
  every?: number;
  signal?: AbortSignal;
}

interface Annotation {
  id: number;
  image_id: number;
  category_id: number;
  /** Pixels: left, top, width, height. */
  bbox: [number, number, number, number];
  area: number;
  iscrowd: 0 | 1;
  /** Ours: share that nothing stands before, share inside the picture, whose it is. */
  visible: number;
  inside: number;
  track: string;
  /** Ours: where it touches the ground, metres. */
  ground: [number, number];
  /** Ours, of persons: what they do and wear. */
  person?: { posture: Posture; has_helmet: boolean; has_vest: boolean };
}

/**
 * Pictures and truth of clips in COCO form: `<folder>/instances.json` and `<folder>/images/<camera>/000001.jpg`; beside
 * them what `exportSite` writes.
 * @throws BanksmanError SIMULATOR_FAILED, STORE_FULL.
 */
export async function exportCoco(
  clips: readonly Clip[],
  folder: string,
  { every = 1, signal }: ExportOptions = {},
): Promise<void> {
  await exportSite(clips, folder);
  const images: object[] = [];
  const annotations: Annotation[] = [];
  for (const { units, truth } of clips) {
    const { header, frames } = await openTruth(truth);
    const { id: camera, width, height } = header.camera;
    await writePictures(units, join(folder, 'images', camera), header.frames, { every, ...(signal ? { signal } : {}) });
    for await (const { index, objects, warp } of frames) {
      if (index % every !== 0) continue;
      const image = images.length + 1;
      const file_name = `${camera}/${pictureName(index)}`;
      // Where a camera that shakes or turns shows what it would at rest, as in the truth.
      images.push({ id: image, file_name, width, height, camera, frame: index, ...(warp ? { warp } : {}) });
      for (const { id, class: name, box, visible, inside, ground, person } of objects) {
        const [x1, y1, x2, y2] = box;
        const bbox: Annotation['bbox'] = [
          px(x1 * width),
          px(y1 * height),
          px((x2 - x1) * width),
          px((y2 - y1) * height),
        ];
        if (bbox[2] <= 0 || bbox[3] <= 0) continue;
        annotations.push({
          id: annotations.length + 1,
          image_id: image,
          category_id: TRUTH_CLASSES.indexOf(name) + 1,
          bbox,
          area: px(bbox[2] * bbox[3]),
          iscrowd: visible < LEAST_VISIBLE ? 1 : 0,
          visible,
          inside,
          track: id,
          ground: [ground.x, ground.y],
          ...(person
            ? { person: { posture: person.posture, has_helmet: person.hasHelmet, has_vest: person.hasVest } }
            : {}),
        });
      }
    }
  }
  const categories = TRUTH_CLASSES.map((name, i) => ({ id: i + 1, name }));
  const path = join(folder, 'instances.json');
  await writeFile(`${path}.tmp`, JSON.stringify({ images, categories, annotations }));
  await rename(`${path}.tmp`, path);
}

/** Hundredths of a pixel. */
function px(value: number): number {
  return Math.round(value * 100) / 100;
}
