import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Counters } from '../ingest/counters.ts';
import { FramePublisher } from '../ingest/publish.ts';
import { OtlpCollector } from '../test/services/otlp.ts';
import { until } from '../test/wait.ts';
import { openMemoryBus } from './bus/local/memory.ts';
import { FakeClock, systemClock } from './clock.ts';
import { silentLogger } from './log.ts';
import { encodeFrameHeaders } from './messages/codec.ts';
import type { FrameMeta } from './messages/types.ts';
import { type MetricName, type Metrics, noMetrics } from './metrics.ts';
import { ExportingTracer } from './trace_exporter.ts';
import { CarryingTracer, noTracer, type Tracer } from './tracing.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const exec = promisify(execFile);

const FRAME: FrameMeta = {
  ...{ site: 'yard', camera: 'gate', epoch: 1, runId: 'r', seq: 0, purpose: 'live', width: 2, height: 2 },
  ...{ captureTime: '2026-01-01T00:00:00.000Z', receiveTime: '2026-01-01T00:00:00.000Z' },
  ...{ captureTimeEstimated: false, regions: [], parts: [4] },
};

/** Modules that a process has loaded once it has imported these. */
async function loadedBy(...modules: string[]): Promise<string[]> {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    for (const module of ${JSON.stringify(modules)}) await import(module);
    console.log(JSON.stringify(loaded));
    process.exit(0);`;
  const { stdout } = await exec(process.execPath, ['--input-type=module', '-e', script], { cwd: root });
  const loaded: string[] = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  return loaded;
}

/** Takes a message through stages, each of which works for 10 ms. */
async function walk(tracer: Tracer, clock: FakeClock, stages: string[]) {
  let trace = tracer.begin();
  for (const [index, name] of stages.entries()) {
    if (index > 0) trace = tracer.follow(trace?.headers ?? {});
    await clock.advance(10);
    trace?.part('step', trace.startMs);
    trace?.end(name, { index });
  }
  return trace;
}

describe('off', () => {
  it('makes no trace, and so no header', () => {
    expect(noTracer.begin()).toBeUndefined();
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    expect(noTracer.follow({ traceparent })).toBeUndefined();
  });

  it.each([
    ['off', noTracer, []],
    ['on', new CarryingTracer(systemClock, 1), ['trace-spans', 'traceparent']],
  ])('%s: a frame has its own headers and %j', async (_, tracer, more) => {
    const bus = openMemoryBus();
    const publisher = new FramePublisher(bus.producer(), new Counters(), () => undefined);
    const trace = tracer.begin();
    trace?.end('ingest');
    publisher.frame(FRAME, [Buffer.from('jpeg')], trace);
    await publisher.drained();
    for await (const { headers } of bus.tail('frames.v1', 'earliest', { stopAtEnd: true })) {
      expect(Object.keys(headers).sort()).toEqual([...Object.keys(encodeFrameHeaders(FRAME)), ...more].sort());
    }
    await bus.close();
  });

  it('loads nothing of OpenTelemetry, neither in the roles nor in the process of a camera', async () => {
    const stages = ['./processors/incidents/incidents.ts', './processors/cleanup/cleanup.ts'];
    const sinks = ['./sinks/evidence/evidence.ts', './sinks/alerts/alerts.ts'];
    const loaded = await loadedBy('./cli/traced.ts', './cli/roles.ts', './ingest/session.ts', ...stages, ...sinks);
    expect(loaded.some((url) => url.endsWith('/runtime/tracing.ts'))).toBe(true);
    // The library of metrics brings the interface; whatever sends anything is not there.
    const foreign = loaded.filter((url) => /trace_exporter|@opentelemetry\/(?!api\/)/.test(url));
    expect(foreign).toEqual([]);
  });
});

describe('carried', () => {
  it('is one trace: each stage hangs under the one before it', async () => {
    const clock = new FakeClock();
    const trace = await walk(new CarryingTracer(clock, 0), clock, ['ingest', 'detect', 'cleanup']);
    const stages: unknown[][] = JSON.parse(trace?.stages ?? '');
    expect(stages.map(([name]) => name)).toEqual(['ingest', 'detect', 'cleanup']);
    expect(stages.map(([, , parent]) => parent)).toEqual([null, stages[0]?.[1], stages[1]?.[1]]);
    expect(stages.map(([, , , from, to]) => Number(to) - Number(from))).toEqual([10, 10, 10]);
  });

  it.each([
    [0, '00'],
    [1, '01'],
  ])('is sampled at the head by the ratio %d, and stays so', async (ratio, flags) => {
    const clock = new FakeClock();
    const trace = await walk(new CarryingTracer(clock, ratio), clock, ['ingest', 'detect']);
    expect(trace?.headers['traceparent']).toMatch(new RegExp(`^00-[0-9a-f]{32}-[0-9a-f]{16}-${flags}$`));
    // What comes of an incident is recorded whatever was drawn.
    expect(trace?.link['traceparent']).toMatch(/-01$/);
    expect(trace?.link).not.toHaveProperty('trace-spans');
  });

  it.each([
    ['nothing', ''],
    ['no trace id', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`],
    ['upper case', `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`],
    ['another version', `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
  ])('is not taken from a header with %s', (_, traceparent) => {
    expect(new CarryingTracer(systemClock, 1).follow({ traceparent })).toBeUndefined();
  });

  it('does not grow without bound', async () => {
    const clock = new FakeClock();
    const trace = await walk(
      new CarryingTracer(clock, 1),
      clock,
      Array.from({ length: 200 }, () => 'detect'),
    );
    expect(trace?.headers['trace-spans']?.length).toBeLessThan(5_000);
  });
});

describe('exported', () => {
  const tracers: ExportingTracer[] = [];
  let collector: OtlpCollector;
  beforeEach(async () => {
    vi.stubEnv('TRACING_UNIT_TEST', 'secret value');
    collector = await OtlpCollector.start();
  });
  afterEach(async () => {
    await Promise.all(tracers.splice(0).map((tracer) => tracer.stop()));
    await collector.stop();
    vi.unstubAllEnvs();
  });

  function exporting(endpoint: string, metrics: Metrics = noMetrics, warn = vi.fn()): ExportingTracer {
    const headers = { 'x-key': { env: 'TRACING_UNIT_TEST' } };
    const log = Object.assign(Object.create(silentLogger), { warn, info: vi.fn() });
    const tracer = new ExportingTracer(
      { endpoint, sample_ratio: 1, headers },
      { clock: systemClock, log, metrics, version: '1.2.3' },
    );
    tracers.push(tracer);
    return tracer;
  }

  function counting(): { metrics: Metrics; dropped: Map<string, number> } {
    const dropped = new Map<string, number>();
    const inc = (_name: MetricName, labels: Readonly<Record<string, string>> = {}, by = 1): void => {
      const reason = labels['reason'] ?? '';
      dropped.set(reason, (dropped.get(reason) ?? 0) + by);
    };
    return { metrics: { ...noMetrics, inc }, dropped };
  }

  const finished = (tracer: Tracer, name = 'ingest'): void => {
    const trace = tracer.begin();
    trace?.part('decode', trace.startMs);
    trace?.end(name, { text: 'x'.repeat(1_000) });
    if (trace) tracer.finish(trace, { 'banksman.camera': 'gate' });
  };

  it('stands at the collector when the tracer has stopped', async () => {
    const tracer = exporting(`${collector.endpoint}/`);
    finished(tracer);
    await tracer.stop();
    // A machine that stands still for longer than stopping may take is still given them.
    const [span, step] = await until('both spans', () => collector.spans.length >= 2 && collector.spans);
    expect(span).toMatchObject({ service: 'banksman-ingest', name: 'ingest', parent: null });
    expect(span?.attributes).toMatchObject({ 'banksman.camera': 'gate', text: 'x'.repeat(128) });
    expect(step).toMatchObject({ name: 'ingest.decode', parent: span?.id, traceId: span?.traceId });
    expect(collector.headers[0]?.['x-key']).toBe('secret value');
  });

  it('is dropped where the collector refuses: counted, and said once', async () => {
    collector.status = 400;
    const { metrics, dropped } = counting();
    const warn = vi.fn();
    const tracer = exporting(collector.endpoint, metrics, warn);
    for (let round = 1; round <= 2; round++) {
      finished(tracer);
      await until('the spans to be dropped', () => dropped.get('export_failed') === 2 * round);
    }
    expect(warn).toHaveBeenCalledTimes(1);
    expect(JSON.stringify(warn.mock.calls)).not.toContain('secret value');
  });

  it('is bounded while the collector hangs, and stopping does not wait for it', async () => {
    collector.hanging = true;
    const { metrics, dropped } = counting();
    const tracer = exporting(collector.endpoint, metrics);
    for (let frame = 0; frame < 2_000; frame++) finished(tracer);
    expect(dropped.get('queue_full')).toBe(2 * 2_000 - 2_048);
    // The request itself is given up by its own limit, and that is counted: stopping does not wait so long.
    await tracer.stop();
    expect(dropped.get('export_failed')).toBeUndefined();
  });

  it('is nothing where what was carried cannot be read', async () => {
    const tracer = exporting(collector.endpoint);
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    for (const junk of ['{', '1', '["ingest"]', '['.repeat(2_000)]) {
      const trace = tracer.follow({ traceparent, 'trace-spans': junk });
      trace?.end('detect');
      if (trace) tracer.finish(trace, {});
    }
    await tracer.stop();
    expect(collector.spans).toEqual([]);
  });
});
