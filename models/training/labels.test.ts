import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** The steps that need no PyTorch; what does is tried by hand, see the README. */
const HERE = import.meta.dirname;
const HAS_PYTHON = spawnSync('python3', ['--version']).status === 0;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-labels-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe.skipIf(!HAS_PYTHON)('labels', () => {
  const jpeg = (width: number, height: number): Promise<Buffer> =>
    sharp({ create: { width, height, channels: 3, background: '#777' } })
      .jpeg()
      .toBuffer();

  const instances = (boxes: number[][]): string =>
    JSON.stringify({
      images: [{ id: 1, file_name: 'a.jpg', width: 96, height: 54 }],
      categories: [
        { id: 7, name: 'vest' },
        { id: 3, name: 'person' },
      ],
      annotations: boxes.map((bbox, index) => ({ id: index, image_id: 1, category_id: 3, bbox, visible: 0.3 })),
    });

  const labels = (): { status: number | null; told: Record<string, unknown> } => {
    const { status, stdout } = spawnSync('python3', ['-B', join(HERE, 'labels.py'), dir, '--json']);
    return { status, told: JSON.parse(String(stdout)) };
  };

  test('counts by class and by height in a picture of the usual width', async () => {
    await writeFile(join(dir, 'a.jpg'), await jpeg(96, 54));
    await writeFile(join(dir, 'instances.json'), instances([[10, 10, 2, 5]]));
    expect(labels()).toEqual({
      status: 0,
      told: {
        pictures: 1,
        empty: 0,
        problems: {},
        classes: {
          person: { boxes: 1, pictures: 1, half_hidden: 1, by_height_px: { 48: 1 } },
          vest: { boxes: 0, pictures: 0, half_hidden: 0, by_height_px: {} },
        },
      },
    });
  });

  test('names what training would stumble over', async () => {
    await writeFile(join(dir, 'a.jpg'), await jpeg(90, 54));
    const boxes = [
      [10, 10, 0, 5],
      [90, 10, 9, 5],
      [1, 1, 5, 5],
      [1, 1, 5, 5],
    ];
    await writeFile(join(dir, 'instances.json'), instances(boxes));
    const { status, told } = labels();
    expect(status).toBe(1);
    expect(Object.keys(told['problems'] ?? {}).sort()).toEqual([
      'box reaches out of the picture',
      'empty box',
      'same box more than once',
      'size differs from instances.json',
    ]);
  });

  test('every script compiles', async () => {
    const scripts = (await readdir(HERE)).filter((file) => file.endsWith('.py'));
    expect(scripts).toContain('train.py');
    const code = 'import ast, sys\nfor file in sys.argv[1:]: ast.parse(open(file).read(), file)';
    execFileSync('python3', ['-B', '-c', code, ...scripts.map((script) => join(HERE, script))]);
  });
});
