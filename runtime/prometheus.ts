import { setImmediate as turn } from 'node:timers/promises';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type Slice, slicesOf } from './exposition.ts';
import { type Labels, METRICS, type MetricName, type Metrics } from './metrics.ts';

export const METRIC_PREFIX = 'banksman_';

/** The metrics of one process, rendered for Prometheus. A metric appears with its first value. */
export class PrometheusMetrics implements Metrics {
  readonly registry = new Registry();
  readonly #metrics = new Map<MetricName, Counter | Gauge | Histogram>();

  inc(name: MetricName, labels: Labels = {}, by = 1): void {
    const metric = this.#get(name);
    if (metric instanceof Counter) metric.inc(labels, by);
  }

  set(name: MetricName, value: number, labels: Labels = {}): void {
    const metric = this.#get(name);
    if (metric instanceof Gauge) metric.set(labels, value);
  }

  observe(name: MetricName, value: number, labels: Labels = {}): void {
    const metric = this.#get(name);
    if (metric instanceof Histogram) metric.observe(labels, value);
  }

  remove(name: MetricName, labels: Labels): void {
    this.#metrics.get(name)?.remove(labels);
  }

  /** All of it as text; the event loop turns between two slices. */
  async *slices(): AsyncGenerator<Slice> {
    for (const metric of this.#metrics.values()) {
      for (const slice of slicesOf(await metric.get())) {
        yield slice;
        await turn();
      }
    }
  }

  #get(name: MetricName): Counter | Gauge | Histogram {
    const known = this.#metrics.get(name);
    if (known) return known;
    const { kind, help, labels, buckets } = METRICS[name];
    const options = { name: METRIC_PREFIX + name, help, labelNames: labels, registers: [this.registry] };
    const made =
      kind === 'counter'
        ? new Counter(options)
        : kind === 'gauge'
          ? new Gauge(options)
          : new Histogram({ ...options, ...(buckets ? { buckets: [...buckets] } : {}) });
    this.#metrics.set(name, made);
    return made;
  }
}
