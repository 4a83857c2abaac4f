/** The page of one incident. Pure. */
import type { RuleRecord } from '../runtime/messages/types.ts';
import { type EvidenceRecord, type RecordTransition, whatLacks } from '../sinks/evidence/record.ts';
import { lastedMs } from './figures.ts';
import { type Content, type Html, html } from './html.ts';
import type { IncidentFile } from './incident.ts';
import { andMore, facts, figure, page, section, severityMark, table } from './parts.ts';
import type { Calendar } from './period.ts';
import { basis as priceBasis } from './period_cost.ts';
import { NO_PICTURE } from './period_pictures.ts';
import type { Picture } from './pictures.ts';
import { bytes, count, duration, ending, many, money, placeOf, whyNotWatched } from './words.ts';

export interface IncidentPictures {
  annotated: Picture | undefined;
  snapshot: Picture | undefined;
}

interface Event {
  at: string;
  what: string;
  detail: string;
}

/** Updates may be thousands: these are the ones that said something new. */
const MAX_EVENTS = 60;

export function incidentPage(
  file: IncidentFile,
  pictures: IncidentPictures,
  calendar: Calendar,
  made: { now: number; version: string },
): string {
  const { incident } = file;
  const opened = Date.parse(incident.openedAt);
  return page({
    title: `${incident.site}: incident ${incident.id.slice(0, 12)}`,
    site: incident.site,
    lines: [`Incident report, ${calendar.inWords(opened)}`, `Times are those of ${calendar.zone}`],
    body: [
      summary(file, calendar),
      section('pictures', 'Pictures', shown(file, pictures, calendar)),
      section('timeline', 'What happened', timeline(file, calendar)),
      section('people', 'Who judged it', judgements(file, calendar)),
      section('basis', 'What it was judged by', basis(file)),
    ],
    last: section('evidence', 'Evidence', evidence(file), missing(file.record)),
    footer: `Made by banksman ${made.version} on ${calendar.inWords(made.now)} (${calendar.zone}) from the stored incident and its evidence. Capture time: when the camera saw it.`,
  });
}

function summary({ incident }: IncidentFile, calendar: Calendar): Html {
  const { rule, camera, peopleMax, severity, openedAt, closedAt, rejected, labels, muted } = incident;
  const marks = [rejected && 'rejected as false', incident.held && 'held', muted && 'messages were muted', ...labels]
    .filter((mark) => typeof mark === 'string' && mark !== 'hold')
    .join(', ');
  return html`<div class="verdict${severity === 'critical' || severity === 'high' ? ' bad' : ''}">
<p><strong>${rule}</strong> on camera <strong>${camera}</strong>, ${placeOf(incident)}</p>
${facts(
  ['severity', severityMark(severity)],
  ['opened', moment(openedAt, calendar)],
  ['ended', closedAt === null ? `not yet: ${ending(incident)}` : `${moment(closedAt, calendar)}, ${ending(incident)}`],
  [closedAt === null ? 'lasted until last heard of' : 'lasted', duration(lastedMs(incident))],
  ['people at most', count(peopleMax)],
  ...(marks === '' ? [] : [['marked', marks] as const]),
  ['incident', html`<code>${incident.id}</code>`],
)}</div>
`;
}

function shown(
  { incident, record }: IncidentFile,
  { annotated, snapshot }: IncidentPictures,
  calendar: Calendar,
): Html {
  const { camera, peak } = incident;
  const at = moment(record?.picture?.captureTime ?? peak.captureTime, calendar);
  const estimated = record?.picture?.captureTimeEstimated === true ? '; the camera gave no time of its own' : '';
  const none = NO_PICTURE;
  return html`<div class="two">${figure(annotated, `Camera ${camera} at ${at}, with the zone and boxes around people`, none, html`<p>With zone and boxes</p><p class="soft">${at}${estimated}</p>`)}
${figure(snapshot, `Camera ${camera} at ${at}, as it was taken`, none, html`<p>As it was taken</p><p class="soft">${at}${estimated}</p>`)}</div>`;
}

function timeline({ incident, record }: IncidentFile, calendar: Calendar): Html {
  const events: Event[] = [
    ...(record?.transitions ?? []).filter(saysSomething).map(eventOf),
    ...judgementsOf({ incident }).map(({ action, by, note, at }) => ({
      at,
      what: action,
      detail: note === null ? `by ${by}` : `by ${by}: ${note}`,
    })),
  ].sort((a, b) => (a.at < b.at ? -1 : 1));
  if (!record) {
    return html`<p class="empty">No record of its course is stored; it opened ${moment(incident.openedAt, calendar)} and was last heard of ${moment(incident.updatedAt, calendar)}.</p>`;
  }
  const kept = events.length <= MAX_EVENTS ? events : [...events.slice(0, MAX_EVENTS - 1), ...events.slice(-1)];
  const opened = Date.parse(incident.openedAt);
  const updates = record.transitions.length - record.transitions.filter(saysSomething).length;
  return html`<div class="card long">${table(
    'Timeline',
    [{ name: 'time' }, { name: 'after', number: true }, { name: 'what' }, { name: 'detail', wide: true }],
    kept.map(({ at, what, detail }) => [
      moment(at, calendar),
      duration(Math.max(0, Date.parse(at) - opened)),
      what,
      detail,
    ]),
  )}${andMore(events.length, kept.length, 'event')}${updates > 0 && html`<p class="soft">${many(updates, 'update')} that changed neither state nor people left out.</p>`}</div>`;
}

