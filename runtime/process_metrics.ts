import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';

const RESOLUTION_MS = 1;
const EVERY_MS = 5_000;

/**
 * Reports memory and event-loop delay of this process every 5 s. The monitor's timer adds its own
 * resolution to every sample; it is subtracted. @returns the way to stop it.
 */
export function reportProcess(metrics: Metrics, role: string): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const report = (): void => {
    metrics.set('process_resident_bytes', process.memoryUsage.rss(), { role });
    const p99 = Math.max(0, delay.percentile(99) / 1e9 - RESOLUTION_MS / 1000);
    metrics.set('process_event_loop_delay_p99_seconds', p99, { role });
    delay.reset();
  };
  report();
  const timer = setInterval(report, EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    delay.disable();
  };
}
