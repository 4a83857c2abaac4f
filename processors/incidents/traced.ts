/** The trace of a record that went through the rules, and what hangs under it: one stage for each transition. */
import type { Incident, Tracks } from '../../runtime/messages/types.ts';
import { incidentAttributes, type StageTrace, type Tracer } from '../../runtime/tracing.ts';

export type TransitionTraces = ReadonlyMap<Incident, StageTrace>;

/**
 * Of what no frame caused (nobody looks any more, a camera that is gone) a trace begins here.
 * @param trace of the record; undefined: it has none
 * @returns undefined where tracing is off or nothing changed
 */
export function traceTransitions(
  tracer: Tracer,
  trace: StageTrace | undefined,
  incidents: readonly Incident[],
): TransitionTraces | undefined {
  if (incidents.length === 0) return undefined;
  const traced = new Map<Incident, StageTrace>();
  for (const incident of incidents) {
    const stage = trace?.next() ?? tracer.begin();
    if (stage) traced.set(incident, stage);
  }
  return traced.size === 0 ? undefined : traced;
}

/** The rules are done with the record and its transitions are durable. All of it is exported, or nothing. */
export function finishRecord(
  tracer: Tracer,
  trace: StageTrace | undefined,
  transitions: TransitionTraces | undefined,
  { site, camera }: Tracks,
): void {
  if (trace && (trace.sampled || transitions)) {
    trace.end('incidents', { 'banksman.transitions': transitions?.size ?? 0 });
    tracer.finish(trace, { 'banksman.site': site, 'banksman.camera': camera });
  }
  for (const [incident, stage] of transitions ?? []) {
    stage.end('incidents.transition');
    tracer.finish(stage, incidentAttributes(incident));
  }
}
