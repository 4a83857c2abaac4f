import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { LookRequest, LookResult, ModelFile } from './protocol.ts';
import { WorkerSlot } from './worker_slot.ts';

export interface PoolOptions {
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  /** Worker threads. */
  workers: number;
  /** A worker that gives no sign for this long while it has work is replaced. Default 10 s. */
  hangMs?: number;
  /** The same while it loads a model. Default 60 s. */
  loadMs?: number;
  /** Called whenever a worker is free again. */
  onFree: () => void;
  /** A thread that native code holds cannot be ended: only the end of the process helps. */
  onStuck: (error: BanksmanError) => void;
  /** The thread's script, for tests. */
  script?: URL;
}

const WATCH_MS = 250;
/** Watches further apart than this: the process was stopped, or the machine slept. */
const PAUSE_MS = 2_000;

/** N detector threads, each with every model; those that hang or crash are replaced. */
export class DetectorPool {
  readonly #options: PoolOptions;
  readonly #models = new Map<string, { file: ModelFile; sha256: string }>();
  #slots: WorkerSlot[] = [];
  #watch: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** @throws BanksmanError MODEL_* of the first model that is not right, DETECTOR_* */
  async start(models: readonly ModelFile[]): Promise<void> {
    const { workers, log, metrics, clock, hangMs = 10_000, loadMs = 60_000 } = this.#options;
    for (const file of models) this.#models.set(file.manifest.id, { file, sha256: '' });
    this.#slots = Array.from(
      { length: workers },
      () =>
        new WorkerSlot({
          clock,
          hangMs,
          loadMs,
          script: this.#options.script ?? new URL('./worker.ts', import.meta.url),
          models: () => this.#files(),
          onFree: this.#options.onFree,
          onLost: (error) => {
            log.error({ code: error.code, where: error.where }, `a detector is replaced: ${error.message}`);
            const reason =
              error.code === 'DETECTOR_HUNG' ? 'hung' : error.code === 'DETECTOR_FAILED' ? 'failed' : 'model';
            metrics.inc('detector_restarts_total', { reason });
          },
          onStuck: () => {
            this.#options.onStuck(new BanksmanError('DETECTOR_HUNG', { message: 'its thread cannot be ended' }));
          },
        }),
    );
    let last = clock.monotonic();
    this.#watch = setInterval(() => {
      const now = clock.monotonic();
      const pausedMs = now - last > PAUSE_MS ? now - last : 0;
      last = now;
      for (const slot of this.#slots) slot.watch(pausedMs);
    }, WATCH_MS);
    this.#watch.unref();
    try {
      const [first] = await Promise.all(this.#slots.map((slot) => slot.start()));
      for (const [id, sha256] of first ?? []) this.#remember(id, sha256);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Frames that would be started at once. */
  get free(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.free, 0);
  }

  /** Loaded, or being loaded. */
  has(model: string): boolean {
    return this.#models.has(model);
  }

  /** @returns the sha256 of the weights in use; undefined while the model is not loaded. */
  sha256(model: string): string | undefined {
    return this.#models.get(model)?.sha256 || undefined;
  }

  /** Loads one more model into every worker. @throws BanksmanError MODEL_*, DETECTOR_* */
  async add(file: ModelFile): Promise<void> {
    const { id } = file.manifest;
    if (this.#models.has(id)) return;
    // First, so that a worker that is being replaced just now loads it too.
    this.#models.set(id, { file, sha256: '' });
    const loads = await Promise.allSettled(this.#slots.filter((slot) => slot.ready).map((slot) => slot.load(file)));
    for (const load of loads) {
      if (load.status === 'fulfilled') this.#remember(id, load.value);
      else {
        this.#models.delete(id);
        throw load.reason;
      }
    }
  }

  /**
   * Looks at a frame, at once when `free` says so.
   * @throws BanksmanError FRAME_UNREADABLE, DETECTOR_HUNG, DETECTOR_FAILED
   */
  look(request: LookRequest): Promise<LookResult> {
    const slot = this.#slots.reduce<WorkerSlot | undefined>(
      (best, other) => (other.free > (best?.free ?? 0) ? other : best),
      undefined,
    );
    return slot
      ? slot.look(request)
      : Promise.reject(new BanksmanError('DETECTOR_FAILED', { message: 'none is free' }));
  }

  async stop(): Promise<void> {
    clearInterval(this.#watch);
    await Promise.all(this.#slots.map((slot) => slot.stop()));
    this.#slots = [];
  }

  *#files(): Iterable<ModelFile> {
    for (const { file } of this.#models.values()) yield file;
  }

  #remember(id: string, sha256: string): void {
    const model = this.#models.get(id);
    if (model) model.sha256 = sha256;
  }
}
