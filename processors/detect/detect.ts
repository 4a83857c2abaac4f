import { availableParallelism } from 'node:os';
import { loadRegistry, type ModelsOptions } from '../../models/registry.ts';
import type { Bus, Consumer, Delivery, Producer, TopicPartition } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError, BanksmanError, type ErrorCode } from '../../runtime/errors.ts';
import { AgentClocks } from '../../runtime/fleet/clocks.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/log.ts';
import { decodeFrameHeaders, encodeJson, splitFrame } from '../../runtime/messages/codec.ts';
import { sendDeadLetter } from '../../runtime/messages/dead_letters.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { FrameMeta } from '../../runtime/messages/types.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { fromTimestamp } from '../../runtime/time.ts';
import { noTracer, type StageTrace, type Tracer } from '../../runtime/tracing.ts';
import { CameraModels } from './camera_models.ts';
import { DetectorPool } from './pool.ts';
import type { LookResult } from './protocol.ts';
import { OrderedPublisher } from './publisher.ts';
import { modelRef, toDetections, toRecord } from './records.ts';
import { type Entry, Scheduler } from './scheduler.ts';

export interface DetectDeps {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
  dataDir: string;
  /** Default: none. */
  tracer?: Tracer;
}

export interface DetectOptions {
  /** Weights folder and extra manifests. */
  models?: ModelsOptions;
  /** Worker threads. `auto` (default): one less than there are cores, at least one. */
  workers?: number | 'auto';
  /** A live frame captured longer ago than this is shed. Default 2 s. */
  maxFrameAgeMs?: number;
  /** Lowest score that is published. Default 0.1. */
  scoreFloor?: number;
  /** For cameras that `cameras.v1` does not (yet) know. */
  defaultModel?: string;
  /** A detector that gives no sign for this long is replaced. Default 10 s. */
  hangMs?: number;
  /** How long `stop` waits for frames under way. Default 3 s. */
  drainMs?: number;
  /** Called when only a new process helps. Default: end this one with the error. */
  onFatal?: (error: Error) => void;
  /** The worker threads' script, for tests. */
  workerScript?: URL;
}

/** How long catch-up frames stay worth looking at, and how many of a camera may wait. */
const CATCHUP = { maxCatchupAgeMs: 15_000, catchupBudget: 32 };
const MAX_CAMERAS = 4096;
/** Deliveries a partition that are not acknowledged yet: bounds what a hung detector holds in memory. */
const MAX_IN_FLIGHT = 256;
/** After a pause of the detectors nobody reads megabytes of pictures that are all too old to be looked at. */
const SKIP_OLDER_MS = 15_000;
/** How often frames that wait are looked through for stale ones. */
const EXPIRE_MS = 100;

const SHED_BY_CODE: Partial<Record<ErrorCode, string>> = {
  FRAME_UNREADABLE: 'unreadable',
  DETECTOR_HUNG: 'detector_hung',
};

interface Work {
  readonly meta: FrameMeta;
  readonly delivery: Delivery;
  readonly model: string;
  readonly trace: StageTrace | undefined;
}
type Outgoing = Entry<Work, LookResult>;

/**
 * frames.v1 → detections.v1: one record a frame, in the order of its camera, looked at or shed. A frame
 * is acknowledged when its record is durable.
 */
export class DetectProcessor implements Component {
  readonly name = 'detect';
  readonly #deps: DetectDeps;
  readonly #options: DetectOptions;
  readonly #scheduler: Scheduler<Work, LookResult>;
  readonly #clocks: AgentClocks;
  readonly #tracer: Tracer;
  #models: CameraModels | undefined;
  #pool: DetectorPool | undefined;
  #producer: Producer | undefined;
  #publisher: OrderedPublisher | undefined;
  #consumer: Consumer | undefined;
  #expiring: NodeJS.Timeout | undefined;
  /** Cameras whose last frame could not be read: said once, counted always. */
  readonly #unreadable = new Set<string>();
  #onIdle: (() => void) | undefined;

