import { type Labels, METRICS, type MetricName, type Metrics } from '../runtime/metrics.ts';
import { KINDS } from '../sinks/evidence/counts.ts';

const CAMERA_STATES = ['active'];
/** Ten rules on a camera are many; each has a zone of its own. */
const RULES = Array.from({ length: 10 }, (_, index) => ({
  rule: `person-in-danger-area-${index}`,
  zone: `danger-area-${index}`,
  severity: 'high',
}));
const MUTES = [{ rule: '', zone: '' }, ...RULES.slice(0, 2).map(({ rule, zone }) => ({ rule, zone }))];
/** Why sessions of one camera end in a bad week. */
const REASONS = ['RTSP_ENDED', 'RTSP_STALLED', 'RTSP_REFUSED', 'RTSP_UNREACHABLE', 'CAMERA_PROCESS_FAILED'];

const EVIDENCE = KINDS.map((kind) => ({ kind }));

/** Label sets, beside the camera itself, of what has more series a camera than one. */
const SETS: Partial<Record<MetricName, readonly Labels[]>> = {
  camera_state: CAMERA_STATES.map((state) => ({ state, reason: '' })),
  camera_reconnects_total: REASONS.map((reason) => ({ reason })),
  frames_published_total: ['live', 'catchup', 'heartbeat', 'shadow'].map((purpose) => ({ purpose })),
  live_units_shed_total: ['agent_slow', 'viewer_slow'].map((reason) => ({ reason })),
  incidents_total: RULES,
  near_misses_total: RULES,
  incident_opened_timestamp_seconds: RULES,
  mute_until_timestamp_seconds: MUTES,
  evidence_bytes_total: EVIDENCE,
  evidence_replaced_bytes_total: EVIDENCE,
};

/** Everything that is by camera, as on a camera that has all of it at once. @returns the number of series. */
export function busyCamera(metrics: Metrics, camera: string): number {
  let series = 0;
  for (const name of NAMES) {
    const { kind, labels } = METRICS[name];
    if (!labels.includes('camera')) continue;
    const sets = SETS[name] ?? [{}];
    for (const set of sets) {
      const given = { camera, ...set };
      if (labels.some((label) => !Object.hasOwn(given, label))) throw new Error(`${name}: which labels?`);
      if (kind === 'counter') metrics.inc(name, given, 12_345.678);
      else if (kind === 'gauge') metrics.set(name, 1_763_791_428.123, given);
      else throw new Error(`${name}: a histogram by camera`);
      series += 1;
    }
  }
  return series;
}

/** Everything else once, so that all metrics are there. */
export function everythingElse(metrics: Metrics): void {
  for (const name of NAMES) {
    const { kind, labels } = METRICS[name];
    if (labels.includes('camera')) continue;
    const given = Object.fromEntries(labels.map((label) => [label, 'one']));
    if (kind === 'counter') metrics.inc(name, given);
    else if (kind === 'gauge') metrics.set(name, 1, given);
    else metrics.observe(name, 1, given);
  }
}

const NAMES = Object.keys(METRICS) as MetricName[];
