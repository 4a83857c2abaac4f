/** The tables of a period. Pure. */
import type { Figures } from './figures.ts';
import { type Content, type Html, html } from './html.ts';
import { andMore, bar, meter, severityMark, table } from './parts.ts';
import type { Calendar } from './period.ts';
import { type AnswerTimes, SEVERITIES } from './tally.ts';
import { type CameraWatch, watchedShare } from './watched.ts';
import { change, count, duration, many, percent, whyNotWatched } from './words.ts';

/** Rows of the longest tables; what is beyond is counted. */
const MAX_ROWS = 40;
const LONG = 15;
/** Under so many watched hours a rate is chance. */
const RATE_HOURS = 10;

/** Or nobody looked then: its zeros are no figures. */
export function isOnRecord({ watch, incidents }: Figures['before']): boolean {
  return watch.watchedMs + watch.unwatchedMs + incidents.incidents + incidents.rejected > 0;
}

export function trend({ incidents, watch, before, kind, partial }: Figures, calendar: Calendar): Html {
  const was = before.incidents;
  const known = isOnRecord(before);
  const row = (name: string, now: number, then: number): Content[] =>
    known ? [name, count(now), count(then), change(now, then)] : [name, count(now), '–', ''];
  const rateNow = rate(incidents.incidents, watch.watchedMs);
  const rateBefore = rate(was.incidents, before.watch.watchedMs);
  const each = [
    row('Incidents', incidents.incidents, was.incidents),
    ...SEVERITIES.map((severity) =>
      row(`of these ${severity}`, incidents.bySeverity[severity], was.bySeverity[severity]),
    ),
    [
      'Incidents per 100 h watched',
      rateInWords(rateNow),
      rateInWords(rateBefore),
      rateNow === null || rateBefore === null ? '' : change(rateNow, rateBefore),
    ],
    row('Rejected as false', incidents.rejected, was.rejected),
    row('Cameras lost', incidents.camerasLost, was.camerasLost),
    ['Watched', percent(watchedShare(watch)), percent(watchedShare(before.watch)), 'of all camera time'],
    ['Median time to an answer', seconds(incidents.answers.medianS), seconds(was.answers.medianS), ''],
  ];
  const span = kind === 'weekly' ? 'week' : 'month';
  return html`<div class="card">${table(
    `This ${span} and the ${span} before (${calendar.dayInWords(calendar.day(Date.parse(before.from)))} to ${calendar.dayInWords(calendar.day(Date.parse(before.to) - 1))})`,
    [
      { name: 'figure' },
      { name: `this ${span}`, number: true },
      { name: `${span} before`, number: true },
      { name: 'change' },
    ],
    each,
  )}${!known && html`<p class="soft">Nothing is on record of the ${span} before: nobody looked, or its record is gone.</p>`}${
    partial && html`<p class="soft">This ${span} is not over: compare incidents per 100 h watched.</p>`
  }</div>`;
}

export function rules({ incidents, before }: Figures): Html {
  const was = new Map(before.incidents.byRule.map((one) => [`${one.rule} ${one.severity}`, one.incidents]));
  const most = Math.max(0, ...incidents.byRule.map((one) => one.incidents));
  return card(
    incidents.byRule.length,
    table(
      'By rule',
      [
        { name: 'rule' },
        { name: 'severity' },
        { name: 'incidents', number: true },
        { name: '' },
        { name: 'before', number: true },
        { name: 'rejected', number: true },
      ],
      incidents.byRule
        .slice(0, MAX_ROWS)
        .map(({ rule, severity, incidents: n, rejected }) => [
          rule,
          severityMark(severity),
          count(n),
          bar(n, most),
          isOnRecord(before) ? count(was.get(`${rule} ${severity}`) ?? 0) : '–',
          count(rejected),
        ]),
    ),
    andMore(incidents.byRule.length, MAX_ROWS, 'rule'),
  );
}

export function severities({ incidents, before }: Figures): Html {
  const most = Math.max(0, ...SEVERITIES.map((severity) => incidents.bySeverity[severity]));
  return card(
    SEVERITIES.length,
    table(
      'By severity',
      [
        { name: 'severity' },
        { name: 'incidents', number: true },
        { name: '' },
        { name: 'share', number: true },
        { name: 'before', number: true },
      ],
      SEVERITIES.map((severity) => [
        severityMark(severity),
        count(incidents.bySeverity[severity]),
        bar(incidents.bySeverity[severity], most),
        percent(incidents.incidents === 0 ? null : incidents.bySeverity[severity] / incidents.incidents),
        isOnRecord(before) ? count(before.incidents.bySeverity[severity]) : '–',
      ]),
    ),
  );
}

export function places({ incidents }: Figures): Html {
  const most = Math.max(0, ...incidents.byPlace.map((one) => one.incidents));
  return card(
    incidents.byPlace.length,
    table(
      'By zone or line',
      [{ name: 'zone or line' }, { name: 'camera' }, { name: 'incidents', number: true }, { name: '' }],
      incidents.byPlace
        .slice(0, MAX_ROWS)
        .map(({ place, camera, incidents: n }) => [place ?? 'whole picture', camera, count(n), bar(n, most)]),
    ),
    andMore(incidents.byPlace.length, MAX_ROWS, 'zone or line'),
  );
}

