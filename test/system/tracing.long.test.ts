/** One trace from the access unit to the message, over the processes of `up`, at a real collector. */
import { describe, expect, test } from 'vitest';
import { HAS_TEST_DATA } from '../data.ts';
import { OtlpCollector, type ReceivedSpan } from '../services/otlp.ts';
import { until } from '../wait.ts';
import { Doorway } from './doorway.ts';
import { Receiver } from './receiver.ts';
import { metricSum } from './watch_bus.ts';

/** Some seconds are usual; this is for a machine that stalls. */
const SLOW_MS = 45_000;
const TOKEN = 'Bearer a-token-of-the-tracing-test';
/** Each under the one that caused it; with the process that did the work. */
const STAGES = [
  ['ingest', null, 'camera'],
  ['ingest.decode', 'ingest', 'camera'],
  ['ingest.encode', 'ingest', 'camera'],
  ['detect', 'ingest', 'process'],
  ['detect.queue', 'detect', 'process'],
  ['detect.inference', 'detect', 'process'],
  ['cleanup', 'detect', 'process'],
  ['incidents', 'cleanup', 'process'],
  ['incidents.transition', 'incidents', 'process'],
  ['evidence', 'incidents.transition', 'sink'],
  ['alerts.enqueue', 'incidents.transition', 'sink'],
  ['alerts.deliver', 'alerts.enqueue', 'sink'],
] as const;

describe.skipIf(!HAS_TEST_DATA)('tracing', () => {
  test('one incident is one trace from the access unit to the message; a collector that is away holds up nothing', async () => {
    await using collector = await OtlpCollector.start();
    const receiver = new Receiver();
    await receiver.start();
    await using parts = new AsyncDisposableStack();
    parts.defer(() => receiver.stop());
    const door = parts.use(
      await Doorway.start({
        site: {
          // No frame by chance: what comes, comes because of an incident.
          tracing: { endpoint: collector.endpoint, sample_ratio: 0, headers: { Authorization: '${TRACING_TEST}' } },
          alerts: { webhooks: [{ id: 'hook', url: receiver.url }] },
        },
        env: { TRACING_TEST: TOKEN },
      }),
    );
    const { up } = door;
    const { id } = await door.visit();
    const about = (incident: string, transition: string): ReceivedSpan[] =>
      collector.spans.filter(
        ({ attributes: a }) =>
          a['banksman.incident.id'] === incident && a['banksman.incident.transition'] === transition,
      );
    const pids = {
      camera: up.role('camera')?.pid,
      process: up.role('process')?.pid,
      sink: up.role('sink')?.pid,
    };
    // Each process sends its spans when it comes to it: those of one trace in any order.
    const traced = (transition: string): ReceivedSpan[] => {
      const traceIds = new Set(about(id, transition).map(({ traceId }) => traceId));
      expect(traceIds.size, transition).toBe(1);
      return collector.spans.filter(({ traceId }) => traceIds.has(traceId));
    };
    const isComplete = (transition: string): boolean => {
      const names = traced(transition).map(({ name }) => name);
      const missing = STAGES.filter(([name]) => !names.includes(name));
      if (missing.length > 0) throw new Error(`${transition} lacks ${missing.map(([name]) => name).join(', ')}`);
      return true;
    };
    await until('the traces of opening and closing to be complete', () => ['opened', 'closed'].every(isComplete));

    const trace = traced('opened');
    expect(trace.map(({ name }) => name).sort()).toEqual(STAGES.map(([name]) => name).sort());
    const named = (name: string): ReceivedSpan => {
      const span = trace.find((one) => one.name === name);
      if (!span) throw new Error(name);
      return span;
    };
    for (const [name, cause, role] of STAGES) {
      const span = named(name);
      expect(span.parent, name).toBe(cause === null ? null : named(cause).id);
      expect(span.attributes['process.pid'], name).toBe(pids[role]);
      expect(span.attributes['banksman.camera'], name).toBe('gate');
      expect(span.service).toBe(`banksman-${name.split('.')[0]}`);
      expect(span.toMs, name).toBeGreaterThanOrEqual(span.fromMs);
      if (cause !== null) expect(span.fromMs, name).toBeGreaterThanOrEqual(named(cause).fromMs);
    }
    // From one process to the next: what takes a message has it after it was sent.
    expect(named('detect').fromMs).toBeGreaterThanOrEqual(named('ingest').toMs - 2);
    expect(named('cleanup').fromMs).toBeGreaterThanOrEqual(named('detect').toMs);
    expect(named('alerts.deliver').toMs - named('ingest').fromMs).toBeLessThan(SLOW_MS);

    // Nothing was sampled by chance, so every trace has a transition.
    await until('a transition in every trace', () => {
      const withTransition = new Set(
        collector.spans.filter(({ name }) => name === 'incidents.transition').map(({ traceId }) => traceId),
      );
      return collector.spans.every(({ traceId }) => withTransition.has(traceId));
    });
    expect(collector.headers.every(({ authorization }) => authorization === TOKEN)).toBe(true);
    expect(collector.bodies.join()).not.toMatch(/rtsp:|https?:|Bearer/);

    collector.hanging = true;
    await door.visit();
    const dropped = async () =>
      metricSum(await up.metrics(), 'trace_spans_dropped_total', { reason: 'export_failed' }) > 0;
    await until('lost spans to be counted', dropped);
    const told = () =>
      receiver.received.filter(({ incident }) => incident.id !== id && incident.transition === 'opened');
    await until('the message of the second visit', () => told().length > 0);
    expect(told()).toHaveLength(1);
    const since = performance.now();
    expect(await up.stop()).toBe(0);
    expect(performance.now() - since).toBeLessThan(SLOW_MS);
    expect(up.output.match(/TRACE_EXPORT_FAILED/g)?.length ?? 0).toBeLessThanOrEqual(2);
    expect(up.output).not.toContain(TOKEN);
  });
});
