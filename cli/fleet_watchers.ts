import { AgentClocks } from '../runtime/fleet/clocks.ts';
import { LagWatch } from '../runtime/fleet/lag.ts';
import { FleetWatch } from '../runtime/fleet/watch.ts';
import type { Component } from '../runtime/lifecycle.ts';
import { WatchedCameras } from '../supervisor/watched.ts';
import type { RoleContext } from './role.ts';

/**
 * Who says, from outside of ingest, which cameras nobody has and which are not watched. They run where
 * the state is kept, since that is needed in any case; under `up` its supervisor says part of it.
 */
export function fleetWatchers(context: RoleContext): Component[] {
  const watch = new FleetWatch(context);
  if (context.supervised) return [watch];
  const clocks = new AgentClocks(context);
  const watched = new WatchedCameras({ ...context, clockOffsetMs: (camera) => clocks.offsetMs(camera) });
  return [watch, clocks, watched, new LagWatch(context)];
}
