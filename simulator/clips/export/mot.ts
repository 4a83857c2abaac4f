import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openTruth } from '../truth.ts';
import type { Clip } from '../types.ts';
import type { ExportOptions } from './coco.ts';
import { pictureName, writePictures } from './pictures.ts';
import { exportSite } from './site.ts';

/** MOTChallenge's numbers: pedestrian, car (here every vehicle). Hats and vests are parts of persons. */
const CLASSES: Record<string, number> = { person: 1, forklift: 3, lorry: 3 };
/** From here on a perfect detector sees it. */
const DETECTABLE = 0.3;

/**
 * Clips in MOTChallenge form, a sequence a camera: `seqinfo.ini`, `img1/000001.jpg`, `gt/gt.txt` (persons; vehicles
 * with conf 0, which evaluators leave out) and `det/det.txt`, what a detector without fault would say of persons.
 * Beside the sequences stands what `exportSite` writes. With `every` the frames kept are numbered anew and the frame rate is that of what is kept.
 */
export async function exportMot(
  clips: readonly Clip[],
  folder: string,
  { every = 1, signal }: ExportOptions = {},
): Promise<void> {
  await exportSite(clips, folder);
  for (const { units, truth } of clips) {
    const { header, frames } = await openTruth(truth);
    const { id: camera, width, height } = header.camera;
    const sequence = join(folder, camera);
    for (const part of ['gt', 'det']) await mkdir(join(sequence, part), { recursive: true });
    const ids = new Map<string, number>();
    const gt: string[] = [];
    const det: string[] = [];
    let length = 0;
    for await (const { index, objects } of frames) {
      if (index % every !== 0) continue;
      length++;
      for (const { id, class: name, box, visible } of objects) {
        const type = CLASSES[name];
        if (type === undefined) continue;
        const number = ids.get(id) ?? ids.size + 1;
        ids.set(id, number);
        const [x1, y1, x2, y2] = box;
        // Left and top count from 1.
        const place = [x1 * width + 1, y1 * height + 1, (x2 - x1) * width, (y2 - y1) * height].map((value) =>
          value.toFixed(2),
        );
        gt.push([length, number, ...place, type === 1 ? 1 : 0, type, visible.toFixed(3)].join(','));
        if (type === 1 && visible >= DETECTABLE) det.push([length, -1, ...place, 1, -1, -1, -1].join(','));
      }
    }
    await writeFile(join(sequence, 'gt', 'gt.txt'), `${gt.join('\n')}\n`);
    await writeFile(join(sequence, 'det', 'det.txt'), `${det.join('\n')}\n`);
    const info = {
      name: camera,
      imDir: 'img1',
      frameRate: header.fps / every,
      seqLength: length,
      imWidth: width,
      imHeight: height,
      imExt: '.jpg',
    };
    await writeFile(
      join(sequence, 'seqinfo.ini'),
      `[Sequence]\n${Object.entries(info)
        .map(([key, value]) => `${key}=${value}`)
        .join('\n')}\n`,
    );
    await writePictures(units, join(sequence, 'img1'), header.frames, { every, ...(signal ? { signal } : {}) });
    if (every > 1) await renumber(join(sequence, 'img1'), header.frames, every);
  }
}

async function renumber(folder: string, frames: number, every: number): Promise<void> {
  for (let index = every, place = 1; index < frames; index += every, place++) {
    await rename(join(folder, pictureName(index)), join(folder, pictureName(place)));
  }
}
