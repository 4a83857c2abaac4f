import type { Incident } from '../../../runtime/messages/types.ts';
import type { IncidentPage } from '../views.ts';
import { button, find, link, make } from './dom.ts';
import { addressOf, listFilter, loadCounts, noteChange, passes, queryOf } from './filters.ts';
import { ask } from './judge.ts';
import { mayJudge } from './me.ts';
import { getJson } from './server.ts';
import { pictureOf, view } from './viewer.ts';
import { clock, lasted } from './words.ts';

const PAGE = 30;

const REASON_WORDS: Record<NonNullable<Incident['closeReason']>, string> = {
  left: 'people left',
  schedule_end: 'schedule ended',
  camera_lost: 'camera lost',
  rule_removed: 'rule removed',
  expired: 'expired',
  crossed: 'crossed',
};

const SHOWN_WORDS = { open: 'open now', unobserved: 'out of sight now', closed: 'closed' };

const list = find('incidents', HTMLElement);
const moreButton = find('more', HTMLButtonElement);
/** Those that are shown. */
const incidents = new Map<string, Incident>();
/** What was heard while a page was on its way: it may be newer than the page. */
const heard = new Map<string, Incident>();
let loads = 0;
let loading = 0;
let next: string | null = null;
/** Address of what the list shows; null before it shows anything. */
let listed: string | null = null;
/** To which the address led. */
let selected: string | null = null;

/** @param more older ones too; otherwise the list begins anew. */
export async function loadIncidents(more: boolean): Promise<void> {
  if (loading === 0) heard.clear();
  loads += 1;
  loading += 1;
  const load = loads;
  if (!more) void loadCounts();
  const filter = listFilter();
  const query = queryOf(filter);
  query.set('limit', String(PAGE));
  if (more && next !== null) query.set('cursor', next);
  let page: IncidentPage;
  try {
    page = await getJson<IncidentPage>(`/api/v1/incidents?${query}`);
  } catch (error) {
    // What stands there stays, unless it answers another choice.
    if (load === loads && listed !== addressOf(filter)) note(make('p', '', 'These incidents cannot be read now.'));
    throw error;
  } finally {
    loading -= 1;
  }
  // Something else was chosen since.
  if (load !== loads) return;
  if (!more) {
    incidents.clear();
    list.replaceChildren();
  }
  for (const incident of [...page.incidents, ...heard.values()]) draw(incident);
  listed = addressOf(filter);
  next = page.next;
  moreButton.hidden = next === null;
  await noteEmpty();
}

export function putIncident(incident: Incident): void {
  if (loading > 0) heard.set(incident.id, incident);
  noteChange();
  draw(incident);
  if (list.children.length > 0) return;
  // The last that was shown does not pass any more; older ones may.
  const refilled = next === null ? noteEmpty() : loadIncidents(false);
  void refilled.catch(() => undefined);
}

function draw(incident: Incident): void {
  const known = incidents.get(incident.id);
  if (known && known.revision > incident.revision) return;
  const old = list.querySelector(`[data-incident="${CSS.escape(incident.id)}"]`);
  if (!passes(incident)) {
    incidents.delete(incident.id);
    old?.remove();
    return;
  }
  incidents.set(incident.id, incident);
  const item = drawIncident(incident);
  if (old) {
    const focus = old.contains(document.activeElement);
    old.replaceWith(item);
    if (focus) item.querySelector('button')?.focus();
    return;
  }
  list.querySelector('.empty')?.remove();
  const after = [...list.children].find((child) => {
    const other = incidents.get((child as HTMLElement).dataset['incident'] ?? '');
    return other !== undefined && other.openedAt < incident.openedAt;
  });
  list.insertBefore(item, after ?? null);
}

/** Brings the first into view, and marks it; where there is none, what stands there instead. */
export function showFirst(): void {
  const first = list.firstElementChild;
  selected = (first as HTMLElement | null)?.dataset['incident'] ?? null;
  if (selected !== null) first?.setAttribute('aria-current', 'true');
  find('incidents-title', HTMLElement).scrollIntoView({ block: 'start' });
}

/** None is marked. */
export function forgetFirst(): void {
  selected = null;
  for (const item of list.children) item.removeAttribute('aria-current');
}

function note(...words: HTMLElement[]): HTMLElement {
  const place = make('li', 'empty', ...words);
  incidents.clear();
  moreButton.hidden = true;
  list.replaceChildren(place);
  return place;
}

