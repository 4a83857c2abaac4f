import { Worker } from 'node:worker_threads';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import type { FromWorker, LookRequest, LookResult, ModelFile, ToWorker } from './protocol.ts';

/** One in the network, one decoded, one on its way: then decoding never holds the network up. */
const DEPTH = 3;
/** A worker's own objects are small; pixels and weights lie outside of its heap. */
const HEAP_MB = 128;
const RESTART = { minMs: 200, maxMs: 10_000 };
/** For a thread to end by itself: the look that it is at, on a slow machine. */
const END_MS = 5_000;

export interface SlotOptions {
  clock: Clock;
  /** Nothing heard for this long with work given: hung. */
  hangMs: number;
  /** The same while a model is being loaded. */
  loadMs: number;
  script: URL;
  /** Models that every worker must have; live, as some may be added meanwhile. */
  models: () => Iterable<ModelFile>;
  /** Ready, or free again. */
  onFree: () => void;
  /** The worker was ended because of this and another one is on its way. */
  onLost: (error: BanksmanError) => void;
  /** A thread cannot be ended while native code hangs in it. */
  onStuck: () => void;
}

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: BanksmanError): void;
}

/** Place of one worker thread, which is replaced there whenever it hangs or crashes. */
export class WorkerSlot {
  readonly #options: SlotOptions;
  readonly #backoff = new Backoff(RESTART);
  readonly #looks = new Map<number, Waiting<LookResult>>();
  readonly #loads = new Map<string, Waiting<string>>();
  #worker: Worker | null = null;
  #ready = false;
  #nextJob = 0;
  /** Monotonic; when it last gave a sign, or was given work while it had none. */
  #heard = 0;
  readonly #stop = new AbortController();

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  get free(): number {
    return this.#ready ? DEPTH - this.#looks.size : 0;
  }

  /** @returns sha256 of each model by id. @throws BanksmanError MODEL_*, DETECTOR_* */
  async start(): Promise<Map<string, string>> {
    const worker = new Worker(this.#options.script, {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      name: 'detector',
    });
    this.#worker = worker;
    worker.on('message', (message: FromWorker) => this.#onMessage(message));
    worker.on('error', (cause) => {
      this.#lose(worker, new BanksmanError('DETECTOR_FAILED', { message: asError(cause).message, cause }));
    });
    worker.on('exit', (code) => {
      const message = `the thread ended with code ${code}`;
      this.#lose(worker, new BanksmanError('DETECTOR_FAILED', { message }), true);
    });
    const sums = new Map<string, string>();
    for (const model of this.#options.models()) sums.set(model.manifest.id, await this.load(model));
    this.#ready = true;
    this.#options.onFree();
    return sums;
  }

  /** @returns the sha256. @throws BanksmanError MODEL_*, DETECTOR_* */
  load(model: ModelFile): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#touch();
      this.#loads.set(model.manifest.id, { resolve, reject });
      this.#send({ type: 'load', model });
    });
  }

  /** @throws BanksmanError FRAME_UNREADABLE, DETECTOR_HUNG, DETECTOR_FAILED */
  look(request: LookRequest): Promise<LookResult> {
    return new Promise((resolve, reject) => {
      this.#touch();
      const job = this.#nextJob++;
      this.#looks.set(job, { resolve, reject });
      this.#send(
        { type: 'look', job, ...request },
        request.pictures.map((picture) => picture.buffer),
      );
    });
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** To be called now and then. @param pausedMs for this long this whole process stood still, which is no worker's fault */
  watch(pausedMs: number): void {
    this.#heard += pausedMs;
    const { clock, hangMs, loadMs } = this.#options;
    const limit = this.#loads.size > 0 ? loadMs : this.#looks.size > 0 ? hangMs : Number.POSITIVE_INFINITY;
    const silent = clock.monotonic() - this.#heard;
    if (!this.#worker || silent <= limit) return;
    this.#lose(this.#worker, new BanksmanError('DETECTOR_HUNG', { message: `no answer for ${Math.round(silent)} ms` }));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const worker = this.#worker;
    this.#worker = null;
    this.#ready = false;
    this.#rejectAll(new BanksmanError('DETECTOR_FAILED', { message: 'stopped' }));
    if (worker) await endThread(worker);
  }

  #touch(): void {
    if (this.#looks.size === 0 && this.#loads.size === 0) this.#heard = this.#options.clock.monotonic();
  }

  #send(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  #onMessage(message: FromWorker): void {
    this.#heard = this.#options.clock.monotonic();
    switch (message.type) {
      case 'loaded':
        this.#loads.get(message.model)?.resolve(message.sha256);
        this.#loads.delete(message.model);
        return;
      case 'refused': {
        const { code, where } = message;
        const options = { message: message.message, ...(where === undefined ? {} : { where }) };
        this.#loads.get(message.model)?.reject(new BanksmanError(code, options));
        this.#loads.delete(message.model);
        return;
      }
      case 'looked':
        this.#looks.get(message.job)?.resolve(message);
        this.#backoff.reset();
        break;
      case 'unreadable':
        this.#looks.get(message.job)?.reject(new BanksmanError('FRAME_UNREADABLE', { message: message.message }));
    }
    this.#looks.delete(message.job);
    this.#options.onFree();
  }

  #lose(worker: Worker, error: BanksmanError, isGone = false): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const wasReady = this.#ready;
    this.#ready = false;
    worker.removeAllListeners();
    // Late words of a thread on its way out concern nobody.
    worker.on('error', () => undefined);
    if (!isGone) this.#end(worker);
    this.#rejectAll(error);
    // Whoever started it is told by the rejection, and decides.
    if (!wasReady || this.#stop.signal.aborted) return;
    this.#options.onLost(error);
    void this.#restart();
  }

  async #restart(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#options.clock.sleep(this.#backoff.next(), signal);
      if (signal.aborted) return;
      try {
        await this.start();
        return;
      } catch (error) {
        const lost = this.#worker;
        this.#worker = null;
        if (lost) this.#end(lost);
        if (!signal.aborted && error instanceof BanksmanError) this.#options.onLost(error);
      }
    }
  }

  #end(worker: Worker): void {
    const stuck = setTimeout(() => this.#options.onStuck(), this.#options.loadMs);
    stuck.unref();
    void endThread(worker).then(() => clearTimeout(stuck));
  }

  #rejectAll(error: BanksmanError): void {
    for (const { reject } of [...this.#looks.values(), ...this.#loads.values()]) reject(error);
    this.#looks.clear();
    this.#loads.clear();
  }
}

/** Breaks a thread off only where it does not end when asked to: broken off within a look it ends the whole process. */
async function endThread(worker: Worker): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, END_MS);
  });
  worker.postMessage({ type: 'end' } satisfies ToWorker);
  await Promise.race([gone, late]);
  clearTimeout(timer);
  await worker.terminate();
}
