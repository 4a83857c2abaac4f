/** Traces to an OTLP collector. Loads OpenTelemetry: imported by whoever exports, once tracing is on. */
import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import { z } from 'zod';
import type { Clock } from './clock.ts';
import type { Component } from './lifecycle.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { resolveSecret } from './secrets.ts';
import { type Attributes, CarryingTracer, type StageTrace, type TracingOptions } from './tracing.ts';

export interface TraceExporterDeps {
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  version: string;
}

/** Spans that wait for the collector; more are dropped. */
const MAX_WAITING = 2048;
const BATCH = 512;
const BATCH_EVERY_MS = 1_000;
const REQUEST_MS = 5_000;
const STOP_MS = 2_000;
const MAX_TEXT = 128;

const text = z.string().transform((value) => value.slice(0, MAX_TEXT));
const id = z.string().regex(/^[0-9a-f]{16}$/);
const time = z.number().positive();
const attributes = z.record(z.string().max(MAX_TEXT), z.union([text, z.number(), z.boolean()]));
const part = z.tuple([text, time, time]);
/** `Stage` of `tracing.ts`: it came over the bus. */
const stages = z.array(z.tuple([text, id, id.nullable(), time, time, z.number(), attributes, z.array(part).max(16)]));

/** Exports what it is told to finish, in batches, without ever holding up who tells it. */
export class ExportingTracer extends CarryingTracer implements Component {
  readonly name = 'tracing';
  readonly #deps: TraceExporterDeps;
  readonly #processor: BatchSpanProcessor;
  readonly #resources = new Map<string, Resource>();
  /** Handed over and neither delivered nor given up. */
  #waiting = 0;
  #failing = false;

  constructor(options: TracingOptions, deps: TraceExporterDeps) {
    super(deps.clock, options.sample_ratio);
    this.#deps = deps;
    const exporter = new OTLPTraceExporter({
      url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`,
      headers: () => this.#resolve(options.headers),
      timeoutMillis: REQUEST_MS,
    });
    this.#processor = new BatchSpanProcessor({
      exporter: this.#counted(exporter),
      maxQueueSize: MAX_WAITING,
      maxExportBatchSize: BATCH,
      scheduledDelayMillis: BATCH_EVERY_MS,
      exportTimeoutMillis: REQUEST_MS + 1_000,
    });
  }

  async start(): Promise<void> {}

  /** What waits is still sent, for 2 s at most. */
  async stop(): Promise<void> {
    const done = new AbortController();
    const sent = this.#processor.shutdown().catch(() => undefined);
    await Promise.race([sent, this.#deps.clock.sleep(STOP_MS, done.signal)]);
    done.abort();
  }

  override finish(trace: StageTrace, common: Attributes): void {
    for (const span of this.#spans(trace, common)) {
      if (this.#waiting >= MAX_WAITING) {
        this.#deps.metrics.inc('trace_spans_dropped_total', { reason: 'queue_full' });
        continue;
      }
      this.#waiting += 1;
      this.#processor.onEnd(span);
    }
  }

  /** Nothing of what does not read: others may write to the bus too. */
  #spans({ traceId, stages: json }: StageTrace, common: Attributes): ReadableSpan[] {
    const read = stages.safeParse(parse(json));
    if (!read.success) return [];
    return read.data.flatMap(([name, spanId, parent, fromMs, toMs, pid, own, parts]) => {
      const make = (spanName: string, span: string, under: string | null, from: number, to: number): ReadableSpan => ({
        name: spanName,
        kind: SpanKind.INTERNAL,
        spanContext: () => contextOf(traceId, span),
        ...(under === null ? {} : { parentSpanContext: { ...contextOf(traceId, under), isRemote: under === parent } }),
        startTime: hrTime(from),
        endTime: hrTime(to),
        duration: hrTime(Math.max(0, to - from)),
        ended: true,
        status: { code: SpanStatusCode.UNSET },
        attributes: { ...common, ...(span === spanId ? own : {}), 'process.pid': pid },
        links: [],
        events: [],
        resource: this.#resource(name),
        instrumentationScope: { name: 'banksman', version: this.#deps.version },
        droppedAttributesCount: 0,
        droppedEventsCount: 0,
        droppedLinksCount: 0,
      });
      const children = parts.map(([step, from, to], index) =>
        make(`${name}.${step}`, childId(spanId, index), spanId, from, to),
      );
      return [make(name, spanId, parent, fromMs, toMs), ...children];
    });
  }

  /** A service for each part of the product: how backends draw who calls whom. */
  #resource(stage: string): Resource {
    const service = `banksman-${stage.split('.')[0]}`;
    const known = this.#resources.get(service);
    if (known) return known;
    const made = resourceFromAttributes({ 'service.name': service, 'service.version': this.#deps.version });
    // Names of stages are few; whoever writes others to the bus fills nothing.
    if (this.#resources.size < 32) this.#resources.set(service, made);
    return made;
  }

  /** One warning until it works again; what is lost is counted. */
  #counted(inner: SpanExporter): SpanExporter {
    return {
      export: (spans, settle) =>
        inner.export(spans, (result) => {
          this.#waiting -= spans.length;
          const failed = result.error !== undefined || result.code !== 0;
          if (failed) {
            this.#deps.metrics.inc('trace_spans_dropped_total', { reason: 'export_failed' }, spans.length);
            this.#sayFailing(result.error?.message ?? 'refused');
          } else if (this.#failing) {
            this.#failing = false;
            this.#deps.log.info('traces are exported again');
          }
          settle(result);
        }),
      shutdown: () => inner.shutdown(),
    };
  }

  #sayFailing(reason: string): void {
    if (this.#failing) return;
    this.#failing = true;
    const bound = reason.slice(0, MAX_TEXT);
    this.#deps.log.warn({ code: 'TRACE_EXPORT_FAILED', reason: bound }, 'traces cannot be exported: they are dropped');
  }

  /** Read at every request, so that a changed secret holds. Must not throw. */
  async #resolve(refs: TracingOptions['headers']): Promise<Record<string, string>> {
    try {
      const named = Object.entries(refs).map(async ([name, ref]) => [name, await resolveSecret(ref)] as const);
      return Object.fromEntries(await Promise.all(named));
    } catch (error) {
      // It names the reference, not the value. The collector will refuse the request.
      this.#sayFailing(error instanceof Error ? error.message : 'a secret cannot be read');
      return {};
    }
  }
}

function contextOf(traceId: string, spanId: string) {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
}

/** The same whenever the same stage is read, and not another stage's. */
function childId(stage: string, index: number): string {
  return (BigInt(`0x${stage}`) ^ BigInt(index + 1)).toString(16).padStart(16, '0');
}

function hrTime(ms: number): [number, number] {
  const seconds = Math.trunc(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
