import type { Labels, MetricName } from '../runtime/metrics.ts';
import type { MetricSample } from './ipc.ts';

/** Counts between two reports to the agent, without a metrics library in the process. */
export class Counters {
  readonly #values = new Map<string, { name: MetricName; labels: Labels; value: number }>();
  readonly #totals = new Map<MetricName, number>();

  add(name: MetricName, by = 1, labels: Labels = {}): void {
    const key = `${name} ${JSON.stringify(labels)}`;
    const known = this.#values.get(key);
    if (known) known.value += by;
    else this.#values.set(key, { name, labels, value: by });
    this.#totals.set(name, (this.#totals.get(name) ?? 0) + by);
  }

  shed(reason: string, purpose = 'live'): void {
    this.add('frames_shed_total', 1, { reason, purpose });
  }

  /** Since the process began, over all labels. */
  total(name: MetricName): number {
    return this.#totals.get(name) ?? 0;
  }

  /** What came in since the last call. */
  take(): MetricSample[] {
    const samples: MetricSample[] = [];
    for (const counter of this.#values.values()) {
      if (counter.value === 0) continue;
      samples.push([counter.name, counter.labels, counter.value]);
      counter.value = 0;
    }
    return samples;
  }
}
