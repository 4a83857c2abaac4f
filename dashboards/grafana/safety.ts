/** For the safety team, on a wall: what is open, how it goes, and whether silence means safety. */
import type { MetricName } from '../../runtime/metrics.ts';
import { BAD, GOOD, OKABE_ITO, SEVERITY_COLORS, WARN } from './colors.ts';
import {
  type Board,
  CAMERA_LINKS,
  cameras,
  INCIDENT_LINKS,
  OPEN_INCIDENT_LINKS,
  openInConsole,
  rule,
  severity,
  site,
} from './frame.ts';
import { bars, type Column, FINE_AT_ZERO, type SeriesOptions, series, stat, table, WARN_ABOVE } from './panels.ts';
import { bucketsOf, CAMERA, countOrZero, happened, increase, of, perCamera, RULE, rate, SEVERITY } from './queries.ts';

const FILTERS = [CAMERA, RULE, SEVERITY];
const OPENED = perCamera(of('incident_opened_timestamp_seconds', ...FILTERS), 'rule', 'zone', 'severity');
const WATCHED = perCamera(of('camera_watched', CAMERA));
const NOT_WATCHED = `${WATCHED} == 0`;
const MUTED_UNTIL = `max by (site, camera, rule, zone) (${of('mute_until_timestamp_seconds')})`;
/** What nothing else says is a day: long enough to be no accident, short enough to be today. */
const DAY = '24h';

/** Of cameras that nobody watches: for how long, and -1 where nobody has since banksman started. */
export const UNWATCHED_FOR: Column = {
  name: 'not watched for',
  unit: 'dtdurations',
  expr:
    `(time() - ${perCamera(of('camera_watched_timestamp_seconds', CAMERA))} and on (site, camera) ${NOT_WATCHED}) ` +
    `or on (site, camera) (${NOT_WATCHED}) - 1`,
  words: { [-1]: ['never since the start', BAD] },
  steps: [[null, BAD]],
};

const acknowledged = (q: number, over: string): string =>
  `histogram_quantile(${q}, sum by (le) (${happened(bucketsOf('time_to_acknowledge_seconds', SEVERITY), over)})) >= 0`;

/** By rule, and all of them a week before. */
const byHour = (
  metric: MetricName,
): Pick<SeriesOptions, 'unit' | 'width' | 'look' | 'interval' | 'decimals' | 'queries' | 'colors' | 'lines'> => ({
  ...{ unit: 'short', width: 12, look: 'stacked bars', interval: '1h', decimals: 0 },
  queries: [
    { expr: `sum by (rule) (${increase(of(metric, ...FILTERS), '1h')})`, legend: '{{rule}}' },
    { expr: `sum(${increase(of(metric, ...FILTERS), '1h', '1w')})`, legend: 'a week before' },
  ],
  colors: { 'a week before': OKABE_ITO.orange },
  lines: ['a week before'],
});

