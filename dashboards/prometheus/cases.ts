export const INTERVALS = ['5s', '1m', '5m', '1h'] as const;

/**
 * What each alert is tried with: series as a scrape would bring them, in promtool's notation (`1x10` is eleven
 * ones, `0+2x5` counts up by two, `_x3` three times nothing), and when it is quiet, fires and is over;
 * null where it never is.
 * What must never fire, such as a camera that is well, lies among the series as well.
 */
export interface Case {
  alert: string;
  /** What is tried, where an alert has several cases. */
  of?: string;
  /** Between two samples, and between two evaluations. Default 1m. */
  every?: (typeof INTERVALS)[number];
  series: Record<string, string>;
  /** Not yet, although what is wrong may have begun. */
  quiet: string | null;
  fires: string;
  over: string | null;
  /** What fires, and nothing else; severity and the rest are the rule's. */
  as: readonly { labels?: Record<string, string>; summary: string }[];
}

const CAMERA = 'banksman_camera_state';
const YARD = '{instance="yard:9464",job="banksman"}';
/** Of a role or a supervisor that answers. */
const UP = `up${YARD}`;

export const CASES: readonly Case[] = [
  // cameras.yaml
  {
    alert: 'BanksmanCameraDown',
    series: {
      [`${CAMERA}{camera="gate",state="idle",reason=""}`]: '1 1 1 stale _x7 1x10',
      [`${CAMERA}{camera="gate",state="connecting",reason=""}`]: '_ _ _ 1 stale',
      [`${CAMERA}{camera="gate",state="backoff",reason="RTSP_REFUSED"}`]: '_x4 1 1 stale',
      [`${CAMERA}{camera="gate",state="backoff",reason="RTSP_NO_ROUTE"}`]: '_x6 1 1 1 1 1 stale',
      [`${CAMERA}{camera="dock",state="active",reason=""}`]: '1x20',
      [`${CAMERA}{camera="roof",state="backoff",reason="RTSP_STALLED"}`]: '1x20',
    },
    quiet: '4m',
    fires: '8m',
    over: '12m',
    as: [{ labels: { camera: 'gate' }, summary: 'No session with camera gate: RTSP_NO_ROUTE' }],
  },
  {
    alert: 'BanksmanCameraDown',
    of: 'one of two sites',
    series: {
      [`${CAMERA}{camera="gate",state="backoff",reason="RTSP_NOT_FOUND",site="yard"}`]: '1x6 stale',
      [`${CAMERA}{camera="gate",state="idle",reason="",site="yard"}`]: '_x7 1x10',
      [`${CAMERA}{camera="gate",state="idle",reason="",site="harbour"}`]: '1x20',
    },
    quiet: '1m',
    fires: '5m',
    over: '8m',
    as: [{ labels: { camera: 'gate', site: 'yard' }, summary: 'No session with camera gate: RTSP_NOT_FOUND' }],
  },
  {
    alert: 'BanksmanCameraStalled',
    series: {
      // Stalled, given up, connecting, stalled again.
      [`${CAMERA}{camera="gate",state="stalled",reason="RTSP_STALLED"}`]: '_ _ 1 stale _ 1 stale',
      [`${CAMERA}{camera="gate",state="backoff",reason="RTSP_STALLED"}`]: '_ _ _ 1 1 stale 1 stale',
      [`${CAMERA}{camera="gate",state="idle",reason=""}`]: '1 1 stale _x4 1x10',
      [`${CAMERA}{camera="dock",state="stalled",reason="RTSP_STALLED"}`]: '_ 1 stale',
    },
    quiet: '3m',
    fires: '6m',
    over: '9m',
    as: [{ labels: { camera: 'gate' }, summary: 'Camera gate takes sessions but sends no pictures: RTSP_STALLED' }],
  },
  {
    alert: 'BanksmanCameraQuarantined',
    series: {
      [`${CAMERA}{camera="gate",state="quarantined",reason="RTSP_UNAUTHORIZED"}`]: '_ 1x5 stale',
      [`${CAMERA}{camera="gate",state="idle",reason=""}`]: '1 stale _x5 1x10',
      [`${CAMERA}{camera="dock",state="backoff",reason="RTSP_NO_ROUTE"}`]: '1x15',
    },
    quiet: '1m',
    fires: '4m',
    over: '8m',
    as: [{ labels: { camera: 'gate' }, summary: 'Camera gate is quarantined: RTSP_UNAUTHORIZED' }],
  },
  {
    alert: 'BanksmanCameraFrozen',
    series: {
      [`${CAMERA}{camera="gate",state="blind",reason="STREAM_FROZEN"}`]: '_ 1x5 stale',
      [`${CAMERA}{camera="dock",state="blind",reason="STREAM_BLACK"}`]: '1x15',
    },
    quiet: '1m',
    fires: '4m',
    over: '8m',
    as: [{ labels: { camera: 'gate' }, summary: 'Camera gate sends the same picture over and over: STREAM_FROZEN' }],
  },
  {
    alert: 'BanksmanCameraBlack',
    series: {
      [`${CAMERA}{camera="gate",state="blind",reason="STREAM_BLACK"}`]: '_ 1x5 stale',
      [`${CAMERA}{camera="dock",state="blind",reason="STREAM_FROZEN"}`]: '1x15',
    },
    quiet: '1m',
    fires: '4m',
    over: '8m',
    as: [{ labels: { camera: 'gate' }, summary: 'Camera gate sends black pictures: STREAM_BLACK' }],
  },
  {
    alert: 'BanksmanCameraUndecodable',
    series: {
      [`${CAMERA}{camera="gate",state="blind",reason="STREAM_UNDECODABLE"}`]: '_ 1 1 stale 1 1 1 stale',
      [`${CAMERA}{camera="gate",state="backoff",reason="STREAM_UNDECODABLE"}`]: '_ _ _ 1 stale',
      [`${CAMERA}{camera="dock",state="blind",reason="STREAM_BLACK"}`]: '1x15',
    },
    quiet: '2m',
    fires: '5m',
    over: '9m',
    as: [{ labels: { camera: 'gate' }, summary: 'Pictures of camera gate cannot be decoded: STREAM_UNDECODABLE' }],
  },
  {
    alert: 'BanksmanCameraNotWatched',
    series: {
      // Two sinks say it; one of them has just begun to listen.
      'banksman_camera_watched{camera="gate",instance="sink-1:9464"}': '1 1 0x5 1x10',
      'banksman_camera_watched{camera="gate",instance="sink-2:9464"}': '1 0 0x5 0x10',
      [`${CAMERA}{camera="gate",state="active",reason=""}`]: '1 1 1 1 stale 1 stale 1x10',
      [`${CAMERA}{camera="gate",state="idle",reason=""}`]: '_ _ _ _ 1 stale 1 stale',
      'banksman_camera_watched{camera="dock",instance="sink-1:9464"}': '0x20',
      [`${CAMERA}{camera="dock",state="backoff",reason="RTSP_NO_ROUTE"}`]: '1x20',
    },
    quiet: '3m',
    fires: '6m',
    over: '8m',
    as: [{ labels: { camera: 'gate' }, summary: 'Camera gate sends pictures, but nobody looks at them in time' }],
  },
  {
    alert: 'BanksmanCameraUnsteady',
    series: {
      // Away for one minute of four.
      'banksman_camera_watched{camera="gate"}':
        '1x29 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1 1 1 0 1x100',
      'banksman_camera_reconnects_total{camera="gate",reason="RTSP_ENDED"}': '0x29 0+1x39 40x100',
      'banksman_camera_reconnects_total{camera="gate",reason="RTSP_STALLED"}': '0x29 0+0.1x39 4x100',
      'banksman_camera_watched{camera="dock"}': '0x2 1x200',
    },
    quiet: '67m',
    fires: '75m',
    over: '140m',
    as: [
      {
        labels: { camera: 'gate' },
        summary: 'Camera gate was watched for only 83.61% of the last hour; sessions ended most for RTSP_ENDED',
      },
    ],
  },

  // fleet.yaml
  {
    alert: 'BanksmanCameraUnowned',
    series: {
      'banksman_cameras_unowned{instance="sink-1:9464"}': '0 0 2x4 0x10',
      'banksman_cameras_unowned{instance="sink-2:9464"}': '0 0 0 2x3 0x10',
      'banksman_camera_watched{camera="dock"}': '1x20',
      'banksman_camera_watched{camera="gate"}': '0x20',
      'banksman_camera_watched{camera="roof"}': '0x20',
      [`${CAMERA}{camera="dock",state="active",reason=""}`]: '1x20',
    },
    quiet: '1m',
    fires: '5m',
    over: '8m',
    as: [{ summary: 'Cameras that no ingest agent has, 2 in all: gate, roof' }],
  },
  // As compose scrapes: told within 10 s of its being a metric, which has waited for a handover to end by itself.
  ...(['CameraUnowned', 'CameraOwnedTwice'] as const).map((name): Case => {
    const [metric, what] =
      name === 'CameraUnowned'
        ? ['banksman_cameras_unowned', 'no ingest agent has']
        : ['banksman_cameras_owned_twice', 'two ingest agents run'];
    return {
      alert: `Banksman${name}`,
      of: 'at once',
      every: '5s',
      series: { [metric]: '0 0 1 1 1 0x10' },
      quiet: '5s',
      fires: '10s',
      over: '25s',
      as: [{ summary: `Cameras that ${what}, 1 in all` }],
    };
  }),
  {
    alert: 'BanksmanCameraOwnedTwice',
    series: {
      banksman_cameras_owned_twice: '0 1x4 0x10',
      [`${CAMERA}{camera="gate",state="active",reason="",instance="ingest-1:9464"}`]: '1x20',
      [`${CAMERA}{camera="gate",state="idle",reason="",instance="ingest-2:9464"}`]: '_ 1x4 stale',
      [`${CAMERA}{camera="dock",state="idle",reason="",instance="ingest-2:9464"}`]: '1x20',
    },
    quiet: '0m',
    fires: '4m',
    over: '7m',
    as: [{ summary: 'Cameras that two ingest agents run, 1 in all: gate' }],
  },
  {
    alert: 'BanksmanNobodyCoordinates',
    series: {
      'banksman_agents_leading{instance="sink-1:9464"}': '1 0x4 1x10',
      'banksman_agents_leading{instance="sink-2:9464"}': '1 0x4 1x10',
    },
    quiet: '1m',
    fires: '3m',
    over: '6m',
    as: [{ summary: 'No ingest agent gives cameras to agents' }],
  },
  {
    alert: 'BanksmanNobodyCoordinates',
    of: 'one of two sites',
    series: {
      'banksman_agents_leading{site="yard"}': '1 0x4 1x10',
      'banksman_agents_leading{site="harbour"}': '1x20',
    },
    quiet: '1m',
    fires: '3m',
    over: '6m',
    as: [{ labels: { site: 'yard' }, summary: 'No ingest agent gives cameras to agents' }],
  },
  {
    alert: 'BanksmanAgentClockOff',
    series: {
      'banksman_agent_clock_offset_seconds{agent="ingest-a"}': '0 3.27x4 0.1x10',
      'banksman_agent_clock_offset_seconds{agent="ingest-b"}': '0 -4.5x4 -0.1x10',
      'banksman_agent_clock_offset_seconds{agent="ingest-c"}': '1.9x20',
    },
    quiet: '1m',
    fires: '4m',
    over: '7m',
    as: [
      { labels: { agent: 'ingest-a' }, summary: 'The clock of agent ingest-a is off by 3.3 s' },
      { labels: { agent: 'ingest-b' }, summary: 'The clock of agent ingest-b is off by -4.5 s' },
    ],
  },

  // latency.yaml
  ...(['1', '1.0'] as const).map(
    (bound): Case => ({
      alert: 'BanksmanIncidentsLateFast',
      of: `bound written as ${bound}`,
      series: {
        // One a minute, in time for an hour, then nine of ten late for an hour.
        [`banksman_capture_to_incident_seconds_bucket{le="${bound}"}`]: '0+1x59 60+0.1x59 66+1x120',
        'banksman_capture_to_incident_seconds_bucket{le="+Inf"}': '0+1x240',
        banksman_capture_to_incident_seconds_count: '0+1x240',
        // All late, but few.
        [`banksman_capture_to_incident_seconds_bucket{le="${bound}",site="island"}`]: '0x240',
        'banksman_capture_to_incident_seconds_count{site="island"}': '0+0.1x240',
      },
      quiet: '110m',
      fires: '119m',
      over: '130m',
      as: [{ summary: '88.5% of the incidents of the last hour opened more than a second late' }],
    }),
  ),
  {
    alert: 'BanksmanIncidentsLateSlow',
    every: '5m',
    series: {
      'banksman_capture_to_incident_seconds_bucket{le="1"}': '0+5x24 120+2.5x96 360+5x24',
      'banksman_capture_to_incident_seconds_bucket{le="+Inf"}': '0+5x168',
      banksman_capture_to_incident_seconds_count: '0+5x168',
      'banksman_capture_to_incident_seconds_bucket{le="1",site="island"}': '0x168',
      'banksman_capture_to_incident_seconds_count{site="island"}': '0+0.1x168',
    },
    quiet: '5h',
    fires: '9h',
    over: '11h',
    as: [{ summary: '50% of the incidents of the last six hours opened more than a second late' }],
  },

  // pipeline.yaml
  {
    alert: 'BanksmanLagGrowing',
    series: {
      'banksman_bus_lag_records{group="cleanup",topic="detections.v1"}': '3x10 0+60x40 2400-240x10 0x30',
      // Much, but it grows no more; and little that grows.
      'banksman_bus_lag_records{group="state",topic="tracks.v1"}': '5000x90',
      'banksman_bus_lag_records{group="evidence",topic="incidents.v1"}': '0+1x90',
    },
    quiet: '28m',
    fires: '40m',
    over: '70m',
    as: [
      {
        labels: { group: 'cleanup', topic: 'detections.v1' },
        summary: 'cleanup falls behind: 1.59k records of detections.v1 wait, and more each minute',
      },
    ],
  },
  {
    alert: 'BanksmanRecordsLost',
    every: '5m',
    series: {
      'banksman_bus_records_expired_unread_total{group="state",topic="tracks.v1"}': '_x15 12x30',
      'banksman_bus_records_expired_unread_total{group="detect",topic="frames.v1"}': '1+100x40',
      'banksman_bus_records_expired_unread_total{group="alerts",topic="incidents.v1"}': '7x40',
      // Not scraped for a while, an hour before the alert is looked at.
      'banksman_bus_records_expired_unread_total{group="evidence",topic="incidents.v1"}': '7 7 stale _ 7x40',
    },
    quiet: '75m',
    fires: '90m',
    over: '140m',
    as: [
      {
        labels: { group: 'state', topic: 'tracks.v1' },
        summary: '12 records of tracks.v1 were removed before state had read them',
      },
    ],
  },
  {
    alert: 'BanksmanFramesShed',
    series: {
      'banksman_frames_published_total{camera="gate",purpose="live"}': '0+300x90',
      'banksman_frames_published_total{camera="gate",purpose="catchup"}': '0+300x90',
      'banksman_frames_shed_total{purpose="live",reason="superseded"}': '0+30x10 300+80x30 2700+30x50',
      'banksman_frames_shed_total{purpose="live",reason="stale"}': '0x10 0+40x30 1200x50',
      'banksman_frames_shed_total{purpose="catchup",reason="catchup_budget"}': '0+200x90',
    },
    quiet: '24m',
    fires: '35m',
    over: '55m',
    as: [{ summary: 'Of live frames 40% are shed, most as superseded' }],
  },
  {
    alert: 'BanksmanDeadLetters',
    every: '5m',
    of: 'the first one',
    series: {
      'banksman_dead_letters_total{topic="incidents.v1",reason="ALERT_REFUSED"}': '_x2 1x20',
    },
    quiet: '10m',
    fires: '50m',
    over: '80m',
    as: [
      {
        labels: { topic: 'incidents.v1', reason: 'ALERT_REFUSED' },
        summary: 'Messages of incidents.v1 set aside in the last hour, 1 in all: ALERT_REFUSED',
      },
    ],
  },
  {
    alert: 'BanksmanDeadLetters',
    every: '5m',
    of: 'one more',
    series: {
      'banksman_dead_letters_total{topic="tracks.v1",reason="MESSAGE_INVALID"}': '4x14 5x20',
    },
    quiet: '65m',
    fires: '100m',
    over: '145m',
    as: [
      {
        labels: { topic: 'tracks.v1', reason: 'MESSAGE_INVALID' },
        summary: 'Messages of tracks.v1 set aside in the last hour, 1 in all: MESSAGE_INVALID',
      },
    ],
  },
  {
    alert: 'BanksmanRoleDown',
    series: {
      'banksman_role_up{role="process",instance="yard:9464"}': '1 0x4 1x10',
      'banksman_role_up{role="sink",instance="yard:9464"}': '1x20',
    },
    quiet: '1m',
    fires: '4m',
    over: '6m',
    as: [{ labels: { role: 'process', instance: 'yard:9464' }, summary: 'The role process of yard:9464 does not run' }],
  },
  {
    alert: 'BanksmanRoleRestarts',
    every: '5m',
    series: {
      'banksman_role_restarts_total{role="process",instance="yard:9464"}': '_x12 1 2 3 3 4x30',
      'banksman_role_restarts_total{role="sink",instance="yard:9464"}': '_x12 1+1x2 3x30',
    },
    quiet: '75m',
    fires: '85m',
    over: '150m',
    as: [
      {
        labels: { role: 'process', instance: 'yard:9464' },
        summary: 'The role process of yard:9464 was restarted 4 times in the last hour',
      },
    ],
  },
  {
    alert: 'BanksmanDetectorRestarts',
    every: '5m',
    series: {
      'banksman_detector_restarts_total{reason="hung"}': '_x12 1 2 3 3 4x30',
      'banksman_detector_restarts_total{reason="failed"}': '_x12 1+1x2 3x30',
    },
    quiet: '75m',
    fires: '85m',
    over: '150m',
    as: [{ labels: { reason: 'hung' }, summary: 'Detectors were replaced 4 times in the last hour: hung' }],
  },
  {
    alert: 'BanksmanCameraRestarts',
    every: '5m',
    series: {
      'banksman_camera_reconnects_total{camera="gate",reason="CAMERA_PROCESS_FAILED"}': '_x12 1 2 3 3 4x30',
      'banksman_camera_reconnects_total{camera="dock",reason="RTSP_ENDED"}': '1+5x38',
      'banksman_camera_reconnects_total{camera="roof",reason="CAMERA_PROCESS_FAILED"}': '_x12 1+1x2 3x30',
    },
    quiet: '75m',
    fires: '85m',
    over: '150m',
    as: [
      {
        labels: { camera: 'gate' },
        summary: 'The process of camera gate ended 4 times in the last hour: CAMERA_PROCESS_FAILED',
      },
    ],
  },
  {
    alert: 'BanksmanCameraRestarts',
    of: 'again after a day',
    every: '5m',
    series: {
      'banksman_camera_reconnects_total{camera="gate",reason="CAMERA_PROCESS_FAILED"}': '3x20 4 5 6 6 7x30',
      'banksman_camera_reconnects_total{camera="roof",reason="CAMERA_PROCESS_FAILED"}': '3x20 4 5 6x30',
    },
    quiet: '115m',
    fires: '130m',
    over: '190m',
    as: [
      {
        labels: { camera: 'gate' },
        summary: 'The process of camera gate ended 4 times in the last hour: CAMERA_PROCESS_FAILED',
      },
    ],
  },
  {
    alert: 'BanksmanConfigRefused',
    series: { 'banksman_config_last_reload_successful{instance="yard:9464"}': '1 0x9 1x10' },
    quiet: '4m',
    fires: '8m',
    over: '12m',
    as: [
      {
        labels: { instance: 'yard:9464' },
        summary: 'The last edit of the site file of yard:9464 was refused',
      },
    ],
  },
  {
    alert: 'BanksmanNoIncidents',
    every: '1h',
    series: {
      // Six days with one an hour, then none; on the ninth day people come again.
      'banksman_capture_to_incident_seconds_count{site="yard"}': '1+1x144 145x60 146x100',
      'banksman_capture_to_incident_seconds_count{site="harbour"}': '1+1x400',
      'banksman_capture_to_incident_seconds_count{site="island"}': '_x20 1x300',
    },
    quiet: '171h',
    fires: '200h',
    over: '206h',
    as: [
      {
        labels: { site: 'yard' },
        summary: 'No incident for 24 hours, where the same 24 hours of last week had 24',
      },
    ],
  },
  {
    alert: 'BanksmanNoIncidents',
    of: 'nobody says the series any more',
    every: '1h',
    series: {
      // Until the processor is back and counts anew.
      banksman_capture_to_incident_seconds_count: '1+1x144 _x58 1x10',
    },
    quiet: '171h',
    fires: '200h',
    over: '206h',
    as: [{ summary: 'No incident for 24 hours, where the same 24 hours of last week had 24' }],
  },

  // sinks.yaml
  {
    alert: 'BanksmanStoreAway',
    series: {
      'banksman_store_available{store="evidence",instance="sink-1:9464"}': '1 0x9 1x10',
      'banksman_store_available{store="evidence",instance="sink-2:9464"}': '1x20',
      'banksman_store_available{store="state",instance="sink-1:9464"}': '1x20',
      'banksman_store_errors_total{store="evidence",reason="STORE_UNREACHABLE",instance="sink-1:9464"}': '0 0+1x20',
    },
    quiet: '4m',
    fires: '9m',
    over: '12m',
    as: [{ labels: { store: 'evidence' }, summary: 'The store of evidence cannot be used: STORE_UNREACHABLE' }],
  },
  {
    alert: 'BanksmanEvidenceSpoolFilling',
    series: {
      'banksman_evidence_spool_bytes{instance="sink-1:9464"}': '0+100x6 600x6 0x10',
      'banksman_evidence_spool_max_bytes{instance="sink-1:9464"}': '1000x30',
      'banksman_evidence_spool_bytes{instance="sink-2:9464"}': '600x30',
      'banksman_evidence_spool_max_bytes{instance="sink-2:9464"}': '5000x30',
    },
    quiet: '8m',
    fires: '13m',
    over: '16m',
    as: [{ summary: 'The spool of evidence is 60% full' }],
  },
  {
    alert: 'BanksmanEvidenceSpoolFull',
    series: {
      banksman_evidence_spool_bytes: '800 800 950x5 800x10',
      banksman_evidence_spool_max_bytes: '1000x30',
    },
    quiet: '2m',
    fires: '5m',
    over: '9m',
    as: [{ summary: 'The spool of evidence is 95% full' }],
  },
  {
    alert: 'BanksmanAlertsFailing',
    series: {
      'banksman_alerts_failed_total{channel="ops",reason="timeout"}': '0x5 0+6x30 180x30',
      'banksman_alerts_failed_total{channel="ops",reason="http_503"}': '0x5 0+1x30 30x30',
      'banksman_alerts_pending{channel="ops"}': '0x5 0+1x30 0x30',
      'banksman_alerts_sent_total{channel="ops"}': '0x5 0x30 30x30',
      // Some attempts fail, others succeed.
      'banksman_alerts_failed_total{channel="log",reason="timeout"}': '0+1x80',
      'banksman_alerts_pending{channel="log"}': '3x80',
      'banksman_alerts_sent_total{channel="log"}': '0+1x80',
    },
    quiet: '10m',
    fires: '20m',
    over: '38m',
    as: [{ labels: { channel: 'ops' }, summary: 'Nothing gets through to channel ops: timeout' }],
  },
  {
    alert: 'BanksmanCertificateEnding',
    every: '1h',
    series: {
      'banksman_certificate_end_timestamp_seconds{certificate="console",instance="yard:9464"}': '1296000x48 9072000x48',
    },
    quiet: '25h',
    fires: '36h',
    over: '50h',
    as: [
      {
        labels: { certificate: 'console', instance: 'yard:9464' },
        summary: 'The certificate of console of yard:9464 ends in 13d 12h 0m 0s',
      },
    ],
  },

  // silence.yaml
  {
    alert: 'BanksmanWatchdog',
    series: {},
    quiet: null,
    fires: '0m',
    over: null,
    as: [{ summary: 'Alerts get through' }],
  },
  {
    alert: 'BanksmanAway',
    series: { [UP]: '1 _x10 1x10' },
    quiet: '6m',
    fires: '10m',
    over: '12m',
    as: [{ summary: 'Prometheus knows no process of banksman' }],
  },
  {
    alert: 'BanksmanAway',
    of: 'for more than a day',
    every: '1h',
    series: { [UP]: '1 1 1 stale _x40 1x10' },
    quiet: '3h',
    fires: '40h',
    over: '46h',
    as: [{ summary: 'Prometheus knows no process of banksman' }],
  },
  {
    alert: 'BanksmanAway',
    of: 'it was never there',
    series: { [UP]: '_x10 1x10' },
    quiet: '1m',
    fires: '8m',
    over: '12m',
    as: [{ summary: 'Prometheus knows no process of banksman' }],
  },
  {
    // As service discovery has it: without a target there is no `up` at all.
    alert: 'BanksmanAway',
    of: 'one of two sites',
    series: {
      'up{job="banksman",instance="sink-1:9464",site="yard"}': '1 stale _x10 1x10',
      'up{job="banksman",instance="sink-2:9464",site="yard"}': '1 1 1 1 stale _x7 1x10',
      'up{job="banksman",instance="sink-1:9464",site="harbour"}': '1x30',
      // The pod is another one; the site is not away.
      'up{job="banksman",instance="sink-2:9464",site="harbour"}': '1x3 stale',
      'up{job="banksman",instance="sink-3:9464",site="harbour"}': '_x4 1x30',
    },
    quiet: '5m',
    fires: '8m',
    over: '13m',
    as: [{ labels: { site: 'yard' }, summary: 'Prometheus knows no process of banksman at yard' }],
  },
  {
    alert: 'BanksmanTargetDown',
    series: {
      [UP]: '1 0x4 1x10',
      'up{job="banksman",instance="harbour:9464"}': '1x20',
      'up{job="prometheus",instance="localhost:9090"}': '0x20',
    },
    quiet: '2m',
    fires: '5m',
    over: '7m',
    as: [
      {
        labels: { instance: 'yard:9464', job: 'banksman' },
        summary: 'yard:9464 does not answer Prometheus',
      },
    ],
  },
  ...(['ingest', 'process', 'sink', 'console'] as const).map(
    (role): Case => ({
      alert: 'BanksmanRoleSilent',
      of: role,
      series: {
        [UP]: '1x30',
        'banksman_build_info{role="ingest"}': role === 'ingest' ? '1 stale _x8 1x10' : '1x30',
        'banksman_build_info{role="process"}': role === 'process' ? '1 stale _x8 1x10' : '1x30',
        'banksman_build_info{role="sink"}': role === 'sink' ? '1 stale _x8 1x10' : '1x30',
        'banksman_build_info{role="console"}': role === 'console' ? '1 stale _x8 1x10' : '1x30',
        // Never had a console.
        'up{job="banksman",instance="harbour:9464",site="harbour"}': '1x30',
        'banksman_build_info{role="ingest",site="harbour"}': '1x30',
        'banksman_build_info{role="process",site="harbour"}': '1x30',
        'banksman_build_info{role="sink",site="harbour"}': '1x30',
        // All of it is away, which is another alert.
        'up{job="banksman",instance="island:9464",site="island"}': '1 stale',
        'banksman_build_info{role="console",site="island"}': '1 stale',
      },
      quiet: '2m',
      fires: '6m',
      over: '11m',
      as: [{ labels: { role }, summary: `Nothing is heard of any ${role} process` }],
    }),
  ),
  {
    alert: 'BanksmanCameraSilent',
    series: {
      'banksman_camera_watched{camera="gate"}': '1x30',
      'banksman_camera_watched{camera="dock"}': '1x30',
      [`${CAMERA}{camera="gate",state="idle",reason=""}`]: '1 stale _x8 1x10',
      [`${CAMERA}{camera="dock",state="idle",reason=""}`]: '1x30',
      banksman_cameras_unowned: '0x30',
    },
    quiet: '2m',
    fires: '5m',
    over: '11m',
    as: [{ labels: { camera: 'gate' }, summary: 'No ingest agent says how camera gate is' }],
  },
  ...missing(),
];

