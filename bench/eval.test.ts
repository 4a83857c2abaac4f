import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { HAS_TEST_DATA, TEST_DATA, YOLOX_NANO } from '../test/data.ts';
import { readFrames } from '../test/footage.ts';
import { readPets } from './eval/pets.ts';
import type { Report } from './eval/report.ts';

const [WIDTH, HEIGHT] = [480, 360];

/** Its 70 people at score 0.4, with the reference's own decoding: 62 found, 22 false. */
test.skipIf(!HAS_TEST_DATA)('a known model scores on a folder what is known of it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'banksman-eval-'));
  try {
    const truth = [...readPets(join(TEST_DATA, 'annotations/pets09_s2l1_sparse/gt_sparse.txt'))];
    const wanted = truth.map(([frame]) => frame).sort((a, b) => a - b);
    const pictures = await readFrames('vtest', wanted);
    await Promise.all(
      pictures.map(({ data, width, height }, index) =>
        sharp(data, { raw: { width, height, channels: 3 } })
          .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
          .toFile(join(dir, `${wanted[index]}.jpg`)),
      ),
    );
    const instances = {
      images: wanted.map((frame) => ({ id: frame, file_name: `${frame}.jpg`, width: WIDTH, height: HEIGHT })),
      categories: [{ id: 1, name: 'person' }],
      annotations: truth.flatMap(([frame, boxes]) =>
        boxes.map(([x1, y1, x2, y2]) => ({
          image_id: frame,
          category_id: 1,
          bbox: [x1 * WIDTH, y1 * HEIGHT, (x2 - x1) * WIDTH, (y2 - y1) * HEIGHT],
        })),
      ),
    };
    await writeFile(join(dir, 'instances.json'), JSON.stringify(instances));
    await copyFile(YOLOX_NANO, join(dir, 'yolox_nano.onnx'));
    const args = ['eval', '--coco', dir, '--model', 'yolox-nano', '--models-dir', dir, '--min-height', '0', '--json'];
    const command = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'run.ts'), ...args];
    const { stdout } = await promisify(execFile)(process.execPath, command);
    const judged: { name: string; runMs: number; report: Report }[] = JSON.parse(stdout);
    const person = judged[0]?.report.classes['person'];
    expect(person?.truth).toBe(70);
    expect(Math.abs(70 * (person?.recall ?? 0) - 62)).toBeLessThanOrEqual(2);
    expect(Math.abs((person?.precision ?? 0) - 62 / 84)).toBeLessThan(0.04);
    expect(judged[0]?.runMs).toBeGreaterThan(0);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