/** An empty list says of what there is none, and where what was there has gone. */
async function noteEmpty(): Promise<void> {
  if (list.children.length > 0) return;
  const filter = listFilter();
  const { show, camera, rule } = filter;
  if (show === 'all' && camera === null && rule === null) {
    note(make('p', '', 'Nothing here. Cameras that are watched would show it.'));
    return;
  }
  const of = `No incident${rule === null ? '' : ` of ${rule}`}${camera === null ? '' : ` at ${camera}`}`;
  if (show === 'all') {
    note(make('p', '', `${of} is kept.`));
    return;
  }
  const place = note(make('p', '', `${of} is ${SHOWN_WORDS[show]}.`));
  const everything = { ...filter, show: 'all' as const };
  const query = queryOf(everything);
  query.set('limit', '1');
  const found = await getJson<IncidentPage>(`/api/v1/incidents?${query}`).catch(() => null);
  const newest = found?.incidents[0];
  if (found === null || !place.isConnected) return;
  if (!newest) {
    place.append(make('p', '', 'None is kept from before.'));
    return;
  }
  const ended = newest.closedAt === null ? '' : `, ended ${clock(newest.closedAt)}`;
  const words = `The newest: ${newest.rule} at ${newest.camera}, opened ${clock(newest.openedAt)}${ended}`;
  place.append(
    make('p', '', link(addressOf(filter, newest.id), words)),
    make('p', '', link(addressOf(everything), 'Show them all')),
  );
}

/** Those that are not closed last longer. */
export function drawLasting(): void {
  for (const incident of incidents.values()) {
    if (incident.closedAt !== null) continue;
    const item = list.querySelector(`[data-incident="${CSS.escape(incident.id)}"] .lasted`);
    if (item) item.textContent = lasted(incident);
  }
}

function stateBadge(incident: Incident): HTMLElement {
  if (incident.state === 'open') return make('span', 'badge bad', 'open');
  if (incident.state === 'unobserved') return make('span', 'badge warn', 'not visible now');
  return make('span', 'badge', incident.closeReason === null ? 'closed' : REASON_WORDS[incident.closeReason]);
}

function judgedBy({ rejected, acknowledged }: Incident): HTMLElement | null {
  const judged = rejected ?? acknowledged;
  if (!judged) return null;
  const note = judged.note ? `: ${judged.note}` : '';
  return make('p', 'soft', `${rejected ? 'Rejected' : 'Acknowledged'} by ${judged.by}${note}`);
}

function drawIncident(incident: Incident): HTMLElement {
  const picture = document.createElement('button');
  picture.className = 'picture';
  picture.type = 'button';
  const url = pictureOf(incident);
  if (url === null) picture.append(make('span', 'none', 'picture follows'));
  else {
    const img = document.createElement('img');
    img.src = url;
    img.alt = `${incident.rule} at ${incident.camera}`;
    img.loading = 'lazy';
    picture.append(img);
  }
  picture.addEventListener('click', () => view(incident));
  const place = [incident.camera, incident.zone ?? incident.line].filter((part) => part !== null).join(' · ');
  const people = incident.peopleMax === 1 ? '1 person' : `${incident.peopleMax} people`;
  const judged = judgedBy(incident);
  const buttons =
    judged || !mayJudge()
      ? null
      : make(
          'div',
          'buttons',
          button('Acknowledge', () => ask('acknowledge', incident)),
          button('Reject', () => ask('reject', incident)),
          button('Mute', () => ask('mute', incident)),
        );
  const item = make(
    'li',
    `incident ${incident.state}`,
    picture,
    make(
      'div',
      'words',
      make('div', 'name', make('span', '', incident.rule), stateBadge(incident)),
      make('p', 'soft', make('span', `severity ${incident.severity}`, incident.severity), ` · ${place} · ${people}`),
      make(
        'p',
        'soft',
        `${clock(incident.openedAt)}, ${incident.closedAt === null ? 'for' : 'lasted'} `,
        make('span', 'lasted', lasted(incident)),
        incident.muted ? ' · muted' : null,
      ),
      incident.unobservedReason === null || incident.state !== 'unobserved'
        ? null
        : make('p', 'why', incident.unobservedReason.replace(':', ': ')),
      judged,
      buttons,
    ),
  );
  item.dataset['incident'] = incident.id;
  if (incident.id === selected) item.setAttribute('aria-current', 'true');
  return item;
}