/** Each series that must always be there, gone for a while at one of two sites. */
function missing(): Case[] {
  const always = {
    banksman_cameras_expected: '{}',
    banksman_camera_watched: '{camera="gate"}',
    banksman_cameras_unowned: '{}',
    banksman_cameras_owned_twice: '{}',
    banksman_agents_leading: '{}',
    banksman_agent_clock_offset_seconds: '{agent="ingest-a"}',
    banksman_bus_lag_records: '{group="cleanup",topic="detections.v1"}',
  };
  const at = (labels: string, site: string): string => labels.replace('{', `{site="${site}",`).replace(',}', '}');
  return Object.keys(always).map((gone) => {
    // A site that has no camera yet.
    const series: Record<string, string> = {};
    for (const [name, labels] of Object.entries({ ...always, up: '{job="banksman"}' })) {
      if (name !== 'banksman_camera_watched') series[`${name}${at(labels, 'new')}`] = '1x30';
    }
    series['banksman_cameras_expected{site="new"}'] = '0x30';
    for (const site of ['yard', 'harbour']) {
      series[`up{job="banksman",instance="${site}:9464",site="${site}"}`] = '1x30';
      for (const [name, labels] of Object.entries(always)) {
        series[`${name}${at(labels, site)}`] = site === 'yard' && name === gone ? '1 stale _x10 1x10' : '1x30';
      }
    }
    return {
      alert: 'BanksmanSeriesMissing',
      of: gone,
      series,
      quiet: '5m',
      fires: '10m',
      over: '13m',
      as: [{ labels: { site: 'yard', series: gone }, summary: `${gone} is not there: alerts on it cannot fire` }],
    };
  });
}
