/**
 * usage: npm run bench -- detect [--workers N] [--repeats N] [--seconds S] [--model NAME] [--json]
 *
 * Frames per second of the detector pool on 960×540 JPEGs (decoding, letterboxing, decoding of boxes and
 * suppression included) against a bare onnxruntime loop in as many threads, by turns. Bar: 70 %. Beside
 * it the delay of the main thread's event loop while the pool is saturated. Bar: 20 ms at the 99th
 * percentile.
 */
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { loadRegistry } from '../models/registry.ts';
import { openModel } from '../models/session.ts';
import { FAMILIES } from '../processors/detect/families/index.ts';
import { DetectorPool } from '../processors/detect/pool.ts';
import type { ModelFile } from '../processors/detect/protocol.ts';
import { toDetections } from '../processors/detect/records.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { noMetrics } from '../runtime/metrics.ts';
import { TEST_DATA } from '../test/data.ts';
import { readFrames } from '../test/footage.ts';

const FILES: Record<string, string> = { 'yolox-nano': 'yolox_nano_416x416.onnx', 'nanodet-m': 'nanodet_m_320.onnx' };
const WIDTH = 960;
const HEIGHT = 540;
const WARM_UP_MS = 1_000;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      workers: { type: 'string', default: '1' },
      repeats: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '4' },
      model: { type: 'string', default: 'yolox-nano' },
      json: { type: 'boolean', default: false },
    },
  });
  const workers = Number(values.workers);
  const ms = Number(values.seconds) * 1000;
  const manifest = (await loadRegistry({ env: {} })).get(values.model);
  const file = { manifest, path: join(TEST_DATA, 'models', FILES[manifest.id] ?? manifest.file) };

  const jpegs = await makeJpegs();
  const pool = new DetectorPool({
    clock: systemClock,
    log: silentLogger,
    metrics: noMetrics,
    workers,
    onFree: () => wake?.(),
    onStuck: (error) => {
      throw error;
    },
  });
  let wake: (() => void) | undefined;
  await pool.start([file]);
  const rssMb = process.memoryUsage().rss / 1e6;
  const bare = await BareLoops.start(workers, file);

  const delay = monitorEventLoopDelay({ resolution: 1 });
  const repeats: { ours: number; bare: number; ratio: number; delayMs: number }[] = [];
  for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
    // By turns, and the order by turns too: what else the machine does falls on both.
    let ours = 0;
    let bareFps = 0;
    for (const which of repeat % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
      if (which === 'bare') bareFps = await bare.measure(ms);
      else {
        await saturate(WARM_UP_MS / 4);
        delay.reset();
        delay.enable();
        ours = await saturate(ms);
        delay.disable();
      }
    }
    const delayMs = Math.max(0, delay.percentile(99) / 1e6 - 1);
    repeats.push({ ours, bare: bareFps, ratio: ours / bareFps, delayMs });
  }
  const saturatedRssMb = process.memoryUsage().rss / 1e6;
  await bare.stop();
  await pool.stop();

  const of = (key: 'ours' | 'bare' | 'ratio' | 'delayMs') => summary(repeats.map((repeat) => repeat[key]));
  const result = {
    model: manifest.id,
    workers,
    repeats: repeats.length,
    fps: of('ours'),
    bareFps: of('bare'),
    ratio: of('ratio'),
    eventLoopDelayP99Ms: of('delayMs'),
    rssMb: Math.round(rssMb),
    saturatedRssMb: Math.round(saturatedRssMb),
  };
  if (values.json) {
    console.log(JSON.stringify(result, null, 2));
    return;
  }
  const range = ({ median, min, max }: Summary, digits: number): string =>
    `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
  console.log(`${manifest.id}, ${workers} worker(s), ${WIDTH}×${HEIGHT} JPEG, ${repeats.length} repeats: median (range)
  ours             ${range(result.fps, 1)} frames/s
  bare onnxruntime ${range(result.bareFps, 1)} runs/s
  ratio            ${range(result.ratio, 2)}   bar ≥ 0.70
  event loop p99   ${range(result.eventLoopDelayP99Ms, 1)} ms   bar ≤ 20
  memory           ${result.rssMb} MB with the model loaded, ${result.saturatedRssMb} MB saturated (bare loops beside it)`);

  /** Keeps every worker busy. @returns frames per second */
  async function saturate(forMs: number): Promise<number> {
    const start = performance.now();
    let done = 0;
    let given = 0;
    const under = new Set<Promise<void>>();
    const look = async (jpeg: Buffer): Promise<void> => {
      const pictures = [new Uint8Array(jpeg)];
      const { boxes } = await pool.look({ model: manifest.id, pictures, regions: [], floor: 0.1 });
      toDetections(boxes, manifest.labels);
      done += 1;
    };
    while (performance.now() - start < forMs) {
      while (pool.free > 0) {
        const looking = look(jpegs[given++ % jpegs.length] ?? Buffer.alloc(0));
        under.add(looking);
        void looking.finally(() => under.delete(looking));
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const fps = (done * 1000) / (performance.now() - start);
    await Promise.all(under);
    return fps;
  }
}

async function makeJpegs(): Promise<Buffer[]> {
  const { default: sharp } = await import('sharp');
  const wanted = Array.from({ length: 24 }, (_, index) => 100 + index * 20);
  const pictures = await readFrames('intel_one-by-one-person-detection', wanted);
  return Promise.all(
    pictures.map(({ data, width, height }) =>
      sharp(data, { raw: { width, height, channels: 3 } })
        .resize(WIDTH, HEIGHT)
        .jpeg({ quality: 85 })
        .toBuffer(),
    ),
  );
}

/** Threads that do nothing but run the network on one input. */
class BareLoops {
  readonly #workers: Worker[];

  private constructor(workers: Worker[]) {
    this.#workers = workers;
  }

  static async start(count: number, file: ModelFile): Promise<BareLoops> {
    const workers = Array.from({ length: count }, () => new Worker(new URL(import.meta.url), { workerData: file }));
    await Promise.all(workers.map((worker) => new Promise((ready) => worker.once('message', ready))));
    return new BareLoops(workers);
  }

  /** @returns runs per second of all threads together */
  async measure(ms: number): Promise<number> {
    const rates = this.#workers.map(
      (worker) =>
        new Promise<number>((resolve) => {
          worker.once('message', resolve);
          worker.postMessage(ms);
        }),
    );
    return (await Promise.all(rates)).reduce((sum, rate) => sum + rate, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

interface Summary {
  median: number;
  min: number;
  max: number;
}

function summary(values: number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] ?? 0, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

if (!isMainThread) {
  const { manifest, path }: ModelFile = workerData;
  const family = FAMILIES.get(manifest.family);
  if (!family) throw new Error(`no family ${manifest.family}`);
  const session = await openModel(manifest, path, family);
  parentPort?.on('message', async (ms: number) => {
    const start = performance.now();
    let runs = 0;
    for (; performance.now() - start < ms; runs++) await session.run();
    parentPort?.postMessage((runs * 1000) / (performance.now() - start));
  });
  parentPort?.postMessage('ready');
}
