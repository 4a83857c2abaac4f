import type { Bus } from '../runtime/bus/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { BanksmanError } from '../runtime/errors.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
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
}

export interface ProcessorsOptions {
  detect?: DetectOptions;
  cleanup?: CleanupOptions;
  incidents?: IncidentsOptions;
}

type Make = (deps: ProcessorDeps, options: ProcessorsOptions) => Promise<Component>;

/** In starting order: who reads is there before who writes. Loaded when they start, as one alone may run. */
const PROCESSORS = {
  incidents: async (deps, { incidents }) =>
    new (await import('./incidents/incidents.ts')).IncidentsProcessor(deps, incidents),
  cleanup: async (deps, { cleanup }) => new (await import('./cleanup/cleanup.ts')).CleanupProcessor(deps, cleanup),
  detect: async (deps, { detect }) => new (await import('./detect/detect.ts')).DetectProcessor(deps, detect),
} satisfies Record<string, Make>;

export type ProcessorName = keyof typeof PROCESSORS;

export const PROCESSOR_NAMES: readonly string[] = Object.keys(PROCESSORS);

/**
 * Components in starting order.
 * @param names those that are wanted; all where undefined
 * @throws BanksmanError USAGE for a name that is none
 */
export function createProcessors(
  deps: ProcessorDeps,
  names: readonly string[] | undefined,
  options: ProcessorsOptions = {},
): Component[] {
  const unknown = names?.find((name) => !PROCESSOR_NAMES.includes(name));
  if (unknown !== undefined) {
    const message = `no processor ${unknown}; there are ${PROCESSOR_NAMES.join(', ')}`;
    throw new BanksmanError('USAGE', { where: '--only', message });
  }
  return Object.entries(PROCESSORS)
    .filter(([name]) => names?.includes(name) ?? true)
    .map(([name, make]) => new LazyComponent(name, () => make(deps, options)));
}

class LazyComponent implements Component {
  readonly name: string;
  readonly #make: () => Promise<Component>;
  #component: Component | undefined;

  constructor(name: string, make: () => Promise<Component>) {
    this.name = name;
    this.#make = make;
  }

  async start(): Promise<void> {
    this.#component = await this.#make();
    await this.#component.start();
  }

  async stop(): Promise<void> {
    await this.#component?.stop();
  }
}
