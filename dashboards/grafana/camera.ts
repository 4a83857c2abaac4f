/** For engineer and safety team: everything about one camera. */
import { BAD, GOOD, OKABE_ITO } from './colors.ts';
import { STATE_WORDS } from './fleet.ts';
import { type Board, OPEN_INCIDENT_LINKS, oneCamera, openInConsole, rule, severity, site } from './frame.ts';
import { FINE_AT_ZERO, lanes, series, stat, table, WARN_ABOVE } from './panels.ts';
import { CAMERA, countOrZero, happened, increase, of, perCamera, RULE, rate, SEVERITY, stateRank } from './queries.ts';

const FILTERS = [CAMERA, RULE, SEVERITY];
const OPENED = perCamera(of('incident_opened_timestamp_seconds', ...FILTERS), 'rule', 'zone', 'severity');
const WATCHED = perCamera(of('camera_watched', CAMERA));
const added = (series: string): string => `sum(${rate(series)})`;
/** 0 while there was none, as long as pictures come. */
const orNone = (series: string): string => `${added(series)} or 0 * ${added(of('access_units_total', CAMERA))}`;

export const camera: Board = {
  name: 'camera',
  title: 'One camera',
  description: 'All about one camera, with its incidents marked',
  from: 'now-6h',
  refresh: '30s',
  variables: [site(), oneCamera(), rule(), severity()],
  marks: ['banksman', 'camera:$camera'],
  rows: [
    {
      title: 'Now',
      panels: [
        stat({
          title: 'Watched',
          description:
            'Does somebody judge its pictures in time? If not, silence here is not safety: state and reason beside say why.',
          unit: 'none',
          width: 3,
          words: { 0: ['no', BAD], 1: ['yes', GOOD] },
          expr: `min(${WATCHED})`,
        }),
        stat({
          title: 'State',
          description: 'What does its agent say? For what each state means see ingest/README.md.',
          unit: 'none',
          width: 3,
          words: STATE_WORDS,
          expr: `max(${stateRank()})`,
        }),
        stat({
          title: 'Reason',
          description:
            'Why is it in that state? A code of runtime/errors.md, which says how to mend it; none while all is well.',
          unit: 'none',
          width: 5,
          text: 'name',
          expr: `label_replace(${perCamera(of('camera_state', CAMERA), 'reason')}, "reason", "none", "reason", "")`,
          legend: '{{reason}}',
        }),
        stat({
          title: 'Judged last',
          description:
            'How old is the newest picture that the rules have judged? More than a few seconds: the camera, or detection behind it (board Pipeline).',
          unit: 's',
          width: 4,
          steps: WARN_ABOVE(5),
          expr: `max(time() - ${perCamera(of('camera_watched_timestamp_seconds', CAMERA))})`,
        }),
        stat({
          title: 'Open incidents',
          description:
            'Is somebody in danger in its picture now? Above 0: the table below, then the console (click the figure).',
          unit: 'short',
          width: 3,
          steps: FINE_AT_ZERO,
          expr: countOrZero(OPENED, of('incidents_open')),
          link: openInConsole('&camera=${camera}'),
        }),
        stat({
          title: 'Incidents in the time shown',
          description: 'How many were there? They are marked in the panels below.',
          unit: 'short',
          width: 3,
          decimals: 0,
          expr: `sum(${increase(of('incidents_total', ...FILTERS))})`,
        }),
        stat({
          title: 'Watched in the time shown',
          description: 'For which share of the time was it watched? Few incidents at little watching mean nothing.',
          unit: 'percentunit',
          width: 3,
          decimals: 1,
          steps: [
            [null, BAD],
            [0.95, GOOD],
          ],
          expr: `clamp_max(min(${perCamera(rate(of('watched_seconds_total', CAMERA), '$__range'))}), 1)`,
        }),
        table({
          title: 'Open incidents',
          description:
            'What is open, since when? The oldest first. Click a rule: its open incidents in the console, with pictures. Acknowledge or reject there.',
          unit: 'none',
          width: 12,
          height: 7,
          labels: ['site', 'camera', 'rule', 'zone', 'severity'],
          columns: [
            { name: 'since', unit: 'dateTimeAsIso', expr: `${OPENED} * 1000` },
            { name: 'lasts', unit: 'dtdurations', expr: `time() - ${OPENED}` },
          ],
          sortBy: 'lasts',
          links: OPEN_INCIDENT_LINKS,
          empty: 'No open incident.',
        }),
        lanes({
          title: 'State over time',
          description:
            'Since when is it so, and how often was it? Compare with what happened on site: rain, sun into the lens, works on the network.',
          unit: 'none',
          width: 12,
          height: 7,
          words: STATE_WORDS,
          queries: [{ expr: `max by (camera) (${stateRank()})`, legend: '{{camera}}' }],
        }),
      ],
    },
    {
      title: 'Incidents',
      panels: [
        series({
          title: 'Incidents an hour, by rule',
          description:
            'When does what happen here? Bars: the hour that ends there. Always at the same hours: look at what is done on site then.',
          unit: 'short',
          width: 8,
          look: 'stacked bars',
          interval: '1h',
          decimals: 0,
          queries: [
            { expr: `sum by (rule) (${increase(of('incidents_total', ...FILTERS), '1h')})`, legend: '{{rule}}' },
          ],
        }),
        series({
          title: 'Near misses an hour, by rule',
          description:
            'When was it nearly an incident here? Somebody was where a rule holds and left before it was one; of a dwell rule: whoever passes. Bars: the hour that ends there. Many and no incident: mend the place, or the zone where it reaches over a path.',
          unit: 'short',
          width: 8,
          look: 'stacked bars',
          interval: '1h',
          decimals: 0,
          queries: [
            { expr: `sum by (rule) (${increase(of('near_misses_total', ...FILTERS), '1h')})`, legend: '{{rule}}' },
          ],
        }),
        series({
          title: 'Watched over time',
          description: 'When was it watched? A hole is a time in which an incident would not have been seen.',
          unit: 'percentunit',
          width: 8,
          max: 1,
          queries: [
            { expr: `clamp_max(min(${perCamera(rate(of('watched_seconds_total', CAMERA)))}), 1)`, legend: 'watched' },
          ],
          colors: { watched: GOOD },
        }),
      ],
    },
    {
      title: 'Pictures',
      panels: [
        series({
          title: 'Pictures: received, decoded, published',
          description:
            'Does it send what it should, and how much is looked at? Per second. Received falls: the camera or the network. Decoded or published low is the gate at work: nothing moves.',
          unit: 'cps',
          width: 12,
          queries: [
            { expr: added(of('access_units_total', CAMERA)), legend: 'received' },
            { expr: added(of('decoded_frames_total', CAMERA)), legend: 'decoded' },
            {
              expr: `sum by (purpose) (${rate(of('frames_published_total', CAMERA))})`,
              legend: 'published: {{purpose}}',
            },
          ],
          colors: {
            received: OKABE_ITO.blue,
            decoded: OKABE_ITO.sky,
            'published: live': OKABE_ITO.vermillion,
            'published: heartbeat': OKABE_ITO.purple,
            'published: catchup': OKABE_ITO.orange,
          },
        }),
        series({
          title: 'Bit rate',
          description:
            'How much does it send? Bits per second. It falls to half at night, and rises with rain. Flat at its limit: the camera is set to constant rate; quality suffers when much moves.',
          unit: 'bps',
          width: 12,
          queries: [{ expr: `8 * ${added(of('access_unit_bytes_total', CAMERA))}`, legend: 'received' }],
          colors: { received: OKABE_ITO.blue },
        }),
        series({
          title: 'Damaged and undecodable',
          description:
            'Are packets lost on the way? Pictures per second after a loss, and such that did not come out of the decoder. Not 0: use TCP, or mend the network there.',
          unit: 'cps',
          width: 12,
          queries: [
            { expr: orNone(of('access_units_damaged_total', CAMERA)), legend: 'damaged' },
            { expr: orNone(of('decode_errors_total', CAMERA)), legend: 'undecodable' },
          ],
          colors: { damaged: OKABE_ITO.orange, undecodable: OKABE_ITO.vermillion },
        }),
        series({
          title: 'Motion gate open',
          description:
            'For which share of the time does something move? Near 100 % with nobody there: leaves, water, a flag; mask them, or raise motion.open_share.',
          unit: 'percentunit',
          width: 12,
          max: 1,
          queries: [{ expr: added(of('gate_open_seconds_total', CAMERA)), legend: 'open' }],
          colors: { open: OKABE_ITO.blue },
        }),
      ],
    },
    {
      title: 'Connection and process',
      panels: [
        series({
          title: 'Sessions that ended, by reason',
          description:
            'Why does its connection break? In the hour before each point; runtime/errors.md says how to mend each code.',
          unit: 'short',
          width: 12,
          decimals: 0,
          queries: [
            {
              expr: `sum by (reason) (${happened(of('camera_reconnects_total', CAMERA), '1h')})`,
              legend: '{{reason}}',
            },
            { expr: `sum(${happened(of('camera_restarts_total', CAMERA), '1h')})`, legend: 'process started again' },
          ],
          colors: { 'process started again': OKABE_ITO.vermillion },
        }),
        series({
          title: 'CPU',
          description:
            'What does reading it cost? Cores in use by its process. It follows the gate; always high: a large stream that is decoded all the time. Set a smaller one for analysis.',
          unit: 'none',
          width: 4,
          decimals: 3,
          queries: [{ expr: added(of('camera_cpu_seconds_total', CAMERA)), legend: 'cores' }],
          colors: { cores: OKABE_ITO.blue },
        }),
        series({
          title: 'Memory',
          description: 'Does its process grow? Resident memory. Rising over days: keep the figure, and tell us.',
          unit: 'bytes',
          width: 4,
          queries: [{ expr: `max(${of('camera_rss_bytes', CAMERA)})`, legend: 'resident' }],
          colors: { resident: OKABE_ITO.blue },
        }),
        series({
          title: 'Event-loop delay',
          description:
            'Is its process too busy to take pictures in time? 99th percentile of the last second. Above 0.1 s: the machine has too many cameras.',
          unit: 's',
          width: 4,
          steps: WARN_ABOVE(0.1),
          limits: true,
          queries: [{ expr: `max(${of('camera_event_loop_delay_p99_seconds', CAMERA)})`, legend: 'delay' }],
          colors: { delay: OKABE_ITO.blue },
        }),
      ],
    },
  ],
};
