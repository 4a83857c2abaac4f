import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { modelsPull } from '../../models/commands.ts';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import type { Bus, Message, Producer } from '../../runtime/bus/types.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { encodeFrameHeaders, encodeJson } from '../../runtime/messages/codec.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { Detections, FrameMeta } from '../../runtime/messages/types.ts';
import type { Labels, MetricName, Metrics } from '../../runtime/metrics.ts';
import { fromTimestamp, toTimestamp } from '../../runtime/time.ts';
import { CarryingTracer, type Stage } from '../../runtime/tracing.ts';
import { HAS_TEST_DATA, TEST_DATA } from '../../test/data.ts';
import { readFrames } from '../../test/footage.ts';
import { until } from '../../test/wait.ts';
import { type DetectOptions, DetectProcessor } from './detect.ts';

let dir: string;
let jpeg: Buffer;

beforeAll(async () => {
  if (!HAS_TEST_DATA) return;
  dir = await mkdtemp(join(tmpdir(), 'banksman-detect-'));
  await modelsPull('yolox-nano', { dir, from: join(TEST_DATA, 'models', 'yolox_nano_416x416.onnx') });
  await modelsPull('nanodet-m', { dir, from: join(TEST_DATA, 'models', 'nanodet_m_320.onnx') });
  const [picture] = await readFrames('intel_one-by-one-person-detection', [150]);
  if (!picture) throw new Error('no picture');
  const { data, width, height } = picture;
  jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg()
    .toBuffer();
}, 60_000);
afterAll(() => rm(dir ?? '', { recursive: true, force: true }));