  constructor(deps: DetectDeps, options: DetectOptions = {}) {
    this.#deps = deps;
    this.#options = options;
    this.#clocks = new AgentClocks(deps);
    this.#tracer = deps.tracer ?? noTracer;
    this.#scheduler = new Scheduler({
      maxFrameAgeMs: options.maxFrameAgeMs ?? 2_000,
      maxCameras: MAX_CAMERAS,
      ...CATCHUP,
    });
  }

  /** @throws BanksmanError MODEL_* when a model in use is not right, before any frame is taken */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { bus, log, metrics, clock } = this.#deps;
    const { models, defaultModel = 'yolox-nano', workers = 'auto', hangMs, workerScript } = this.#options;
    this.#models = new CameraModels({ bus, log, clock }, await loadRegistry(models), defaultModel);
    const files = await this.#models.start();
    this.#pool = new DetectorPool({
      clock,
      log,
      metrics,
      workers: workers === 'auto' ? Math.max(1, availableParallelism() - 1) : workers,
      ...(hangMs === undefined ? {} : { hangMs }),
      ...(workerScript === undefined ? {} : { script: workerScript }),
      onFree: () => this.#pump(),
      onStuck: (error) => this.#fatal(error),
    });
    await this.#pool.start(files);
    this.#models.follow(this.#pool);
    await this.#clocks.start();
    this.#producer = bus.producer();
    this.#publisher = new OrderedPublisher(this.#producer, 'detections.v1', { clock, log });
    this.#consumer = bus.consumer('detect', ['frames.v1'], (delivery) => this.#take(delivery), {
      from: 'latest',
      maxInFlight: MAX_IN_FLIGHT,
      skipOlderMs: SKIP_OLDER_MS,
      // Without a record each: cleanup counts the gap in their numbers as shed.
      onSkipped: (_, frames) => metrics.inc('frames_shed_total', { reason: 'skipped', purpose: 'live' }, frames),
      onRevoked: (partitions) => this.#giveUp(partitions),
      onError: (error) => this.#fatal(error),
    });
    await this.#consumer.start();
    this.#expiring = setInterval(() => {
      this.#scheduler.expire(clock.now());
      this.#pump();
    }, EXPIRE_MS);
  }

  /** Looks at what was taken already, then hands the rest back. */
  async stop(): Promise<void> {
    this.#consumer?.pause();
    await this.#drained();
    this.#publisher?.abort();
    await this.#consumer?.stop();
    clearInterval(this.#expiring);
    await this.#clocks.stop();
    await this.#models?.stop();
    await this.#producer?.close();
    await this.#pool?.stop();
    this.#consumer = undefined;
    this.#models = undefined;
    this.#producer = undefined;
  }

  async #take(delivery: Delivery): Promise<void> {
    let meta: FrameMeta;
    try {
      meta = decodeFrameHeaders(delivery.headers);
      splitFrame(meta, delivery.value ?? Buffer.alloc(0));
    } catch (error) {
      if (this.#producer) await sendDeadLetter(this.#producer, delivery, error, this.#deps);
      delivery.ack();
      return;
    }
    const { epoch, runId, seq, purpose } = meta;
    const camera = cameraKey(meta.site, meta.camera);
    // By this machine's clock: how old a frame is must not depend on how the clock of its agent is set.
    const captureMs = fromTimestamp(meta.captureTime) - this.#clocks.offsetMs(meta.camera);
    const trace = this.#tracer.follow(delivery.headers);
    const payload = { meta, delivery, model: this.#models?.modelOf(camera) ?? '', trace };
    const now = this.#deps.clock.now();
    const refused = this.#scheduler.offer({ camera, epoch, runId, seq, purpose, captureMs, payload }, now);
    if (refused) {
      this.#deps.metrics.inc('records_stale_total', { reason: refused });
      delivery.ack();
      return;
    }
    this.#pump();
  }

  /** Gives free detectors work, and lets leave what is done. */
  #pump(): void {
    const { clock, metrics } = this.#deps;
    while ((this.#pool?.free ?? 0) > 0) {
      const entry = this.#scheduler.take(clock.now());
      if (!entry) break;
      void this.#look(entry);
    }
    for (const entry of this.#scheduler.drain()) this.#publish(entry);
    metrics.set('detect_queue_frames', this.#scheduler.waiting);
    if (this.#scheduler.idle) this.#onIdle?.();
  }

  async #look(entry: Outgoing): Promise<void> {
    const { meta, delivery, model, trace } = entry.payload;
    const { metrics, clock } = this.#deps;
    const takenMs = trace ? clock.now() : 0;
    trace?.part('queue', trace.startMs, takenMs);
    const pool = this.#pool;
    try {
      if (!pool?.sha256(model)) {
        if (pool) await this.#models?.load(pool, model);
        this.#scheduler.settle(entry, { shed: 'model_unavailable' });
        return;
      }
      // The bus keeps its bytes; the worker is given its own.
      const pictures = splitFrame(meta, delivery.value ?? Buffer.alloc(0)).map((jpeg) => new Uint8Array(jpeg));
      const floor = this.#options.scoreFloor ?? 0.1;
      const result = await pool.look({ model, pictures, regions: meta.regions, floor });
      for (const seconds of result.inferenceSeconds) metrics.observe('inference_seconds', seconds, { model });
      // These networks take one picture a run.
      metrics.observe('batch_size', 1, { model });
      this.#unreadable.delete(entry.camera);
      this.#scheduler.settle(entry, { result });
    } catch (thrown) {
      const code = thrown instanceof BanksmanError ? thrown.code : 'DETECTOR_FAILED';
      if (code === 'FRAME_UNREADABLE') this.#sayUnreadable(entry, asError(thrown).message);
      this.#scheduler.settle(entry, { shed: SHED_BY_CODE[code] ?? 'detector_failed' });
    } finally {
      trace?.part('inference', takenMs);
      this.#pump();
    }
  }

  #publish({ camera, purpose, captureMs, outcome, payload }: Outgoing): void {
    const { meta, delivery, model, trace } = payload;
    const { metrics, clock } = this.#deps;
    if (!outcome) return;
    const manifest = this.#models?.manifest(model);
    const ref = modelRef(model, manifest, this.#pool?.sha256(model));
    const looked = 'result' in outcome;
    if (!looked) metrics.inc('frames_shed_total', { reason: outcome.shed, purpose });
    const boxes = looked ? toDetections(outcome.result.boxes, manifest?.labels ?? []) : [];
    for (const box of boxes) metrics.inc('detections_total', { class: box.class });
    const record = toRecord(meta, delivery, ref, looked ? { boxes } : outcome);
    trace?.end('detect', {
      'banksman.model': model,
      ...(looked ? { 'banksman.boxes': boxes.length, 'banksman.batch_size': 1 } : { 'banksman.shed': outcome.shed }),
    });
    this.#publisher?.publish({
      key: camera,
      headers: trace?.headers,
      value: encodeJson(record),
      onDurable: () => {
        delivery.ack();
        if (looked) metrics.observe('stage_seconds', (clock.now() - captureMs) / 1000, { stage: 'detect' });
      },
    });
  }

  /** Frames of these partitions belong to another member now, who is given those without a record. */
  async #giveUp(partitions: TopicPartition[]): Promise<void> {
    const gone = new Set(partitions.map(({ partition }) => partition));
    for (const entry of this.#scheduler.drain()) this.#publish(entry);
    this.#scheduler.forget(({ delivery }) => gone.has(delivery.partition));
    await this.#publisher?.flushed();
  }

  /** Resolves when every frame taken has its record, or after `drainMs`. */
  async #drained(): Promise<void> {
    const { drainMs = 3_000 } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, drainMs);
    });
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      this.#pump();
    });
    await Promise.race([idle.then(() => this.#publisher?.flushed()), late]);
    clearTimeout(timer);
    this.#onIdle = undefined;
  }

  #sayUnreadable({ camera, payload: { meta, delivery } }: Outgoing, detail: string): void {
    if (this.#unreadable.has(camera)) return;
    this.#unreadable.add(camera);
    const where = `${delivery.topic}/${delivery.partition}@${delivery.offset}`;
    this.#deps.log.warn({ code: 'FRAME_UNREADABLE', camera: meta.camera, where }, `a frame cannot be read: ${detail}`);
  }

  #fatal(error: Error): void {
    const code = error instanceof BanksmanError ? error.code : undefined;
    this.#deps.log.fatal({ code }, error.message);
    if (this.#options.onFatal) {
      this.#options.onFatal(error);
      return;
    }
    queueMicrotask(() => {
      throw error;
    });
  }
}
