/**
 * Processors of the product in a process of their own, with a detector that sleeps as long as a GPU
 * would take. Says once a second what it cost.
 */

import { createProcessors, type ProcessorName } from '../../processors/registry.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../runtime/log.ts';
import { noMetrics } from '../../runtime/metrics.ts';
import { type BusAt, openBus } from './engine.ts';

export interface ProcessorTask {
  bus: BusAt;
  dataDir: string;
  only: ProcessorName[];
  /** Of one look. */
  sleepMs: number;
}

export type ProcessorReport = { ready: true } | { cpuSeconds: number; rssMb: number };

/** Answers as a detector's thread does: nobody in the picture, after a while. It waits, and uses no core. */
const STAND_IN = (sleepMs: number): URL => {
  const script = `
    import { parentPort } from 'node:worker_threads';
    const cell = new Int32Array(new SharedArrayBuffer(4));
    parentPort.on('message', (message) => {
      if (message.type === 'load') {
        parentPort.postMessage({ type: 'loaded', model: message.model.manifest.id, sha256: 'stand-in' });
        return;
      }
      Atomics.wait(cell, 0, 0, ${sleepMs});
      const boxes = new Float32Array(0);
      parentPort.postMessage({ type: 'looked', job: message.job, boxes, inferenceSeconds: [${sleepMs / 1000}] });
    });`;
  return new URL(`data:text/javascript,${encodeURIComponent(script)}`);
};

const { bus: at, dataDir, only, sleepMs }: ProcessorTask = JSON.parse(process.argv[2] ?? '{}');
const bus = await openBus(at);
const log = createLogger('process', 'warn');
const deps = { bus, site: 'yard', log, metrics: noMetrics, clock: systemClock, dataDir };
const components = await createProcessors(deps, only, {
  detect: { workers: 1, defaultModel: 'starter', workerScript: STAND_IN(sleepMs), onFatal: fail },
  cleanup: { onError: fail },
  incidents: { onError: fail },
});
for (const component of components) await component.start();
say({ ready: true });
const start = process.cpuUsage();
setInterval(() => {
  const { user, system } = process.cpuUsage(start);
  say({ cpuSeconds: (user + system) / 1e6, rssMb: process.memoryUsage.rss() / 1e6 });
}, 1_000);
process.on('disconnect', () => process.exit(0));

function say(report: ProcessorReport): void {
  process.send?.(report);
}

function fail(error: Error): void {
  log.fatal({ err: error });
  process.exit(1);
}
