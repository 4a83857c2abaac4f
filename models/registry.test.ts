import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAMILIES } from '../processors/detect/families/index.ts';
import { TRUTH_CLASSES } from '../simulator/truth.ts';
import { loadManifest } from './manifest.ts';
import { loadRegistry, modelsDir } from './registry.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-models-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const own = `
id: own
family: yolox
file: own.onnx
weights: [{ sha256: ${'a'.repeat(64)}, bytes: 10 }]
licence: MIT
input: { width: 192, height: 192 }
labels: [person]
threshold: 0.5
`;

describe('registry', () => {
  test('knows the built-in models, and each has a family and its labels', async () => {
    const registry = await loadRegistry({ env: {} });
    expect(registry.manifests.map(({ id, labels }) => [id, labels.length])).toEqual([
      ['nanodet-m', 80],
      ['starter', TRUTH_CLASSES.length],
      ['yolox-nano', 80],
    ]);
    for (const manifest of registry.manifests) {
      expect(FAMILIES.has(manifest.family)).toBe(true);
      expect(manifest.labels[0]).toBe('person');
    }
    expect(registry.get('starter').labels).toEqual(TRUTH_CLASSES);
  });

  test('the starter model lies beside its manifest, and is no larger than 4 MB', async () => {
    const registry = await loadRegistry({ env: {}, dir: folder });
    const starter = registry.get('starter');
    const path = registry.weightsPath(starter);
    expect(path).toBe(join(import.meta.dirname, 'starter.onnx'));
    expect((await stat(path)).size).toBe(starter.weights[0]?.bytes);
    expect((await stat(path)).size).toBeLessThanOrEqual(4e6);
  });

  test('yolox-nano pins the official release', async () => {
    const { urls, weights } = (await loadRegistry({ env: {} })).get('yolox-nano');
    expect(urls).toEqual(['https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.onnx']);
    expect(weights[0]).toMatchObject({
      sha256: 'c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d',
      bytes: 3_659_407,
    });
  });

  test('takes more manifests, and one of the same id replaces the built-in', async () => {
    const path = join(folder, 'own.yaml');
    await writeFile(path, own);
    const again = join(folder, 'yolox.yaml');
    await writeFile(again, own.replace('id: own', 'id: yolox-nano'));
    const registry = await loadRegistry({ env: {}, dir: folder, manifests: [path, again] });
    expect(registry.get('own').labels).toEqual(['person']);
    expect(registry.get('yolox-nano').input.width).toBe(192);
    expect(registry.weightsPath(registry.get('own'))).toBe(join(folder, 'own.onnx'));
  });

  test('weights beside their manifest are found there, others in the folder', async () => {
    const path = join(folder, 'beside.yaml');
    await writeFile(path, own.replace('file: own.onnx', 'file: beside.onnx'));
    const dir = join(folder, 'weights');
    const registry = await loadRegistry({ env: {}, dir, manifests: [path] });
    expect(registry.weightsPath(registry.get('own'))).toBe(join(dir, 'beside.onnx'));
    await writeFile(join(folder, 'beside.onnx'), '');
    expect(registry.weightsPath(registry.get('own'))).toBe(join(folder, 'beside.onnx'));
    expect(registry.weightsPath(registry.get('yolox-nano'))).toBe(join(dir, 'yolox_nano.onnx'));
  });

  test('an unknown name lists those that are known', async () => {
    const registry = await loadRegistry({ env: {} });
    expect(() => registry.get('yolo')).toThrow(
      expect.objectContaining({ code: 'MODEL_UNKNOWN', message: expect.stringContaining('yolox-nano') }),
    );
  });

  test('the weights folder: option, then BANKSMAN_MODELS_DIR, then the data folder of the user', () => {
    const env = { BANKSMAN_MODELS_DIR: '/m', XDG_DATA_HOME: '/x' };
    expect(modelsDir({ dir: '/d', env })).toBe('/d');
    expect(modelsDir({ dir: null, env })).toBe('/m');
    expect(modelsDir({ env: { XDG_DATA_HOME: '/x' } })).toBe('/x/banksman/models');
    expect(modelsDir({ env: {} })).toMatch(/\/\.local\/share\/banksman\/models$/);
  });
});

describe('manifest', () => {
  test.each([
    ['threshold', own.replace('threshold: 0.5', 'threshold: 5')],
    ['weights.0.sha256', own.replace('aaaa', 'AAAA')],
    ['colour', `${own}\ncolour: blue\n`],
    ['file', own.replace('own.onnx', '../own.onnx')],
    ['labels', own.replace('[person]', 'missing.txt')],
  ])('names the field that is wrong: %s', async (field, text) => {
    const path = join(folder, 'wrong.yaml');
    await writeFile(path, text);
    await expect(loadManifest(path)).rejects.toMatchObject({
      code: 'MODEL_MANIFEST_INVALID',
      where: path,
      message: expect.stringContaining(field),
    });
  });
});