function saysSomething(one: RecordTransition, i: number, all: readonly RecordTransition[]): boolean {
  const before = all[i - 1];
  return one.transition !== 'updated' || !before || one.peopleMax !== before.peopleMax || one.state !== before.state;
}

function eventOf({ at, transition, reason, peopleMax, storedAt }: RecordTransition): Event {
  const why = reason === null ? '' : transition === 'unobserved' ? whyNotWatched(reason) : reason.replaceAll('_', ' ');
  const late = `stored ${duration(Math.max(0, Date.parse(storedAt) - Date.parse(at)))} later`;
  return {
    at,
    what: transition,
    detail: [why, many(peopleMax, 'person', 'people'), late].filter((part) => part !== '').join(', '),
  };
}

function judgements({ incident }: IncidentFile, calendar: Calendar): Html {
  const all = judgementsOf({ incident });
  if (all.length === 0) return html`<p class="empty">Nobody acknowledged or rejected it.</p>`;
  const opened = Date.parse(incident.openedAt);
  return html`<div class="card">${table(
    'Judgements',
    [
      { name: 'what' },
      { name: 'who' },
      { name: 'when' },
      { name: 'after', number: true },
      { name: 'note', wide: true },
    ],
    all.map(({ action, by, note, at }) => [
      action,
      by,
      moment(at, calendar),
      duration(Math.max(0, Date.parse(at) - opened)),
      note ?? '',
    ]),
  )}</div>`;
}

function judgementsOf({ incident: { acknowledged, rejected } }: Pick<IncidentFile, 'incident'>) {
  return [
    ...(acknowledged ? [{ action: 'acknowledged', ...acknowledged }] : []),
    ...(rejected ? [{ action: 'rejected as false', ...rejected }] : []),
  ].sort((a, b) => (a.at < b.at ? -1 : 1));
}

function basis({ incident, record, rule }: IncidentFile): Html {
  const { model, configHash, tracks } = incident;
  const best = tracks.reduce((most, { score }) => Math.max(most, score), 0);
  return html`<div class="card">${facts(
    ['rule', `${incident.rule} (${incident.type.replaceAll('_', ' ')})`],
    ...ruleFacts(rule),
    ['rule as configured', html`<code>${configHash}</code>`],
    ['model', model ? html`${model.id}, sha256 <code>${model.sha256}</code>` : 'none: the camera itself'],
    ...(tracks.length === 0
      ? []
      : [['seen as', `${many(tracks.length, 'track')}, surest ${best.toFixed(2)} of 1`] as const]),
    ['software', record ? `${record.software.name} ${record.software.version}` : 'not stored'],
  )}</div>`;
}

function ruleFacts(stored: Record<string, unknown> | undefined): (readonly [string, Content])[] {
  if (!stored) return [];
  const rule: Partial<RuleRecord> = stored;
  const pairs: (readonly [string, Content])[] = [];
  if (rule.dwell_s) pairs.push(['opens after', `${rule.dwell_s} s inside`]);
  else if (rule.min_duration_s) pairs.push(['opens after', `${rule.min_duration_s} s`]);
  if (rule.hold_s) pairs.push(['closes after', `${rule.hold_s} s without anybody`]);
  if (rule.classes && rule.classes.length > 0) pairs.push(['looks for', rule.classes.join(', ')]);
  const { schedule } = rule;
  if (schedule) pairs.push(['holds', `${schedule.from} to ${schedule.to} (${schedule.timezone})`]);
  else if (schedule === null) pairs.push(['holds', 'always']);
  return pairs;
}

const VERDICTS = {
  matches: '✓ is what was stored',
  differs: '✗ is not what was stored',
  gone: '– no longer there',
  'not checked': 'not checked: large',
} as const;

function evidence({ files, storage }: IncidentFile): Html {
  if (files.length === 0) return html`<p class="empty">No evidence of this incident is stored.</p>`;
  return html`<div class="card">${table(
    'Files, their checksums tried now',
    [
      { name: 'file' },
      { name: 'size', number: true },
      { name: 'checksum' },
      { name: 'where it lies, and its SHA-256' },
    ],
    files.map(({ kind, bytes: size, verdict, key, sha256 }) => [
      kind,
      bytes(size),
      VERDICTS[verdict],
      html`<code>${key}</code><br><code>${sha256}</code>`,
    ]),
  )}<p class="soft">${costInWords(storage)} ${priceBasis(storage)}</p></div>`;
}

function costInWords({ kept, prices, retention }: IncidentFile['storage']): string {
  const { clips_days, records_days } = retention;
  const size = `Together ${bytes(kept.bytes)}.`;
  if (!prices || kept.aMonth === null || kept.inAll === null) return size;
  const times = `pictures ${many(Math.min(clips_days, records_days), 'day')}, the record ${many(records_days, 'day')}`;
  return `${size} Keeping them costs ${money(kept.aMonth, prices.currency)} for 30 days, and ${money(kept.inAll, prices.currency)} for all of their time (${times}, longer where somebody holds it).`;
}

function missing(record: EvidenceRecord | undefined): Content {
  const reason = record && whatLacks(record);
  return reason ? html`<p class="notice">The evidence is not whole: ${reason}.</p>` : null;
}

/** `Sun, 22 Nov 2026, 14:05:09`. */
function moment(at: string, calendar: Calendar): string {
  const ms = Date.parse(at);
  return `${calendar.dayInWords(calendar.day(ms))}, ${calendar.clockWithSeconds(ms)}`;
}
