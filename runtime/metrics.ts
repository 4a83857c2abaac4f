/**
 * Every metric of the product: name (without the prefix `banksman_`), kind, help, labels. Pure data and
 * an interface, so that a camera process can report without loading a metrics library;
 * `prometheus.ts` holds the registry that renders them.
 */

export interface MetricSpec {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, histograms only. */
  readonly buckets?: readonly number[];
}

const counter = (help: string, ...labels: string[]): MetricSpec => ({ kind: 'counter', help, labels });
const gauge = (help: string, ...labels: string[]): MetricSpec => ({ kind: 'gauge', help, labels });
const histogram = (help: string, buckets: number[], ...labels: string[]): MetricSpec => ({
  kind: 'histogram',
  help,
  labels,
  buckets,
});

const LATENCY = [0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 30];

export const METRICS = Object.freeze({
  build_info: gauge('Always 1; what runs.', 'version', 'role'),
  process_event_loop_delay_p99_seconds: gauge(
    'Event-loop delay, 99th percentile since the last scrape, timer resolution subtracted.',
    'role',
  ),
  process_resident_bytes: gauge('Resident memory of the process.', 'role'),
  role_restarts_total: counter('Restarts of a role by the supervisor.', 'role'),
  role_up: gauge('1 while the role runs and is ready.', 'role'),
  config_reloads_total: counter('Reloads of the site file.', 'result'),
  config_last_reload_successful: gauge('1 when the last reload was applied.'),
  config_info: gauge('Always 1; the hash of the active configuration.', 'hash'),
  price: gauge('What a resource costs a month: `prices` of the site file.', 'resource', 'currency'),

  cameras_expected: gauge('Cameras in the configuration.'),
  camera_watched: gauge('1 while somebody looks at this camera within what its rules promise.', 'camera'),
  watched_seconds_total: counter('Seconds in which the camera was watched.', 'camera'),
  camera_watched_timestamp_seconds: gauge(
    'Capture time up to which the camera was watched; absent while it has not been since the start.',
    'camera',
  ),
  camera_state: gauge('1 for the state that the camera is in, and its reason code.', 'camera', 'state', 'reason'),
  camera_restarts_total: counter('Restarts of the camera process.', 'camera'),
  camera_reconnects_total: counter('Sessions that ended, by reason code.', 'camera', 'reason'),
  camera_cpu_seconds_total: counter('CPU time of the camera process.', 'camera'),
  camera_rss_bytes: gauge('Resident memory of the camera process.', 'camera'),
  camera_event_loop_delay_p99_seconds: gauge(
    '99th percentile of event-loop delay in the camera process over the last second.',
    'camera',
  ),
  access_units_total: counter('Encoded pictures received.', 'camera'),
  access_units_damaged_total: counter('Encoded pictures after a loss, up to the next key picture.', 'camera'),
  access_unit_bytes_total: counter('Bytes of encoded pictures received.', 'camera'),
  decode_errors_total: counter('Pictures that never came out of the decoder, or came out with errors.', 'camera'),
  decoded_frames_total: counter('Pictures decoded.', 'camera'),
  frames_published_total: counter('Frames published, by purpose.', 'camera', 'purpose'),
  frames_shed_total: counter(
    'Frames that were dropped on purpose before detection, by reason and purpose.',
    'reason',
    'purpose',
  ),
  live_viewers: gauge('Viewers of live video.', 'camera'),
  live_units_shed_total: counter(
    'Access units that a viewer of live video did not get, by who was too slow: viewer_slow or agent_slow.',
    'camera',
    'reason',
  ),
  gate_open_seconds_total: counter('Seconds in which the motion gate was open.', 'camera'),

  cameras_unowned: gauge('Cameras that no living ingest agent has.'),
  cameras_owned_twice: gauge('Cameras that more than one ingest agent runs.'),
  camera_moves_total: counter('Cameras given to an agent, by reason.', 'reason'),
  agents: gauge('Ingest agents heard of lately, by state.', 'state'),
  agents_leading: gauge('Ingest agents that coordinate: 1 when all is well.'),
  agent_cameras: gauge('Cameras that the agent runs.', 'agent'),
  agent_clock_offset_seconds: gauge('Clock of the agent minus that of the machine that says so.', 'agent'),

  inference_seconds: histogram(
    'One run of the model.',
    [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 5],
    'model',
  ),
  batch_size: histogram('Pictures in a run of the model.', [1, 2, 4, 8, 16], 'model'),
  detect_queue_frames: gauge('Frames that wait for a detector.'),
  detector_restarts_total: counter('Detector workers that had to be replaced, by reason.', 'reason'),
  detections_total: counter('Boxes found, by class.', 'class'),
  detections_rejected_total: counter('Boxes that cleanup took out, by reason.', 'reason'),
  tracks_active: gauge('Confirmed tracks now.'),
  records_stale_total: counter(
    'Records dropped because of an old epoch or because they were applied before.',
    'reason',
  ),
  incidents_total: counter('Incidents opened.', 'camera', 'rule', 'zone', 'severity'),
  near_misses_total: counter(
    'Times that somebody was where a rule holds and left before it was an incident.',
    'camera',
    'rule',
    'zone',
    'severity',
  ),
  incidents_open: gauge('Incidents open or unobserved now.'),
  incident_opened_timestamp_seconds: gauge(
    'When the incident opened that is open or unobserved now.',
    'camera',
    'rule',
    'zone',
    'severity',
  ),
  capture_to_incident_seconds: histogram(
    'From the capture time of the deciding frame to the opening on the bus.',
    LATENCY,
  ),
  stage_seconds: histogram('From capture time to the end of a stage.', LATENCY, 'stage'),

  bus_lag_records: gauge('Records that a group has not acknowledged yet.', 'group', 'topic'),
  bus_frames_bytes: gauge('Bytes of frames held in memory by the local bus.'),
  bus_records_total: counter('Records that the local bus took.', 'topic'),
  bus_records_expired_unread_total: counter(
    'Records that retention removed before a group had acknowledged them.',
    'group',
    'topic',
  ),
  dead_letters_total: counter('Messages that could not be parsed or delivered.', 'topic', 'reason'),

  evidence_bytes_total: counter(
    'Bytes of evidence written; without a camera: configurations, and of one that was removed.',
    'camera',
    'kind',
  ),
  evidence_replaced_bytes_total: counter(
    'Bytes of evidence that newer took the place of: what was written, less these, stays.',
    'camera',
    'kind',
  ),
  evidence_retention_seconds: gauge('How long evidence is kept, by kind.', 'kind'),
  evidence_max_bytes: gauge('Bytes of evidence that are kept at most, whatever their age.'),
  evidence_missing_total: counter('Evidence that could not be had, by reason.', 'kind', 'reason'),
  evidence_pending: gauge('Incident transitions whose evidence is not written yet.'),
  evidence_deleted_total: counter('Evidence objects removed by retention.', 'reason'),
  evidence_spool_bytes: gauge('Bytes of evidence on disk here that wait for a store that is away.'),
  evidence_spool_max_bytes: gauge('Bytes of evidence that the spool takes.'),
  evidence_spool_objects: gauge('Objects of evidence on disk here that wait for a store that is away.'),
  store_available: gauge('0 while a store cannot be used.', 'store'),
  state_rebuilds_total: counter('Times that the state store had lost records, which were read from the topics again.'),
  store_errors_total: counter('Failures of a store.', 'store', 'reason'),
  alerts_sent_total: counter('Transitions and reminders delivered, however many to a message.', 'channel'),
  alerts_failed_total: counter('Delivery attempts that failed.', 'channel', 'reason'),
  alerts_pending: gauge('Messages that wait for delivery.', 'channel'),
  alerts_silenced_total: counter('Messages that were not sent, by reason.', 'reason'),
  alerts_taken_over_total: counter('Messages of sinks that were gone, sent by this one in their place.'),
  alerts_heartbeats_total: counter('Heartbeats to somebody elsewhere, by result.', 'result'),
  mute_until_timestamp_seconds: gauge('Until when messages are muted, by what is muted.', 'camera', 'rule', 'zone'),
  time_to_acknowledge_seconds: histogram(
    'From the opening of an incident to the first judgement of it, acknowledged or rejected.',
    [30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 86_400],
    'severity',
  ),
  certificate_end_timestamp_seconds: gauge('When a certificate that banksman shows ends.', 'certificate'),
  trace_spans_dropped_total: counter('Spans of traces that were not exported, by reason.', 'reason'),
  http_requests_total: counter('Requests to the console.', 'route', 'status'),
});

export type MetricName = keyof typeof METRICS;
export type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  /** Adds to a counter. Default 1. */
  inc(name: MetricName, labels?: Labels, by?: number): void;
  /** Sets a gauge. */
  set(name: MetricName, value: number, labels?: Labels): void;
  /** Adds a sample to a histogram. */
  observe(name: MetricName, value: number, labels?: Labels): void;
  /** Forgets one series, as when its camera was removed. */
  remove(name: MetricName, labels: Labels): void;
}

/** Counts nothing, for tests and one-off commands. */
export const noMetrics: Metrics = { inc() {}, set() {}, observe() {}, remove() {} };