/** Adds up what was counted, by `name{label values}`. */
class Counted implements Metrics {
  readonly counts = new Map<string, number>();
  inc(name: MetricName, labels: Labels = {}, by = 1): void {
    const key = `${name}{${Object.values(labels).join(',')}}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + by);
  }
  readonly observed = new Map<string, number[]>();
  observe(name: MetricName, value: number): void {
    this.observed.set(name, [...(this.observed.get(name) ?? []), value]);
  }
  maxWaiting = 0;
  set(_name: MetricName, value: number): void {
    this.maxWaiting = Math.max(this.maxWaiting, value);
  }
  remove(): void {}
}

let bus: Bus;
let producer: Producer;
let metrics: Counted;
let detect: DetectProcessor | undefined;
let records: { message: Message; record: Detections }[];
let tailing: AbortController;
let tail: Promise<void>;

beforeEach(() => {
  bus = openMemoryBus();
  producer = bus.producer();
  metrics = new Counted();
  records = [];
  tailing = new AbortController();
  tail = (async () => {
    for await (const message of bus.tail('detections.v1', 'earliest', { signal: tailing.signal })) {
      records.push({ message, record: parseMessage('detections.v1', message) });
    }
  })();
});
afterEach(async () => {
  await detect?.stop();
  detect = undefined;
  tailing.abort();
  await tail;
  await bus.close();
});

/** Frames are looked at however long this machine stands still on the way. */
const PATIENT_MS = 30_000;
const tracer = new CarryingTracer(systemClock, 1);

const make = (options: DetectOptions = {}): DetectProcessor => {
  const deps = { bus, site: 'yard', log: silentLogger, metrics, clock: systemClock, dataDir: dir, tracer };
  detect = new DetectProcessor(deps, { models: { dir }, workers: 1, maxFrameAgeMs: PATIENT_MS, ...options });
  return detect;
};

const publish = (camera: string, seq: number, more: Partial<FrameMeta> = {}, parts = [jpeg]): Promise<unknown> => {
  const now = toTimestamp(Date.now());
  const meta: FrameMeta = {
    site: 'yard',
    camera,
    epoch: 1,
    runId: 'run-1',
    seq,
    captureTime: now,
    receiveTime: now,
    captureTimeEstimated: false,
    purpose: 'live',
    width: 768,
    height: 432,
    regions: [],
    parts: parts.map((part) => part.length),
    ...more,
  };
  const headers = { ...encodeFrameHeaders(meta), ...tracer.begin().link };
  return producer.send('frames.v1', { key: `yard/${camera}`, headers, value: Buffer.concat(parts) });
};

const camera = (id: string, model: string): Promise<unknown> =>
  producer.send('cameras.v1', {
    key: `yard/${id}`,
    value: encodeJson({
      site: 'yard',
      camera: id,
      configHash: 'x',
      url: 'rtsp://127.0.0.1/',
      record_url: null,
      username: null,
      password: null,
      transport: 'tcp',
      tls: { verify: true, ca_file: null },
      sampling: { idle_fps: 1, active_fps: 5, width_px: 960 },
      motion: { open_share: 0.01, close_share: 0.005, threshold: 10, hold_s: 2 },
      model,
      regions: 'full',
      zones: {},
      lines: {},
      ignore_masks: [],
      privacy_masks: [],
      filters: {},
      suppress_static: true,
      detect_within_s: 2,
    }),
  });

const of = (id: string): Detections[] => records.map(({ record }) => record).filter((record) => record.camera === id);
const lag = async (): Promise<number> =>
  (await bus.lag()).filter(({ group }) => group === 'detect').reduce((sum, { lag: behind }) => sum + behind, 0);
const count = (n: number): Promise<boolean> => until(`${n} records`, () => records.length >= n, 60_000, 20);
/** How old its frame was when the look began, ms. */
const ageOf = ({ message, record }: (typeof records)[number]): number => {
  const stages: Stage[] = JSON.parse(`[${message.headers['trace-spans']}]`);
  const [, from] = stages[0]?.[7].find(([name]) => name === 'inference') ?? [];
  return (from ?? Number.POSITIVE_INFINITY) - fromTimestamp(record.captureTime);
};

describe.skipIf(!HAS_TEST_DATA)('detect', () => {
  test('a frame becomes a record with boxes, model and coordinates, and is acknowledged', async () => {
    await make().start();
    await publish('gate', 0, { purpose: 'heartbeat' });
    await count(1);
    const [record] = of('gate');
    expect(record).toMatchObject({
      seq: 0,
      purpose: 'heartbeat',
      shed: null,
      frame: { topic: 'frames.v1' },
      model: { id: 'yolox-nano', sha256: expect.stringMatching(/^695e750a/) },
    });
    expect(record?.boxes.filter(({ class: name, score }) => name === 'person' && score > 0.5)).toHaveLength(1);
    for (const { score } of record?.boxes ?? []) expect(score).toBeGreaterThanOrEqual(0.1);
    const frame = await bus.read('frames.v1', record?.frame.partition ?? -1, Number(record?.frame.offset));
    expect(frame?.headers['seq']).toBe('0');
    await until('acknowledgement', async () => (await lag()) === 0);
    expect(metrics.counts.get('detections_total{person}')).toBeGreaterThan(0);
    for (const name of ['inference_seconds', 'batch_size', 'stage_seconds'])
      expect(metrics.observed.has(name)).toBe(true);
  });

  test('each camera is looked at with its own model, also one that comes later', async () => {
    await camera('a', 'nanodet-m');
    await make().start();
    await publish('a', 0);
    await count(1);
    await camera('b', 'yolox-nano');
    await until('a record made with the new model', async () => {
      await publish('b', records.length);
      return of('b').some(({ shed }) => shed === null);
    });
    expect(of('a')[0]?.model.id).toBe('nanodet-m');
    expect(of('b').at(-1)?.model.id).toBe('yolox-nano');
  });

  test('a model that is not here is an error of the start; of a camera added later its frames are shed', async () => {
    const own = join(dir, 'own');
    await modelsPull('yolox-nano', { dir: own, from: join(TEST_DATA, 'models', 'yolox_nano_416x416.onnx') });
    await camera('a', 'nanodet-m');
    await expect(make({ models: { dir: own } }).start()).rejects.toMatchObject({ code: 'MODEL_NOT_PULLED' });
    await writeFile(join(own, 'nanodet_m_320.onnx'), '<html>');
    await expect(make({ models: { dir: own } }).start()).rejects.toMatchObject({ code: 'MODEL_NOT_ONNX' });
    await camera('a', 'yolox-nano');
    await make({ models: { dir: own } }).start();
    await camera('b', 'nanodet-m');
    await camera('c', 'no-such-model');
    await until('the new cameras', async () => {
      await publish('b', of('b').length);
      await publish('c', of('c').length);
      return ['b', 'c'].every((id) => of(id).some(({ shed }) => shed === 'model_unavailable'));
    });
    await publish('a', 0);
    await until('a look', () => of('a').some(({ shed }) => shed === null));
  });

  test('what cannot be read is shed, what is no frame is set aside, and neither stops anything', async () => {
    await make().start();
    await publish('gate', 0, {}, [jpeg.subarray(0, 4000)]);
    await count(1);
    await publish('gate', 1, { parts: [17] });
    await producer.send('frames.v1', { key: 'yard/gate', headers: {}, value: Buffer.from('?') });
    await publish('gate', 2);
    await count(2);
    expect(of('gate').map(({ seq, shed }) => [seq, shed])).toEqual([
      [0, 'unreadable'],
      [2, null],
    ]);
    expect(metrics.counts.get('frames_shed_total{unreadable,live}')).toBe(1);
    expect(metrics.counts.get('dead_letters_total{frames.v1,MESSAGE_INVALID}')).toBe(2);
    await until('acknowledgement', async () => (await lag()) === 0);
  });

  test('the past is dropped without a record, and acknowledged', async () => {
    await make().start();
    await publish('gate', 0, { epoch: 2 });
    await count(1);
    await publish('gate', 1, { epoch: 1 });
    await publish('gate', 0, { epoch: 2 });
    await publish('gate', 1, { epoch: 2 });
    await count(2);
    expect(of('gate').map(({ epoch, seq }) => [epoch, seq])).toEqual([
      [2, 0],
      [2, 1],
    ]);
    expect(metrics.counts.get('records_stale_total{old_epoch}')).toBe(1);
    expect(metrics.counts.get('records_stale_total{duplicate}')).toBe(1);
    await until('acknowledgement', async () => (await lag()) === 0);
  });

  test('after a restart the backlog is shed, each frame with its record, and new ones are looked at', async () => {
    await make().start();
    await publish('gate', 0);
    await count(1);
    await detect?.stop();
    const old = toTimestamp(Date.now() - 60_000);
    for (let seq = 1; seq <= 300; seq++) await publish('gate', seq, { captureTime: old });
    await publish('gate', 301);
    await make().start();
    await count(302);
    expect(of('gate').map(({ seq }) => seq)).toEqual(Array.from({ length: 302 }, (_, seq) => seq));
    expect(metrics.counts.get('frames_shed_total{stale,live}')).toBe(300);
    expect(of('gate').at(-1)).toMatchObject({ seq: 301, shed: null });
    await until('acknowledgement', async () => (await lag()) === 0);
  });

  test('stop looks at what it took, and loses nothing', async () => {
    await make().start();
    for (const id of ['a', 'b', 'c', 'd']) await publish(id, 0);
    await detect?.stop();
    await make().start();
    await until('acknowledgement', async () => (await lag()) === 0);
    await count(4);
    expect(records.map(({ record }) => record.camera).sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('8 cameras on one worker: newest wins, no look at what is old, every frame has its record in order', async () => {
    await make({ maxFrameAgeMs: 1000 }).start();
    const cameras = Array.from({ length: 8 }, (_, index) => `cam-${index}`);
    const looks = (id: string): number => of(id).filter(({ shed }) => shed === null).length;
    let sent = 0;
    const feed = async (): Promise<void> => {
      await Promise.all(cameras.map((id) => publish(id, sent)));
      sent += 1;
    };
    // Nobody starves: cameras take turns.
    await until(
      'two looks at each camera',
      async () => {
        await feed();
        return sent >= 40 && cameras.every((id) => looks(id) > 1);
      },
      60_000,
      25,
    );
    await count(sent * cameras.length);
    for (const id of cameras) {
      expect(of(id).map(({ seq }) => seq)).toEqual(Array.from({ length: sent }, (_, seq) => seq));
    }
    const shed = records.filter(({ record }) => record.shed !== null);
    expect(shed.length).toBeGreaterThan(0);
    const counted = ['superseded', 'stale'].map(
      (reason) => metrics.counts.get(`frames_shed_total{${reason},live}`) ?? 0,
    );
    expect(counted.reduce((sum, value) => sum + value)).toBe(shed.length);
    expect(metrics.maxWaiting).toBeLessThanOrEqual(cameras.length);
    const ages = records.filter(({ record }) => record.shed === null).map(ageOf);
    // Its worker is given it a moment after it was chosen.
    expect(Math.max(...ages)).toBeLessThan(1_000 + 50);
    await until('acknowledgement', async () => (await lag()) === 0);
  });

  test('a detector that hangs costs its frames, not the others', async () => {
    // Hangs at the first frame it is given; the worker that replaces it works.
    const flag = join(dir, `hung-${Date.now()}`);
    const real = new URL('./worker.ts', import.meta.url).href;
    const script = `
      import { existsSync, writeFileSync } from 'node:fs';
      import { parentPort } from 'node:worker_threads';
      const hang = !existsSync(${JSON.stringify(flag)});
      writeFileSync(${JSON.stringify(flag)}, '');
      parentPort.on('message', ({ type }) => { if (hang && type === 'look') for (;;); });
      await import(${JSON.stringify(real)});`;
    const workerScript = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
    await make({ workerScript, hangMs: 10_000 }).start();
    await publish('a', 0);
    await publish('a', 1);
    await until('the hang to be found', () => of('a').some(({ shed }) => shed === 'detector_hung'));
    await until('a look by the next worker', async () => {
      await publish('a', 2 + records.length);
      return of('a').some(({ shed }) => shed === null);
    });
    const seqs = of('a').map(({ seq }) => seq);
    expect([...seqs].sort((a, b) => a - b)).toEqual(seqs);
    expect(metrics.counts.get('detector_restarts_total{hung}')).toBe(1);
    expect(metrics.counts.get('frames_shed_total{detector_hung,live}')).toBe(1);
  });
});
