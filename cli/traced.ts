import type { Component } from '../runtime/lifecycle.ts';
import type { Tracer } from '../runtime/tracing.ts';
import type { RoleContext } from './role.ts';
import { VERSION } from './version.ts';

/** The components of a role; before them what exports their traces, loaded where the site file has `tracing`. */
export async function traced(
  context: RoleContext,
  make: (deps: RoleContext & { tracer?: Tracer }) => Promise<Component[]>,
): Promise<Component[]> {
  const { tracing } = context.active.config;
  if (!tracing) return make(context);
  const { ExportingTracer } = await import('../runtime/trace_exporter.ts');
  const tracer = new ExportingTracer(tracing, { ...context, version: VERSION });
  return [tracer, ...(await make({ ...context, tracer }))];
}
