import type { Bus } from '../runtime/bus/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Tracer } from '../runtime/tracing.ts';

/** What every sink is given. */
export interface SinkDeps {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
  dataDir: string;
  /** Default: none. */
  tracer?: Tracer;
}
