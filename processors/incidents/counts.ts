import type { Incident, RuleRecord } from '../../runtime/messages/types.ts';
import type { Labels, Metrics } from '../../runtime/metrics.ts';
import { fromTimestamp } from '../../runtime/time.ts';
import { hasNearMisses } from './near_misses.ts';

/** What Prometheus is told of incidents: how many opened, how many nearly did, and which are open since when. */
export class IncidentCounts {
  readonly #metrics: Metrics;
  /** Series of incidents that are open, by their labels. */
  #open = new Map<string, Labels>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** A camera's rules count from 0: `increase()` does not see the first incident of a series that begins with it. */
  begin(camera: string, rules: readonly RuleRecord[]): void {
    for (const rule of rules) {
      const labels = labelsOf({ ...rule, camera });
      this.#metrics.inc('incidents_total', labels, 0);
      if (hasNearMisses(rule)) this.#metrics.inc('near_misses_total', labels, 0);
    }
  }

  nearMisses(camera: string, rules: readonly RuleRecord[]): void {
    for (const rule of rules) this.#metrics.inc('near_misses_total', labelsOf({ ...rule, camera }));
  }

  opened(incident: Incident): void {
    this.#metrics.inc('incidents_total', labelsOf(incident));
  }

  /** @param incidents all that are open or unobserved; a rule has one at most for each camera. */
  setOpen(incidents: readonly Incident[]): void {
    this.#metrics.set('incidents_open', incidents.length);
    const open = new Map<string, Labels>();
    for (const incident of incidents) {
      const labels = labelsOf(incident);
      open.set(JSON.stringify(labels), labels);
      this.#metrics.set('incident_opened_timestamp_seconds', fromTimestamp(incident.openedAt) / 1_000, labels);
    }
    for (const [key, labels] of this.#open) {
      if (!open.has(key)) this.#metrics.remove('incident_opened_timestamp_seconds', labels);
    }
    this.#open = open;
  }
}

/** A line is a place as well. Without either it is the whole picture, and the label is empty. */
function labelsOf(of: Pick<Incident, 'camera' | 'rule' | 'zone' | 'line' | 'severity'>): Labels {
  const { camera, rule, zone, line, severity } = of;
  return { camera, rule, zone: zone ?? line ?? '', severity };
}