/** Those with the gravest incidents first, then those that were watched least. */
export function worstCameras({ cameras, incidents, watch }: Figures): Html {
  const watched = new Map(watch.cameras.map((one) => [one.camera, one]));
  const counted = incidents.byCamera.map(({ camera }) => camera);
  const others = watch.cameras.map(({ camera }) => camera).filter((camera) => !counted.includes(camera));
  const all = [...counted, ...others];
  const sums = new Map(incidents.byCamera.map((one) => [one.camera, one]));
  const rows = all.slice(0, MAX_ROWS).map((camera): Content[] => {
    const sum = sums.get(camera);
    const time = watched.get(camera);
    const name = cameras.includes(camera) ? camera : `${camera} (not configured now)`;
    return [
      name,
      ...SEVERITIES.map((severity) => count(sum?.bySeverity[severity] ?? 0)),
      count(sum?.rejected ?? 0),
      count(sum?.lost ?? 0),
      time ? percent(watchedShare(time)) : '–',
      time ? meter(time) : '',
    ];
  });
  if (rows.length === 0) return html`<p class="empty">No camera is configured.</p>`;
  const numbers = [...SEVERITIES, 'rejected', 'lost', 'watched'].map((name) => ({ name, number: true }));
  return card(
    rows.length,
    table('Cameras, the worst first', [{ name: 'camera' }, ...numbers, { name: '' }], rows),
    andMore(all.length, MAX_ROWS, 'camera'),
  );
}

export function notWatched({ watch }: Figures, calendar: Calendar): Content {
  if (watch.notWatched.length === 0) {
    return html`<p class="empty">${watch.watchedMs > 0 ? 'Every camera was watched all of the time.' : 'No camera is configured.'}</p>`;
  }
  const all = watch.watchedMs + watch.unwatchedMs + watch.unrecordedMs;
  const reasons = card(
    watch.notWatched.length,
    table(
      'By reason, of all cameras',
      [
        { name: 'why nobody looked' },
        { name: 'camera time', number: true },
        { name: 'share', number: true },
        { name: 'times', number: true },
        { name: 'longest', number: true },
        { name: 'cameras', number: true },
      ],
      watch.notWatched
        .slice(0, MAX_ROWS)
        .map(({ reason, ms, times, longestMs, cameras }) => [
          whyNotWatched(reason),
          duration(ms),
          percent(ms / all),
          count(times),
          duration(longestMs),
          count(cameras),
        ]),
    ),
    andMore(watch.notWatched.length, MAX_ROWS, 'reason'),
  );
  const least = watch.cameras.filter(({ unwatchedMs, unrecordedMs }) => unwatchedMs + unrecordedMs > 0);
  const cameras = card(
    least.length,
    table(
      'By camera, the least watched first',
      [
        { name: 'camera' },
        { name: 'watched', number: true },
        { name: 'could not look', number: true },
        { name: 'no record', number: true },
        { name: 'mostly because', wide: true },
        { name: 'on record since', wide: true },
      ],
      least
        .slice(0, MAX_ROWS)
        .map((camera) => [
          camera.camera,
          percent(watchedShare(camera)),
          duration(camera.unwatchedMs),
          duration(camera.unrecordedMs),
          mostly(camera),
          camera.recordFrom === null ? 'no record' : calendar.inWords(Date.parse(camera.recordFrom)),
        ]),
    ),
    andMore(least.length, MAX_ROWS, 'camera'),
  );
  return [reasons, cameras];
}

export function answers({ incidents }: Figures): Html {
  const { answers: all, rejected, incidents: counted } = incidents;
  if (all.answered + all.unanswered === 0) return html`<p class="empty">There was nothing to answer.</p>`;
  const row = (name: Content, times: AnswerTimes): Content[] => [
    name,
    count(times.answered + times.unanswered),
    count(times.unanswered),
    seconds(times.medianS),
    seconds(times.p90S),
  ];
  return card(
    SEVERITIES.length,
    table(
      'Time until somebody answered',
      [
        { name: 'severity' },
        { name: 'incidents', number: true },
        { name: 'not answered', number: true },
        { name: 'median', number: true },
        { name: '90 % answered within', number: true },
      ],
      [
        ...SEVERITIES.filter(
          (severity) => all.bySeverity[severity].answered + all.bySeverity[severity].unanswered > 0,
        ).map((severity) => row(severityMark(severity), all.bySeverity[severity])),
        row('all', all),
      ],
    ),
    html`<p class="soft">${many(rejected, 'incident')} of ${count(counted + rejected)} rejected as false (${percent(rejected / (counted + rejected))}). What nobody judged may be false as well.</p>`,
  );
}

function mostly({ notWatched: reasons }: CameraWatch): string {
  return reasons[0] ? whyNotWatched(reasons[0].reason) : '–';
}

function rate(incidents: number, watchedMs: number): number | null {
  return watchedMs < RATE_HOURS * 3_600_000 ? null : (incidents * 100 * 3_600_000) / watchedMs;
}

function rateInWords(value: number | null): string {
  return value === null ? '–' : count(value);
}

function seconds(value: number | null): string {
  return value === null ? '–' : duration(value * 1000);
}

/** On paper a short table stays on one page. */
function card(rows: number, ...content: Content[]): Html {
  return html`<div class="card${rows > LONG && ' long'}">${content}</div>
`;
}
