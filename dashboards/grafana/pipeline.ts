/** For the platform team: is it on time, where does it wait, what is lost, what does it cost. */
import { BAD, GOOD, OKABE_ITO, STAGE_COLORS } from './colors.ts';
import { type Board, cameras, site } from './frame.ts';
import { FINE_AT_ZERO, type Steps, series, stat, table, WARN_ABOVE } from './panels.ts';
import { COST } from './pipeline_cost.ts';
import { SINKS } from './pipeline_sinks.ts';
import { bucketsOf, countOf, countOrZero, happened, of, perCamera, quantile, rate, sumOf } from './queries.ts';

/** The objective of dashboards/prometheus: so many incidents open within a second of the picture that decided them. */
const ON_TIME = 0.95;
/** Prometheus 3 writes the bound as 1.0. */
const WITHIN_1S = 'le=~"1|1.0"';
/** As the alert measures it. */
export const SHED_LIMIT = 0.2;
const LIVE = 'purpose="live"';
const SHED =
  `sum by (site) (${rate(of('frames_shed_total', LIVE), '10m')})` +
  ` / (sum by (site) (${rate(of('frames_published_total', LIVE), '10m')}) > 0)`;
/** Of the budget: how many times faster than it may it is used up. Both as the alerts have them. */
const BURN_STEPS: Steps = [
  [null, GOOD],
  [1, OKABE_ITO.yellow],
  [6, OKABE_ITO.orange],
  [14.4, BAD],
];

function late(over: string): string {
  const total = `(sum(${rate(countOf('capture_to_incident_seconds'), over)}) > 0)`;
  return `1 - sum(${rate(bucketsOf('capture_to_incident_seconds', WITHIN_1S), over)}) / ${total}`;
}
const burn = (over: string): string => `(${late(over)}) / ${(1 - ON_TIME).toFixed(2)}`;

