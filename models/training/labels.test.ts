import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
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

  test('a folder to judge on that lacks a class is refused before anything is scaled or learnt', async () => {
    const folder = async (name: string, classes: string[]): Promise<string> => {
      const path = join(dir, name);
      await mkdir(path);
      const categories = classes.map((label, index) => ({ id: index + 1, name: label }));
      await writeFile(join(path, 'instances.json'), JSON.stringify({ images: [], categories, annotations: [] }));
      return path;
    };
    const train = await folder('train', ['person', 'hard-hat', 'vest']);
    const val = await folder('val', ['vest', 'person']);
    // What needs PyTorch is stood in for; who scales pictures says so.
    const code = `
import argparse, pathlib, sys, unittest.mock
for name in ("torch", "data", "loss", "network", "predict"):
    sys.modules[name] = unittest.mock.MagicMock()
sys.modules["data"].Pictures.side_effect = lambda *_: print("scales") or unittest.mock.MagicMock()
sys.path.insert(0, sys.argv[1])
import folder, train
data, val, classes = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4] or None
try:
    train.prepare(argparse.Namespace(data=data, val=val, init=None, classes=classes, size="64x64"), data)
except folder.FolderError as error:
    print(error)
`;
    const prepared = (classes: string, judged: string): string =>
      execFileSync('python3', ['-B', '-c', code, HERE, train, judged, classes], { encoding: 'utf8' });
    expect(prepared('', val)).toBe(
      `${join(val, 'instances.json')}: has no class hard-hat, which is to be learnt from ${train}. ` +
        'Add what is lacking to the categories there, with boxes or without, or leave it out: --classes person,vest\n',
    );
    expect(prepared('person,vest', val)).toBe('scales\nscales\n');
    expect(prepared('', train)).toBe('scales\nscales\n');
  }, 60_000);

  test('every script compiles', async () => {
    const scripts = (await readdir(HERE)).filter((file) => file.endsWith('.py'));
    expect(scripts).toContain('train.py');
    const code = 'import ast, sys\nfor file in sys.argv[1:]: ast.parse(open(file).read(), file)';
    execFileSync('python3', ['-B', '-c', code, ...scripts.map((script) => join(HERE, script))]);
  });
});
