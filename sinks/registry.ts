import type { AlertsConfig } from '../config/site_alerts.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { SecretRef } from '../runtime/messages/types.ts';
import { keySegment } from '../runtime/stores/objects/keys.ts';
import type { ObjectsOptions } from '../runtime/stores/objects/open.ts';
import { openHeld, openStateStore, type StateOptions } from '../runtime/stores/state/open.ts';
import type { SinkDeps } from './deps.ts';

export interface SinksOptions {
  /** `evidence` of the site file: where it lies. */
  objects: ObjectsOptions;
  /** `state` of the site file: where it is. */
  state: StateOptions;
  /** `evidence.retention` of the site file. */
  retention: { clips_days: number; records_days: number; max_bytes: number };
  /** `alerts` of the site file. */
  alerts: AlertsConfig;
  /** What signs links to pictures, where there is one. */
  fleetToken: SecretRef | null;
  /** Of banksman. */
  version: string;
  /** A sink cannot go on: the role has to end. */
  onError: (error: Error) => void;
}

type Make = (deps: SinkDeps, options: SinksOptions) => Promise<Component>;

/** In starting order. Loaded when wanted, as one alone may run. */
const MAKE = {
  evidence: async (deps, { objects, state, retention, version, onError }) => {
    const { EvidenceSink } = await import('./evidence/evidence.ts');
    const { openObjects } = await import('../runtime/stores/objects/open.ts');
    const held = await openHeld(state, deps.dataDir);
    const store = await openObjects(objects, deps.dataDir);
    // Beyond this machine, and perhaps that of other sites too.
    const remote =
      objects.store === 's3'
        ? { spool: { maxBytes: objects.spool.max_bytes }, prefix: `${keySegment(deps.site)}/` }
        : {};
    return new EvidenceSink(deps, { store, ...remote, retention, version, held, onError });
  },
  state: async (deps, { state, retention, onError }) => {
    const { StateSink } = await import('./state/state.ts');
    const store = await openStateStore(state, deps.dataDir);
    return new StateSink(deps, { store, retentionDays: retention.records_days, onError });
  },
  alerts: async (deps, { state, objects, alerts, fleetToken, version, onError }) => {
    const { AlertsSink } = await import('./alerts/alerts.ts');
    const { openPictures } = await import('./alerts/pictures.ts');
    const memory = state.redis && new (await import('./alerts/memory.ts')).AlertMemory(state.redis, deps);
    const pictures = await openPictures(alerts, objects, { ...deps, fleetToken });
    const { webhooks, channels, heartbeat, console_url: consoleUrl } = alerts;
    return new AlertsSink(deps, { webhooks, channels, heartbeat, consoleUrl, pictures, version, memory, onError });
  },
} satisfies Record<string, Make>;

export type SinkName = keyof typeof MAKE;

/** Every sink, in starting order. */
export const SINKS: readonly SinkName[] = ['evidence', 'state', 'alerts'];

/** The components that are wanted, in starting order whatever the order of their names. */
export function createSinks(deps: SinkDeps, names: readonly SinkName[], options: SinksOptions): Promise<Component[]> {
  return Promise.all(SINKS.filter((name) => names.includes(name)).map((name) => MAKE[name](deps, options)));
}
