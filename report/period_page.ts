/** The page of a week or a month. Pure: figures and pictures in, text out. */
import type { StoredIncident } from '../runtime/stores/state/types.ts';
import type { Figures } from './figures.ts';
import { type Content, type Html, html } from './html.ts';
import { page, section, severitiesInWords, tile, timeChart } from './parts.ts';
import type { Calendar } from './period.ts';
import { costs } from './period_cost.ts';
import { gravestIncidents, type HeatFigure, heatFigures } from './period_pictures.ts';
import { answers, isOnRecord, notWatched, places, rules, severities, trend, worstCameras } from './period_tables.ts';
import type { Picture } from './pictures.ts';
import type { AnswerTimes } from './tally.ts';
import { watchedShare } from './watched.ts';
import { change, count, duration, many, percent } from './words.ts';

export interface PeriodPictures {
  heat: readonly HeatFigure[];
  /** Incidents that brightest stands for. */
  hottest: number;
  gravest: readonly { incident: StoredIncident; picture: Picture | undefined }[];
  /** Nobody wanted pictures of evidence. */
  leftOut: boolean;
}

/** From here down a site's silence is not to be relied on, and the page says so. */
const WELL_WATCHED = 0.99;

export function periodPage(figures: Figures, pictures: PeriodPictures, calendar: Calendar, version: string): string {
  const { site, kind, madeAt } = figures;
  const title = kind === 'weekly' ? 'Weekly report' : 'Monthly report';
  return page({
    title: `${site}: ${title.toLowerCase()} to ${figures.days.at(-1)}`,
    site,
    lines: [`${title}, ${periodInWords(figures, calendar)}`, `Times are those of ${figures.timezone}`],
    body: [
      verdict(figures, calendar),
      figures.notices.map((notice) => html`<p class="notice">${notice}</p>`),
      tiles(figures),
      section('when', 'When', charts(figures, calendar), trend(figures, calendar)),
      section('what', 'What and where', counts(figures)),
      heatFigures(pictures.heat, pictures.hottest),
      section('cameras', 'Cameras', worstCameras(figures)),
      section('watched', 'Time not watched', notWatched(figures, calendar)),
      section('answers', 'Answers of people', answers(figures)),
      gravestIncidents(pictures.gravest, calendar, pictures.leftOut),
      section('kept', 'What it costs', costs(figures)),
    ],
    last: section('reading', 'How to read this', reading()),
    footer: `Made by banksman ${version} on ${calendar.inWords(Date.parse(madeAt))} (${figures.timezone}) from the stored incidents and the record of watched time.`,
  });
}

/** `Mon, 16 Nov 2026 to Sun, 22 Nov 2026, 14:05`. */
export function periodInWords({ days, to, partial }: Figures, calendar: Calendar): string {
  const [first, last] = [days[0] ?? '', days.at(-1) ?? ''];
  const end = partial ? calendar.inWords(Date.parse(to)) : calendar.dayInWords(last);
  return `${calendar.dayInWords(first)} to ${end}`;
}

/** What a hurried reader must take along, and nothing that silence does not prove. */
export function verdictInWords({ incidents, watch, cameras, from }: Figures, calendar: Calendar): string[] {
  const { unwatchedMs, unrecordedMs } = watch;
  const share = watchedShare(watch);
  const said = incidents.incidents === 0 ? 'No incidents' : many(incidents.incidents, 'incident');
  const grave = incidents.incidents === 0 ? '' : ` (${severitiesInWords(incidents.bySeverity)})`;
  const watched =
    share === null
      ? 'no camera is configured'
      : `${many(cameras.length, 'camera')} watched ${percent(share)} of the time`;
  const lines = [`${said}${grave}; ${watched}.`];
  const unseen = [
    unwatchedMs > 0 && `${duration(unwatchedMs)} of camera time nobody could look`,
    unrecordedMs > 0 && `for ${duration(unrecordedMs)} of camera time there is no record at all`,
  ].filter((part) => part !== false);
  if (unseen.length > 0) {
    lines.push(`For ${unseen.join(', and ').replace(/^for /, '')}: incidents then would not be in this report.`);
  }
  const begins = watch.cameras.flatMap(({ recordFrom }) => recordFrom ?? []).sort()[0];
  if (begins !== undefined && begins > from) {
    lines.push(`The record begins only on ${calendar.inWords(Date.parse(begins))}.`);
  }
  return lines;
}

