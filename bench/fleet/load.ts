import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import type { ProcessorName } from '../../processors/registry.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import { encodeFrameHeaders } from '../../runtime/messages/codec.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { BusAt } from './engine.ts';
import type { ProcessorReport, ProcessorTask } from './processor.ts';

/** All that a `process` runs. */
export const ALL: ProcessorName[] = ['detect', 'cleanup', 'incidents'];

/** A replica of `process` with a stand-in for the detector. */
export class Replica {
  #reports: Exclude<ProcessorReport, { ready: true }>[] = [];
  readonly #process: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  readonly #dir = mkdtempSync(join(tmpdir(), 'bench-replica-'));

  constructor(task: Omit<ProcessorTask, 'dataDir'>) {
    const all: ProcessorTask = { ...task, dataDir: this.#dir };
    this.#process = fork(join(import.meta.dirname, 'processor.ts'), [JSON.stringify(all)], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', (report: ProcessorReport) => {
      if ('ready' in report) this.#ready.resolve();
      else this.#reports.push(report);
    });
    this.#process.on('exit', (code) => this.#ready.reject(new Error(`a replica ended with ${code}`)));
    this.#ready.promise.catch(() => undefined);
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Newest: CPU since it was ready, resident memory. */
  get cost(): { cpuSeconds: number; rssMb: number } {
    return this.#reports.at(-1) ?? { cpuSeconds: 0, rssMb: 0 };
  }

  end(): void {
    this.#process.kill('SIGKILL');
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Frames of many cameras with one shared JPEG; everything else is as cameras send it. */
export class FrameLoad {
  readonly #bus: Bus;
  readonly #cameras: number;
  readonly #jpeg: Buffer;
  readonly #epochs: number[] = [];
  readonly #seqs: number[];
  readonly #runId = `${Date.now().toString(36)}-bench`;
  #timer: NodeJS.Timeout | undefined;
  sent = 0;
  refused = 0;

  constructor(bus: Bus, cameras: number, jpeg: Buffer) {
    this.#bus = bus;
    this.#cameras = cameras;
    this.#jpeg = jpeg;
    this.#seqs = new Array(cameras).fill(-1);
  }

  /** A picture of noise, so that it is as large as a real one. */
  static async picture(): Promise<Buffer> {
    const noise = { type: 'gaussian', mean: 110, sigma: 18 } as const;
    const create = { width: 960, height: 540, channels: 3, background: '#777', noise } as const;
    return sharp({ create }).jpeg({ quality: 55 }).toBuffer();
  }

  get bytes(): number {
    return this.#jpeg.length;
  }

  /** @param perSecond frames of all cameras together. */
  start(perSecond: number): void {
    const producer = this.#bus.producer();
    const began = performance.now();
    let number = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - began) * perSecond) / 1000);
      for (; number < due; number++) {
        const index = number % this.#cameras;
        const seq = (this.#seqs[index] ?? -1) + 1;
        this.#seqs[index] = seq;
        const time = new Date().toISOString();
        const headers = encodeFrameHeaders({
          ...{ site: 'yard', camera: `cam-${index}`, epoch: this.#epochs[index] ?? 0, runId: this.#runId, seq },
          ...{ captureTime: time, receiveTime: time, captureTimeEstimated: false, purpose: 'live' },
          ...{ width: 960, height: 540, regions: [], parts: [this.#jpeg.length] },
        });
        producer
          .send('frames.v1', { key: cameraKey('yard', `cam-${index}`), headers, value: this.#jpeg })
          .then(() => {
            this.sent += 1;
          })
          .catch(() => {
            this.refused += 1;
          });
      }
    }, 5);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

export function replicas(bus: BusAt, count: number, only: ProcessorName[], sleepMs: number): Replica[] {
  return Array.from({ length: count }, () => new Replica({ bus, only, sleepMs }));
}