export const safety: Board = {
  name: 'safety',
  title: 'Site safety',
  description: 'What is open, how incidents go, and which cameras nobody watches',
  from: 'now-24h',
  refresh: '30s',
  variables: [site(), cameras(), rule(), severity()],
  marks: ['banksman'],
  rows: [
    {
      title: 'Now',
      panels: [
        stat({
          title: 'Open incidents',
          description:
            'Is somebody in danger now? Every incident that is open, or whose camera lost sight of it. Above 0: look at the list below, then at the picture in the console (click the figure). "no word": nobody judges pictures at all.',
          unit: 'short',
          width: 4,
          steps: FINE_AT_ZERO,
          expr: countOrZero(OPENED, of('incidents_open')),
          link: openInConsole(),
        }),
        stat({
          title: 'Cameras not watched',
          description:
            'Where would nobody see it? Cameras whose pictures are not judged within the time that their rules promise. Above 0: silence there is not safety; the list below says since when and why.',
          unit: 'short',
          width: 4,
          steps: FINE_AT_ZERO,
          expr: countOrZero(NOT_WATCHED, of('camera_watched', CAMERA)),
        }),
        stat({
          title: 'Watched',
          description:
            'Which share of the cameras is watched at this moment? Below 100 %: see the list of those that are not.',
          unit: 'percentunit',
          width: 4,
          decimals: 0,
          steps: [
            [null, BAD],
            [0.95, WARN],
            [1, GOOD],
          ],
          expr: `avg(${WATCHED})`,
        }),
        stat({
          title: 'Incidents in 24 hours',
          description:
            'Was it a calm day? Incidents opened in the last 24 hours. Compare with the panels of hours below before you conclude anything.',
          unit: 'short',
          width: 4,
          decimals: 0,
          expr: `sum(${increase(of('incidents_total', ...FILTERS), DAY)})`,
        }),
        stat({
          title: 'Acknowledged within, median of 7 days',
          description:
            'How long do incidents wait for somebody? Half of those judged in the last 7 days were judged faster. Long: see who is told, and whether messages arrive (board Pipeline).',
          none: 'none judged',
          unit: 's',
          width: 4,
          steps: WARN_ABOVE(600),
          expr: acknowledged(0.5, '7d'),
        }),
        stat({
          title: 'Active mutes',
          description:
            'What is silenced on purpose? Mutes that hold now; incidents are recorded all the same. Above 0: see below what and until when, and end those that are no longer meant.',
          unit: 'short',
          width: 4,
          steps: WARN_ABOVE(1),
          expr: countOrZero(`${MUTED_UNTIL} > time()`, of('build_info', 'role="sink"')),
        }),
        table({
          title: 'Open incidents',
          description:
            'Which incidents are open, where, since when? The oldest first. Click a rule for its open incidents in the console, with pictures; acknowledge or reject there, so that others see that somebody takes care. Click a camera for all about it.',
          unit: 'none',
          width: 24,
          height: 9,
          labels: ['site', 'camera', 'rule', 'zone', 'severity'],
          columns: [
            { name: 'since', unit: 'dateTimeAsIso', expr: `${OPENED} * 1000` },
            {
              name: 'lasts',
              unit: 'dtdurations',
              expr: `time() - ${OPENED}`,
              steps: [
                [null, OKABE_ITO.sky],
                [300, WARN],
                [3600, BAD],
              ],
            },
          ],
          sortBy: 'lasts',
          links: OPEN_INCIDENT_LINKS,
          empty: 'No open incident. Read it with the share of watched cameras.',
        }),
      ],
    },
    {
      title: 'Is silence safety?',
      panels: [
        table({
          title: 'Cameras that nobody watches',
          description:
            'Where is nobody looking, since when, why? The one longest away first. The reason is a code of runtime/errors.md, which says how to mend it; all about a camera is behind its name.',
          unit: 'none',
          width: 12,
          labels: ['site', 'camera', 'state', 'reason'],
          columns: [
            UNWATCHED_FOR,
            {
              name: 'said',
              unit: 'none',
              expr: `${perCamera(of('camera_state', CAMERA), 'state', 'reason')} and on (site, camera) ${NOT_WATCHED}`,
              words: { 1: ['by its agent', OKABE_ITO.grey] },
            },
          ],
          sortBy: 'not watched for',
          links: CAMERA_LINKS,
          empty: 'Every camera is watched.',
        }),
        series({
          title: 'Watched share',
          description:
            'When was how much of the site watched? Few incidents in a time of little watching mean nothing. A gap: banksman itself did not answer.',
          unit: 'percentunit',
          width: 12,
          max: 1,
          steps: [
            [null, BAD],
            [0.95, GOOD],
          ],
          limits: true,
          queries: [
            {
              expr: `clamp_max(avg(${perCamera(rate(of('watched_seconds_total', CAMERA)))}), 1)`,
              legend: 'watched',
            },
          ],
          colors: { watched: GOOD },
        }),
        table({
          title: 'Active mutes',
          description:
            'What is silenced, until when? An empty field means all of that kind. End a mute in the console once its reason is gone.',
          unit: 'none',
          width: 24,
          height: 6,
          labels: ['site', 'camera', 'rule', 'zone'],
          columns: [
            { name: 'until', unit: 'dateTimeAsIso', expr: `(${MUTED_UNTIL} > time()) * 1000` },
            { name: 'left', unit: 'dtdurations', expr: `${MUTED_UNTIL} - time() > 0` },
          ],
          sortBy: 'left',
          links: CAMERA_LINKS,
          empty: 'Nothing is muted.',
        }),
      ],
    },
    {
      title: 'How it goes',
      panels: [
        series({
          title: 'Incidents an hour, by rule',
          description:
            'At which hours does what happen, and is it more than a week ago? Bars: the hour that ends there, by rule. Line: all rules, the same hour a week before. A rule that rises at the same hours: look at what is done on site then.',
          ...byHour('incidents_total'),
        }),
        series({
          title: 'Incidents an hour, by severity',
          description:
            'Does what is dangerous become more? Incidents of the hour that ends there, by the severity that their rule has. See which rule it is beside, and where below.',
          unit: 'short',
          width: 12,
          look: 'stacked bars',
          interval: '1h',
          decimals: 0,
          queries: [
            {
              expr: `sum by (severity) (${increase(of('incidents_total', ...FILTERS), '1h')})`,
              legend: '{{severity}}',
            },
          ],
          colors: SEVERITY_COLORS,
        }),
        series({
          title: 'Near misses an hour, by rule',
          description:
            'When was it nearly an incident, and more often than a week ago? Somebody was where a rule holds and left before min_duration_s or dwell_s made it an incident; one for all who were there until nobody was for hold_s; none where blindness came between. Of a dwell rule: whoever passes. Bars: the hour that ends there, by rule. Line: all rules, the same hour a week before. A rule that rises: see which place in the table below, and mend it before something happens.',
          ...byHour('near_misses_total'),
        }),
        series({
          title: 'Near misses in 24 hours',
          description:
            'Does it become safer? Near misses of all rules in the 24 hours before each point, and the same a week before; choose a longer time for the trend. Above last week while incidents are not: a warning. Falling with the watched share means nothing.',
          unit: 'short',
          width: 12,
          decimals: 0,
          queries: [
            { expr: `sum(${increase(of('near_misses_total', ...FILTERS), DAY)})`, legend: 'near misses' },
            { expr: `sum(${increase(of('near_misses_total', ...FILTERS), DAY, '1w')})`, legend: 'a week before' },
          ],
          colors: { 'near misses': OKABE_ITO.blue, 'a week before': OKABE_ITO.orange },
        }),
        bars({
          title: 'Where, in the time shown',
          description:
            'Which places cause most? Incidents by camera and by zone or line; without one it is the whole picture. The first of them deserve a barrier, a sign, or a better zone.',
          unit: 'short',
          width: 8,
          height: 9,
          decimals: 0,
          queries: [
            {
              expr: `topk(12, sum by (camera, zone) (${increase(of('incidents_total', ...FILTERS))}) > 0)`,
              legend: '{{camera}} {{zone}}',
            },
          ],
        }),
        table({
          title: 'By rule and place: the last 7 days against the 7 before',
          description:
            'What became more, what less? Incidents and near misses; click a camera for its page. A place with near misses and hardly an incident is where the next may happen. A rule that doubled in a week: click it, and look at some of its incidents in the console; if they are false, mend zone or rule, and if they are true, the site.',
          unit: 'none',
          width: 16,
          height: 9,
          labels: ['site', 'camera', 'rule', 'zone', 'severity'],
          columns: [
            { name: 'incidents', unit: 'short', decimals: 0, expr: weekly('incidents_total') },
            { name: 'before', unit: 'short', decimals: 0, expr: weekly('incidents_total', '7d') },
            { name: 'near misses', unit: 'short', decimals: 0, expr: weekly('near_misses_total') },
            { name: 'near misses before', unit: 'short', decimals: 0, expr: weekly('near_misses_total', '7d') },
          ],
          sortBy: 'incidents',
          links: INCIDENT_LINKS,
          empty: 'No incident and no near miss in two weeks. Read it with the watched share.',
        }),
        series({
          title: 'Time to acknowledge',
          description:
            'Do incidents wait longer for somebody than they did? Half and nine tenths of what was judged in the day before each point. Rising: too many messages, or nobody on duty.',
          unit: 's',
          width: 24,
          steps: WARN_ABOVE(600),
          limits: true,
          queries: [
            { expr: acknowledged(0.5, '1d'), legend: 'half within' },
            { expr: acknowledged(0.9, '1d'), legend: 'nine tenths within' },
          ],
          colors: { 'half within': OKABE_ITO.blue, 'nine tenths within': OKABE_ITO.orange },
        }),
      ],
    },
  ],
};

function weekly(name: MetricName, offset?: string): string {
  const counted = increase(of(name, ...FILTERS), '7d', offset);
  return `sum by (site, camera, rule, zone, severity) (${counted}) > 0`;
}
