import { AgentClocks } from '../runtime/fleet/clocks.ts';
import { LagWatch } from '../runtime/fleet/lag.ts';
import { FleetWatch } from '../runtime/fleet/watch.ts';
import type { Component } from '../runtime/lifecycle.ts';
import { WatchedCameras } from '../supervisor/watched.ts';
import type { RoleContext } from './role.ts';

/** `up` starts ingest last; on a slow machine that takes its time. */
const GRACE_MS = 60_000;

/**
 * Who says, from outside of ingest, which cameras nobody has and which are not watched. They run where
 * the state is kept, since that is needed in any case; under `up` its supervisor says part of it.
 */
export function fleetWatchers(context: RoleContext): Component[] {
  if (context.supervised) return [new FleetWatch({ ...context, graceMs: GRACE_MS })];
  const clocks = new AgentClocks(context);
  const watched = new WatchedCameras({ ...context, clockOffsetMs: (camera) => clocks.offsetMs(camera) });
  return [new FleetWatch(context), clocks, watched, new LagWatch(context)];
}
