import type { WebhookConfig } from '../config/site.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { SinkDeps } from './deps.ts';

export interface SinksOptions {
  /** Folder of the local object store. */
  evidenceDir: string;
  /** `evidence.retention` of the site file. */
  retention: { clips_days: number; records_days: number; max_bytes: number };
  webhooks: readonly WebhookConfig[];
  /** Of banksman. */
  version: string;
  /** A sink cannot go on: the role has to end. */
  onError: (error: Error) => void;
}

type Make = (deps: SinkDeps, options: SinksOptions) => Promise<Component>;

/** In starting order. Loaded when wanted, as one alone may run. */
const MAKE = {
  evidence: async (deps, { evidenceDir, retention, version, onError }) => {
    const { EvidenceSink } = await import('./evidence/evidence.ts');
    const { LocalObjectStore } = await import('../runtime/stores/objects/local.ts');
    const { EmbeddedStateReader } = await import('../runtime/stores/state/embedded.ts');
    const store = new LocalObjectStore(evidenceDir);
    return new EvidenceSink(deps, { store, retention, version, held: new EmbeddedStateReader(deps.dataDir), onError });
  },
  state: async (deps, { retention, onError }) => {
    const { StateSink } = await import('./state/state.ts');
    const { EmbeddedStateStore } = await import('../runtime/stores/state/embedded.ts');
    const store = new EmbeddedStateStore(deps.dataDir);
    return new StateSink(deps, { store, retentionDays: retention.records_days, onError });
  },
  alerts: async (deps, { webhooks, version, onError }) =>
    new (await import('./alerts/alerts.ts')).AlertsSink(deps, { webhooks, version, onError }),
} satisfies Record<string, Make>;

export type SinkName = keyof typeof MAKE;

/** Every sink, in starting order. */
export const SINKS: readonly SinkName[] = ['evidence', 'state', 'alerts'];

/** The components that are wanted, in starting order whatever the order of their names. */
export function createSinks(deps: SinkDeps, names: readonly SinkName[], options: SinksOptions): Promise<Component[]> {
  return Promise.all(SINKS.filter((name) => names.includes(name)).map((name) => MAKE[name](deps, options)));
}
