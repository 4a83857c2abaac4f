import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadRegistry } from '../../models/registry.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import type { MetricName } from '../../runtime/metrics.ts';
import { HAS_TEST_DATA, TEST_DATA } from '../../test/data.ts';
import { isClip, type Picture, readFrames } from '../../test/footage.ts';
import { until } from '../../test/wait.ts';
import golden from './families/golden.json' with { type: 'json' };
import { DetectorPool, type PoolOptions } from './pool.ts';
import type { LookRequest, ModelFile } from './protocol.ts';
import { toDetections } from './records.ts';

const FILES: Record<string, string> = { 'yolox-nano': 'yolox_nano_416x416.onnx', 'nanodet-m': 'nanodet_m_320.onnx' };
const MODEL_OF: Record<string, string> = { yolox: 'yolox-nano', nanodet: 'nanodet-m' };

const modelFile = async (id: string): Promise<ModelFile> => ({
  manifest: (await loadRegistry({ env: {} })).get(id),
  path: join(TEST_DATA, 'models', FILES[id] ?? ''),
});

const toJpeg = ({ data, width, height }: Picture): Promise<Buffer> =>
  sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 92 })
    .toBuffer();

const request = (model: string, ...pictures: Buffer[]): LookRequest => ({
  model,
  pictures: pictures.map((picture) => new Uint8Array(picture)),
  regions: [],
  floor: 0.1,
});

let pool: DetectorPool | undefined;
const restarts: string[] = [];
const makePool = (options: Partial<PoolOptions> = {}): DetectorPool => {
  restarts.length = 0;
  pool = new DetectorPool({
    clock: systemClock,
    log: silentLogger,
    metrics: {
      inc: (name: MetricName, labels = {}) => {
        if (name === 'detector_restarts_total') restarts.push(labels['reason'] ?? '');
      },
      set() {},
      observe() {},
      remove() {},
    },
    workers: 1,
    onFree: () => undefined,
    onStuck: () => undefined,
    ...options,
  });
  return pool;
};
afterEach(async () => {
  await pool?.stop();
  pool = undefined;
});

