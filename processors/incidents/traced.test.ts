import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../runtime/clock.ts';
import type { Incident, Tracks } from '../../runtime/messages/types.ts';
import { type Attributes, CarryingTracer, noTracer, type StageTrace } from '../../runtime/tracing.ts';
import { finishRecord, traceTransitions } from './traced.ts';

/** Remembers what it is told to export. */
class RememberingTracer extends CarryingTracer {
  readonly exported: { names: string[]; traceId: string; attributes: Attributes }[] = [];

  override finish(trace: StageTrace, attributes: Attributes): void {
    const stages: [string][] = JSON.parse(trace.stages);
    this.exported.push({ names: stages.map(([name]) => name), traceId: trace.traceId, attributes });
  }
}

const record = { site: 'yard', camera: 'gate' } as Tracks;
const transition = (revision: number): Incident =>
  ({ ...record, rule: 'r', id: 'incident', revision, transition: 'updated' }) as unknown as Incident;

/** A record that comes from cleanup goes through the rules. @returns what the rules export. */
function judge(ratio: number, incidents: Incident[], { hasTrace = true } = {}) {
  const tracer = new RememberingTracer(new FakeClock(), ratio);
  const cleanup = tracer.begin();
  cleanup.end('cleanup');
  const trace = hasTrace ? tracer.follow(cleanup.headers) : undefined;
  const transitions = traceTransitions(tracer, trace, incidents);
  finishRecord(tracer, trace, transitions, record);
  return {
    exported: tracer.exported,
    links: [...(transitions?.values() ?? [])].map(({ link }) => link['traceparent']),
  };
}

const names = ({ exported }: ReturnType<typeof judge>): string[][] => exported.map((one) => one.names);

describe('the trace of a record', () => {
  it('is exported by chance where nothing came of it', () => {
    expect(names(judge(0, []))).toEqual([]);
    expect(names(judge(1, []))).toEqual([['cleanup', 'incidents']]);
  });

  it.each([0, 1])('is exported whole where it changed incidents, whatever was drawn (ratio %d)', (ratio) => {
    const judged = judge(ratio, [transition(2), transition(3)]);
    expect(names(judged)).toEqual([['cleanup', 'incidents'], ['incidents.transition'], ['incidents.transition']]);
    expect(new Set(judged.exported.map(({ traceId }) => traceId)).size).toBe(1);
    expect(judged.exported.map(({ attributes }) => attributes['banksman.incident.revision'])).toEqual([
      undefined,
      2,
      3,
    ]);
    expect(judged.links.every((link) => link?.endsWith('-01'))).toBe(true);
    expect(new Set(judged.links).size).toBe(2);
  });

  it('begins with the transition where no frame caused it', () => {
    expect(names(judge(0, [transition(2)], { hasTrace: false }))).toEqual([['incidents.transition']]);
  });

  it('is none where tracing is off', () => {
    expect(traceTransitions(noTracer, undefined, [transition(2)])).toBeUndefined();
  });
});