export const pipeline: Board = {
  name: 'pipeline',
  title: 'Pipeline',
  description: 'From picture to incident: time against the objective, what waits, what is lost, what it costs',
  from: 'now-6h',
  refresh: '30s',
  variables: [site(), cameras()],
  rows: [
    {
      title: 'On time?',
      panels: [
        stat({
          title: 'On time',
          none: 'no incident',
          description: `Do people learn of it in time? The share of incidents in the time shown that opened within 1 s of the picture that decided them. The objective is ${ON_TIME * 100} %. Below: the stages beside say where the time goes.`,
          unit: 'percentunit',
          width: 4,
          height: 5,
          decimals: 1,
          steps: [
            [null, BAD],
            [ON_TIME, GOOD],
          ],
          expr: `1 - (${late('$__range')})`,
        }),
        stat({
          title: 'Half within',
          none: 'no incident',
          description:
            'How long does an incident take, from picture to bus, usually? Above 1 s: see the stages beside.',
          unit: 's',
          width: 4,
          height: 5,
          steps: WARN_ABOVE(1),
          expr: quantile(0.5, 'capture_to_incident_seconds', '$__range'),
        }),
        stat({
          title: '95 of 100 within',
          none: 'no incident',
          description: 'And how long do all but five of a hundred take? This is what the objective is about.',
          unit: 's',
          width: 4,
          height: 5,
          steps: WARN_ABOVE(1),
          expr: quantile(0.95, 'capture_to_incident_seconds', '$__range'),
        }),
        stat({
          title: '99 of 100 within',
          none: 'no incident',
          description: 'And the slowest? Seconds here with a quick middle: bursts, or a restart; see restarts below.',
          unit: 's',
          width: 4,
          height: 5,
          steps: WARN_ABOVE(2),
          expr: quantile(0.99, 'capture_to_incident_seconds', '$__range'),
        }),
        series({
          title: 'Error budget burn',
          description:
            'How fast is what may be late in 30 days used up? 1 uses it up exactly; 6 in five days, 14.4 in two: there the alerts are. Look at lag and sheds below first.',
          unit: 'short',
          width: 8,
          height: 5,
          steps: BURN_STEPS,
          limits: true,
          queries: [
            { expr: burn('1h'), legend: 'over 1 hour' },
            { expr: burn('6h'), legend: 'over 6 hours' },
          ],
          colors: { 'over 1 hour': OKABE_ITO.orange, 'over 6 hours': OKABE_ITO.blue },
        }),
        series({
          title: '95 of 100 through each stage within',
          description:
            'Which stage takes the time? From capture to the end of each stage: what lies between two lines is the stage of the upper one. A step up of all from one on: that one is slow.',
          unit: 's',
          width: 14,
          queries: [{ expr: quantile(0.95, 'stage_seconds', '$__rate_interval', ['stage']), legend: '{{stage}}' }],
          colors: STAGE_COLORS,
        }),
        table({
          title: 'Stage by stage, in the time shown',
          description:
            'How long from capture to the end of each stage? Half, 95 and 99 of 100 within. The first stage that is far above the one before it is the one to look at.',
          unit: 's',
          width: 10,
          labels: ['stage'],
          columns: [0.5, 0.95, 0.99].map((q) => ({
            name: `p${q * 100}`,
            unit: 's',
            decimals: 2,
            expr: quantile(q, 'stage_seconds', '$__range', ['stage']),
          })),
          sortBy: 'p50',
          up: true,
          empty: 'Nothing went through any stage.',
        }),
      ],
    },
    {
      title: 'What waits, what is shed',
      panels: [
        series({
          title: 'Lag',
          description:
            'Who is behind? Records that a group has not acknowledged, by group and topic. Growing: that group needs more processes or is stuck; flat and small is normal.',
          unit: 'short',
          width: 12,
          decimals: 0,
          queries: [
            { expr: `max by (site, group, topic) (${of('bus_lag_records')}) > 0`, legend: '{{group}} {{topic}}' },
          ],
        }),
        series({
          title: 'Frames shed, by reason',
          description:
            'What does detection not get to look at, and why? Frames per second dropped on purpose. stale, superseded: too few detectors; missing, skipped: the bus or a restart; decoder_behind, encoder_busy: the machine of the agent has too much to do.',
          unit: 'cps',
          width: 12,
          queries: [{ expr: `sum by (reason) (${rate(of('frames_shed_total'))})`, legend: '{{reason}}' }],
        }),
        stat({
          title: 'Live frames shed',
          description: `For a hundred live frames that were published, how many were dropped before anybody looked, in the last 10 minutes, at the worst site? Above ${SHED_LIMIT * 100} for 10 minutes an alert follows: the reasons beside say whether detectors or the agent's machine are too slow (deploy/README.md); or lower active_fps.`,
          unit: 'percentunit',
          width: 4,
          decimals: 1,
          steps: [
            [null, GOOD],
            [0.05, OKABE_ITO.yellow],
            [SHED_LIMIT, BAD],
          ],
          expr: `max(${SHED}) or 0 * count(${of('frames_published_total')})`,
        }),
        stat({
          title: 'Read by nobody',
          description:
            'Did retention remove records that a group had not read, in the time shown? Above 0: something was missed for good. Find the group under Lag, and give it time or the topic a longer retention.',
          unit: 'short',
          width: 4,
          decimals: 0,
          steps: FINE_AT_ZERO,
          expr: `sum(${happened(of('bus_records_expired_unread_total'))}) or 0 * count(${of('build_info')})`,
        }),
        stat({
          title: 'Dead letters',
          description:
            'Did records not parse, or messages not arrive for good, in the time shown? Above 0: banksman tail dead-letters.v1 says which and why.',
          unit: 'short',
          width: 4,
          decimals: 0,
          steps: FINE_AT_ZERO,
          expr: `sum(${happened(of('dead_letters_total'))}) or 0 * count(${of('build_info')})`,
        }),
        series({
          title: 'Dead letters, by topic and reason',
          description:
            'Since when, of what, why? In the hour before each point. MESSAGE_INVALID: a process of another version writes there. Letters of incidents.v1: a webhook refused or was away for a day.',
          unit: 'short',
          width: 12,
          height: 4,
          decimals: 0,
          queries: [
            {
              expr: `sum by (topic, reason) (${happened(of('dead_letters_total'), '1h')})`,
              legend: '{{topic}} {{reason}}',
            },
          ],
        }),
        series({
          title: 'Queues',
          description:
            'What waits where? Frames for a detector, transitions for their evidence, messages for their receiver. A queue that only grows has a receiver that is away: the panels of stores and messages below.',
          unit: 'short',
          width: 12,
          decimals: 0,
          queries: [
            { expr: `sum(${of('detect_queue_frames')})`, legend: 'frames for a detector' },
            { expr: `sum(${of('evidence_pending')})`, legend: 'transitions for evidence' },
            { expr: `sum(${of('alerts_pending')})`, legend: 'messages' },
          ],
          colors: {
            'frames for a detector': OKABE_ITO.blue,
            'transitions for evidence': OKABE_ITO.orange,
            messages: OKABE_ITO.purple,
          },
        }),
        series({
          title: 'Frames in the memory of the local bus',
          description:
            'How near is the local bus to its bound (bus.frames.max_bytes), where the oldest frames go first? Only under banksman up without Kafka; near the bound, detection is behind.',
          unit: 'bytes',
          width: 12,
          queries: [{ expr: `sum by (site) (${of('bus_frames_bytes')})`, legend: '{{site}} frames' }],
        }),
      ],
    },
    {
      title: 'Detection',
      panels: [
        series({
          title: 'Inference',
          description:
            'How long does one run of a model take? Half and 95 of 100 within. Slower than it was: another load on the machine, or heat.',
          unit: 's',
          width: 8,
          queries: [
            { expr: quantile(0.5, 'inference_seconds', '$__rate_interval', ['model']), legend: '{{model}} p50' },
            { expr: quantile(0.95, 'inference_seconds', '$__rate_interval', ['model']), legend: '{{model}} p95' },
          ],
        }),
        series({
          title: 'Pictures in a run',
          description:
            'How many pictures does a run of the model look at? The mean. At its highest all the time: detectors are the bottleneck.',
          unit: 'short',
          width: 8,
          queries: [
            {
              expr: `sum by (model) (${rate(sumOf('batch_size'))}) / sum by (model) (${rate(countOf('batch_size'))})`,
              legend: '{{model}}',
            },
          ],
        }),
        series({
          title: 'Boxes found, boxes rejected',
          description:
            'Does what detection finds come through? Per second: found by class, and taken out by cleanup with the reason. Much rejected as static: something there looks like a person; mask it.',
          unit: 'cps',
          width: 8,
          queries: [
            { expr: `sum by (class) (${rate(of('detections_total'))})`, legend: 'found: {{class}}' },
            { expr: `sum by (reason) (${rate(of('detections_rejected_total'))})`, legend: 'rejected: {{reason}}' },
          ],
        }),
      ],
    },
    {
      title: 'Processes',
      panels: [
        stat({
          title: 'Roles not ready',
          description:
            'Which part of banksman up does not run? Roles that its supervisor has and that are not ready. Above 0 for a minute: its log says why. Of a fleet, ask what runs the containers.',
          unit: 'short',
          width: 4,
          steps: FINE_AT_ZERO,
          expr: countOrZero(`${of('role_up')} == 0`, of('build_info')),
        }),
        stat({
          title: 'First certificate ends in',
          description:
            'When does the next certificate that banksman shows end? Under 14 days: renew it; the console reads the new one within a minute.',
          none: 'none shown',
          unit: 's',
          width: 4,
          steps: [
            [null, BAD],
            [7 * 86_400, OKABE_ITO.orange],
            [14 * 86_400, GOOD],
          ],
          expr: `min(${of('certificate_end_timestamp_seconds')}) - time()`,
        }),
        series({
          title: 'Restarts',
          description:
            'What dies? In the hour before each point: roles by their supervisor, detector workers by reason. Above 3 an alert follows. Each one is in the log with its last words.',
          unit: 'short',
          width: 8,
          decimals: 0,
          steps: WARN_ABOVE(4),
          limits: true,
          queries: [
            { expr: `sum by (role) (${happened(of('role_restarts_total'), '1h')})`, legend: '{{role}}' },
            {
              expr: `sum by (reason) (${happened(of('detector_restarts_total'), '1h')})`,
              legend: 'detector: {{reason}}',
            },
          ],
        }),
        series({
          title: 'Event-loop delay',
          description:
            'Is a process too busy to answer? 99th percentile since the scrape before, by role, the highest. Above 0.1 s for long: it has too much to do; give it company.',
          unit: 's',
          width: 8,
          steps: WARN_ABOVE(0.1),
          limits: true,
          queries: [
            {
              expr: `max by (site, role) (${of('process_event_loop_delay_p99_seconds')})`,
              legend: '{{site}} {{role}}',
            },
          ],
        }),
        series({
          title: 'Memory',
          description:
            'Does something grow without end? Resident memory by role, all its processes together. Rising over days without more cameras: keep the figure, and tell us.',
          unit: 'bytes',
          width: 24,
          look: 'stacked areas',
          queries: [
            { expr: `sum by (role) (${of('process_resident_bytes')})`, legend: '{{role}}' },
            { expr: `sum(${perCamera(of('camera_rss_bytes'))})`, legend: 'camera processes' },
          ],
          colors: {
            up: OKABE_ITO.grey,
            ingest: OKABE_ITO.sky,
            process: OKABE_ITO.vermillion,
            sink: OKABE_ITO.orange,
            console: OKABE_ITO.purple,
            'camera processes': OKABE_ITO.blue,
          },
        }),
      ],
    },
    SINKS,
    COST,
  ],
};
