import type { Bus } from '../runtime/bus/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Tracer } from '../runtime/tracing.ts';
import type { CleanupOptions } from './cleanup/cleanup.ts';
import type { DetectOptions } from './detect/detect.ts';
import type { IncidentsOptions } from './incidents/incidents.ts';

export interface ProcessorDeps {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
  dataDir: string;
  /** Default: none. */
  tracer?: Tracer;
}

export interface ProcessorsOptions {
  detect?: DetectOptions;
  cleanup?: CleanupOptions;
  incidents?: IncidentsOptions;
}

type Make = (deps: ProcessorDeps, options: ProcessorsOptions) => Promise<Component>;

/** In starting order: who reads is there before who writes. Loaded when wanted, as one alone may run. */
const MAKE = {
  incidents: async (deps, { incidents }) =>
    new (await import('./incidents/incidents.ts')).IncidentsProcessor(deps, incidents),
  cleanup: async (deps, { cleanup }) => new (await import('./cleanup/cleanup.ts')).CleanupProcessor(deps, cleanup),
  detect: async (deps, { detect }) => new (await import('./detect/detect.ts')).DetectProcessor(deps, detect),
} satisfies Record<string, Make>;

export type ProcessorName = keyof typeof MAKE;

/** Every processor, in starting order. */
export const PROCESSORS: readonly ProcessorName[] = ['incidents', 'cleanup', 'detect'];

/** The components that are wanted, in starting order whatever the order of their names. */
export function createProcessors(
  deps: ProcessorDeps,
  names: readonly ProcessorName[],
  options: ProcessorsOptions = {},
): Promise<Component[]> {
  return Promise.all(PROCESSORS.filter((name) => names.includes(name)).map((name) => MAKE[name](deps, options)));
}
