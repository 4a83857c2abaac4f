import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HAS_TEST_DATA, TEST_DATA } from '../test/data.ts';
import { modelsCheck, modelsList, modelsPull } from './commands.ts';
import { loadManifest } from './manifest.ts';
import { openModel } from './session.ts';

const YOLOX = join(TEST_DATA, 'models', 'yolox_nano_416x416.onnx');
const NANODET = join(TEST_DATA, 'models', 'nanodet_m_320.onnx');

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-models-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe.skipIf(!HAS_TEST_DATA)('models', () => {
  test('pull --from, list and check agree', async () => {
    const before = await modelsList({ dir });
    expect(before.models.map(({ id, state }) => [id, state])).toEqual([
      ['nanodet-m', 'absent'],
      ['starter', 'ready'],
      ['yolox-nano', 'absent'],
    ]);
    expect(await modelsPull('yolox-nano', { dir, from: YOLOX })).toMatchObject({ id: 'yolox-nano', already: false });
    expect(await modelsPull('nanodet-m', { dir, from: NANODET })).toMatchObject({ id: 'nanodet-m' });
    expect((await modelsList({ dir })).models.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
    const checked = await modelsCheck(undefined, { dir });
    expect(checked).toMatchObject({ ok: true });
    expect(checked.checks.map(({ id }) => id)).toEqual(['nanodet-m', 'starter', 'yolox-nano']);
    expect(checked.text).toMatch(/yolox-nano: right, \d+ ms a run/);
  });

  test('check of a model that is not there says how to get it', async () => {
    const { ok, checks, text } = await modelsCheck('yolox-nano', { dir });
    expect(ok).toBe(false);
    expect(checks[0]?.code).toBe('MODEL_NOT_PULLED');
    expect(text).toContain('models pull');
  });

  test.each([
    ['an HTML page', '<!DOCTYPE html><html>', 'MODEL_NOT_ONNX'],
    ['a file cut short', null, 'MODEL_CHECKSUM_MISMATCH'],
  ])('check and list see %s', async (_what, text, code) => {
    await writeFile(join(dir, 'yolox_nano.onnx'), text ?? (await readFile(YOLOX)).subarray(0, 100_000));
    expect((await modelsCheck('yolox-nano', { dir })).checks[0]).toMatchObject({ ok: false, code });
    const { models } = await modelsList({ dir });
    expect(models.find(({ id }) => id === 'yolox-nano')).toMatchObject({ state: code });
  });

  const own = async (text: string): Promise<string> => {
    const path = join(dir, 'own.yaml');
    await writeFile(path, text);
    return path;
  };
  const manifestFor = (family: string, sha256: string, more: string): string =>
    `{ id: own, family: ${family}, file: own.onnx, weights: [{ sha256: ${sha256}, bytes: 1 }], licence: x, threshold: 0.4, ${more} }`;

  test.each([
    ['another family', 'nanodet', 'input: { width: 416, height: 416 }, labels: [person]', 'MODEL_SIGNATURE_MISMATCH'],
    ['another input', 'yolox', 'input: { width: 320, height: 320 }, labels: [person]', 'MODEL_SIGNATURE_MISMATCH'],
    ['too few labels', 'yolox', 'input: { width: 416, height: 416 }, labels: [person]', 'MODEL_SIGNATURE_MISMATCH'],
    ['no such family', 'yolo9000', 'input: { width: 416, height: 416 }, labels: [person]', 'MODEL_MANIFEST_INVALID'],
  ])('a manifest with %s is refused', async (_what, family, more, code) => {
    await copyFile(YOLOX, join(dir, 'own.onnx'));
    const alternate = (await loadManifest(join(import.meta.dirname, 'yolox-nano.yaml'))).weights[1];
    const manifests = [await own(manifestFor(family, alternate?.sha256 ?? '', more))];
    expect((await modelsCheck('own', { dir, manifests })).checks[0]).toMatchObject({ ok: false, code });
  });

  test('bytes with the right checksum that are no model are told from wrong ones', async () => {
    const path = join(dir, 'own.onnx');
    await writeFile(path, Buffer.from([0x08, 0x07, 0xff, 0xff, 0xff]));
    const sha256 = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    const manifest = await loadManifest(
      await own(manifestFor('yolox', sha256, 'input: { width: 416, height: 416 }, labels: [person]')),
    );
    await expect(openModel(manifest, path, { mismatch: () => null })).rejects.toMatchObject({ code: 'MODEL_NOT_ONNX' });
  });

  test('an unknown name', async () => {
    await expect(modelsCheck('none', { dir })).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
    await expect(modelsPull('none', { dir })).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
  });
});