describe.skipIf(!HAS_TEST_DATA)('detector pool with real models', () => {
  const jpegs = new Map<string, Buffer>();
  beforeAll(async () => {
    for (const { video, frame } of golden.frames) {
      if (!isClip(video) || jpegs.has(video)) continue;
      const [picture] = await readFrames(video, [frame]);
      if (picture) jpegs.set(video, await toJpeg(picture));
    }
  }, 120_000);

  const jpegOf = (video: string): Buffer => jpegs.get(video) ?? Buffer.alloc(0);

  test('finds on JPEGs what the reference finds on the pictures', async () => {
    const files = await Promise.all(['yolox-nano', 'nanodet-m'].map(modelFile));
    const pool = makePool();
    await pool.start(files);
    for (const { family, video, cubic } of golden.frames) {
      const model = MODEL_OF[family] ?? '';
      const labels = files.find(({ manifest }) => manifest.id === model)?.manifest.labels ?? [];
      const found = toDetections((await pool.look(request(model, jpegOf(video)))).boxes, labels);
      // Compression and another resampling move scores a little.
      for (const wanted of cubic.filter(({ score }) => score >= 0.5)) {
        const match = found.find(
          (box) =>
            box.class === wanted.class &&
            Math.abs(box.score - wanted.score) < 0.12 &&
            box.box.every((value, index) => Math.abs(value - (wanted.box[index] ?? 0)) < 0.03),
        );
        expect(match, `${model} ${video} ${JSON.stringify(wanted)} in ${JSON.stringify(found)}`).toBeDefined();
      }
      const sure = found.filter(({ class: name, score }) => name === 'person' && score >= 0.6);
      expect(sure.length).toBeLessThanOrEqual(cubic.filter(({ class: name }) => name === 'person').length);
    }
  });

  test('crops are looked at too', async () => {
    const pool = makePool();
    const file = await modelFile('yolox-nano');
    await pool.start([file]);
    const jpeg = jpegOf('intel_one-by-one-person-detection');
    const [width, height] = [384, 432];
    const crop = await sharp(jpeg).extract({ left: 384, top: 0, width, height }).jpeg().toBuffer();
    const grey = await sharp(jpeg).greyscale().blur(20).jpeg().toBuffer();
    const look = (full: Buffer, ...crops: Buffer[]) =>
      pool.look({ ...request('yolox-nano', full, ...crops), regions: crops.map(() => [0.5, 0, 1, 1]) });
    const people = async (...args: Parameters<typeof look>) =>
      toDetections((await look(...args)).boxes, file.manifest.labels).filter(
        ({ class: name, score }) => name === 'person' && score > 0.5,
      );
    const [whole] = await people(jpeg);
    expect(await people(grey)).toEqual([]);
    const found = await people(grey, crop);
    expect(found).toHaveLength(1);
    found[0]?.box.forEach((value, index) => {
      expect(Math.abs(value - (whole?.box[index] ?? 0))).toBeLessThan(0.04);
    });
    expect((await look(jpeg, crop)).inferenceSeconds).toHaveLength(2);
    expect(await people(jpeg, crop)).toHaveLength(1);
  });

  test('grey, CMYK and tiny JPEGs do no harm', async () => {
    const pool = makePool();
    await pool.start([await modelFile('yolox-nano')]);
    const grey = await sharp(jpegOf('intel_preview_store-aisle-detection')).toColourspace('b-w').jpeg().toBuffer();
    expect((await pool.look(request('yolox-nano', grey))).boxes.length).toBeGreaterThan(0);
    const tiny = await sharp({ create: { width: 1, height: 3000, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    await pool.look(request('yolox-nano', tiny));
    const cmyk = await sharp(grey).toColourspace('cmyk').jpeg().toBuffer();
    await pool.look(request('yolox-nano', cmyk));
  });

  test('a frame that cannot be read harms only itself', async () => {
    const pool = makePool();
    await pool.start([await modelFile('yolox-nano')]);
    const good = jpegOf('vtest');
    const bad = [good.subarray(0, good.length >> 1), Buffer.from('no jpeg'), Buffer.alloc(0), good.subarray(0, 700)];
    for (const bytes of bad) {
      // Under way together, as they are in one worker.
      const looks = [good, bytes, good].map((jpeg) => pool.look(request('yolox-nano', jpeg)));
      const [before, broken, after] = await Promise.allSettled(looks);
      expect(broken).toMatchObject({ status: 'rejected', reason: { code: 'FRAME_UNREADABLE' } });
      expect(before?.status).toBe('fulfilled');
      expect(after?.status).toBe('fulfilled');
    }
    expect(restarts).toEqual([]);
  });

  test('a model that is not right is an error of the start', async () => {
    const { manifest, path } = await modelFile('yolox-nano');
    await expect(makePool().start([{ manifest, path: '/nowhere/model.onnx' }])).rejects.toMatchObject({
      code: 'MODEL_NOT_PULLED',
    });
    const wrong = { ...manifest, weights: [{ sha256: 'a'.repeat(64), bytes: 1, note: '' }] };
    await expect(makePool({ workers: 2 }).start([{ manifest: wrong, path }])).rejects.toMatchObject({
      code: 'MODEL_CHECKSUM_MISMATCH',
    });
  });

  test('a model can be added while it runs', async () => {
    const pool = makePool({ workers: 2 });
    await pool.start([await modelFile('yolox-nano')]);
    const { manifest, path } = await modelFile('nanodet-m');
    await expect(pool.add({ manifest, path: '/nowhere' })).rejects.toMatchObject({ code: 'MODEL_NOT_PULLED' });
    expect(pool.sha256('nanodet-m')).toBeUndefined();
    await pool.add({ manifest, path });
    expect(pool.sha256('nanodet-m')).toBe(manifest.weights[0]?.sha256);
    const jpeg = jpegOf('intel_preview_store-aisle-detection');
    const looks = await Promise.all(Array.from({ length: pool.free }, () => pool.look(request('nanodet-m', jpeg))));
    for (const { boxes } of looks) expect(boxes).toEqual(looks[0]?.boxes);
  });

  test('the worker that crashes is replaced and its frames are given back', async () => {
    const pool = makePool();
    await pool.start([await modelFile('yolox-nano')]);
    // No such model: a mistake that the worker does not foresee.
    const lost = pool.look({ ...request('none', await readFile(join(TEST_DATA, 'README.md'))) });
    await expect(lost).rejects.toMatchObject({ code: 'DETECTOR_FAILED' });
    expect(pool.free).toBe(0);
    expect(restarts).toEqual(['failed']);
    await until('another worker', () => pool.free > 0);
    expect((await pool.look(request('yolox-nano', jpegOf('vtest')))).boxes.length).toBeGreaterThan(0);
  });
});

describe.skipIf(!HAS_TEST_DATA)('detector pool in the middle of a look', () => {
  // A network that is broken off ends the process that it runs in: here it ends one of its own.
  const ends = (how: string): Promise<string> => {
    const script = `
      import { DetectorPool } from '${new URL('./pool.ts', import.meta.url).href}';
      import { loadRegistry } from '${new URL('../../models/registry.ts', import.meta.url).href}';
      import { systemClock } from '${new URL('../../runtime/clock.ts', import.meta.url).href}';
      import { silentLogger } from '${new URL('../../runtime/log.ts', import.meta.url).href}';
      import { noMetrics } from '${new URL('../../runtime/metrics.ts', import.meta.url).href}';
      import sharp from 'sharp';
      const background = '#446655';
      const jpeg = await sharp({ create: { width: 416, height: 416, channels: 3, background } }).jpeg().toBuffer();
      const manifest = (await loadRegistry({ env: {} })).get('yolox-nano');
      const path = ${JSON.stringify(join(TEST_DATA, 'models', FILES['yolox-nano'] ?? ''))};
      const deps = { clock: systemClock, log: silentLogger, metrics: noMetrics, onFree() {}, onStuck() {} };
      const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      for (let round = 0; round < 6; round++) {
        const pool = new DetectorPool({ ...deps, workers: 1, hangMs: ${how === 'hung' ? 1 : 10_000} });
        await pool.start([{ manifest, path }]);
        const look = () =>
          pool.look({ model: 'yolox-nano', pictures: [new Uint8Array(jpeg)], regions: [], floor: 0.1 });
        const looking = async () => { for (;;) await look(); };
        const all = Promise.allSettled([looking(), looking(), looking()]);
        ${how === 'hung' ? 'await all;' : 'await sleep(100 + round * 15);'}
        await pool.stop();
      }
      console.log('survived');`;
    return new Promise((resolve) => {
      execFile(process.execPath, ['-e', script], { cwd: import.meta.dirname }, (error, stdout, stderr) =>
        resolve(error ? `${error.signal ?? error.code} ${stderr}` : stdout.trim()),
      );
    });
  };

  test.each(['stopped', 'hung'])(
    'a worker that is %s ends without taking the process with it',
    async (how) => {
      expect(await ends(how)).toBe('survived');
    },
    300_000,
  );
});

describe('detector pool with a worker that hangs', () => {
  // Loads nothing, answers nothing, and burns its thread: as a network or a driver that hangs would.
  const script = new URL(
    `data:text/javascript,${encodeURIComponent(
      "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { for (;;); });",
    )}`,
  );

  test('is found out, replaced, and its frames are given back', async () => {
    let freed = 0;
    const pool = makePool({
      script,
      hangMs: 300,
      onFree: () => {
        freed += 1;
      },
    });
    await pool.start([]);
    expect(freed).toBe(1);
    const looks = [0, 1].map(() => pool.look(request('any', Buffer.from('x'))));
    const errors = await Promise.all(looks.map((look) => look.catch((error: unknown) => error)));
    for (const error of errors) expect(error).toMatchObject({ code: 'DETECTOR_HUNG' });
    expect(restarts).toEqual(['hung']);
    await until('another worker', () => freed === 2 && pool.free > 0);
  });

  test('a hang while loading fails the start', async () => {
    const file = { manifest: (await loadRegistry({ env: {} })).get('yolox-nano'), path: '/nowhere' };
    await expect(makePool({ script, loadMs: 300 }).start([file])).rejects.toMatchObject({ code: 'DETECTOR_HUNG' });
  });
});