function verdict(figures: Figures, calendar: Calendar): Html {
  const share = watchedShare(figures.watch) ?? 0;
  const [first, ...others] = verdictInWords(figures, calendar);
  const bad = share < WELL_WATCHED || figures.incidents.bySeverity.critical > 0;
  return html`<div class="verdict${bad ? ' bad' : ''}"><p><strong>${first ?? ''}</strong></p>${others.map((line) => html`<p>${line}</p>`)}</div>
`;
}

function tiles({ incidents, before, watch }: Figures): Html {
  const { incidents: counted, rejected, camerasLost, bySeverity, answers: times } = incidents;
  const { critical, high } = bySeverity;
  const was = before.incidents.incidents;
  const share = watchedShare(watch);
  const ofRecord = watch.watchedMs / (watch.watchedMs + watch.unwatchedMs);
  const all = counted + rejected;
  return html`<div class="tiles">
${tile(
  'Incidents',
  count(counted),
  isOnRecord(before)
    ? `${count(was)} in the period before: ${change(counted, was)}`
    : 'nothing is on record of the period before',
)}
${tile('Critical or high', count(critical + high), `${count(critical)} critical, ${count(high)} high`, critical > 0 ? 'bad' : '')}
${tile(
  'Watched',
  percent(share),
  watch.unrecordedMs > 0 ? `of all camera time; ${percent(ofRecord)} of what is on record` : 'of all camera time',
  share !== null && share >= WELL_WATCHED ? 'good' : 'bad',
)}
${tile('Cameras lost', count(camerasLost), 'incidents of cameras that could not see')}
${tile('Time to an answer', times.medianS === null ? '–' : duration(times.medianS * 1000), answeredInWords(times))}
${tile(
  'Rejected as false',
  all === 0 ? '–' : percent(rejected / all),
  all === 0 ? 'there was nothing to judge' : `${count(rejected)} of ${count(all)}, not counted elsewhere`,
)}
</div>
`;
}

function answeredInWords({ answered, unanswered }: AnswerTimes): string {
  if (answered + unanswered === 0) return 'there was nothing to answer';
  if (answered === 0) return `nobody answered any of ${count(unanswered)}`;
  return `median of ${count(answered)}; ${count(unanswered)} not answered`;
}

function charts({ days, incidents, watch }: Figures, calendar: Calendar): Content {
  const zero = { critical: 0, high: 0, medium: 0, low: 0 };
  const none = { watchedMs: 0, unwatchedMs: 0, unrecordedMs: 0 };
  const everyDay = days.length <= 7;
  return html`<div class="two">
${timeChart(
  'Incidents by day',
  'day',
  days.map((day, i) => ({
    name: calendar.dayInWords(day),
    label: everyDay ? calendar.dayInWords(day).replace(/,? \w+ \d+$/, '') : i % 7 === 0 ? shortDay(day, calendar) : '',
    incidents: incidents.byDay[i] ?? zero,
    watch: watch.byDay[i] ?? none,
  })),
)}
${timeChart(
  'Incidents by hour of the day',
  'hour',
  incidents.byHour.map((counts, hour) => ({
    name: `${hour}:00 to ${hour + 1}:00`,
    label: hour % 6 === 0 ? String(hour).padStart(2, '0') : '',
    incidents: counts,
    watch: watch.byHour[hour] ?? none,
  })),
)}
</div>`;
}

/** `16 Nov`. */
function shortDay(day: string, calendar: Calendar): string {
  return calendar.dayInWords(day).split(' ').slice(1, 3).join(' ');
}

function counts(figures: Figures): Html {
  const { incidents, camerasLost, rejected } = figures.incidents;
  if (incidents + camerasLost + rejected === 0) {
    const share = watchedShare(figures.watch);
    return html`<p class="empty">No incidents in this period; watched ${percent(share)} of the time.</p>`;
  }
  return html`${rules(figures)}<div class="two">${severities(figures)}${places(figures)}</div>`;
}

function reading(): Html {
  return html`<ul class="plain card">
<li><b>Incident</b>: a rule that held from when somebody entered until nobody was left, by the time it opened. Those that people rejected are counted only as rejected; incidents of lost cameras only as such.</li>
<li><b>Watched</b>: somebody, that is a model, looked often enough for what the rules promise. Time without any record counts as not watched: silence is no proof of safety.</li>
<li><b>Camera time</b>: the time of all cameras together; two cameras have two hours an hour. Cameras are those configured when this report was made.</li>
<li><b>Answer</b>: the first acknowledgement or rejection, from the opening of the incident. Where somebody judged twice, the last one counts.</li>
<li><b>90 % answered within</b>: nine of ten answers came no later. Median: half of them.</li>
</ul>`;
}
