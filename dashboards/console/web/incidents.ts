import type { Incident } from '../../../runtime/messages/types.ts';
import type { IncidentPage } from '../views.ts';
import { button, find, make } from './dom.ts';
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

const list = find('incidents', HTMLElement);
const filter = find('filter', HTMLSelectElement);
const moreButton = find('more', HTMLButtonElement);
const incidents = new Map<string, Incident>();
let next: string | null = null;

export async function loadIncidents(more: boolean): Promise<void> {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (filter.value !== '') query.set('state', filter.value);
  if (more && next !== null) query.set('cursor', next);
  const page = await getJson<IncidentPage>(`/api/v1/incidents?${query}`);
  if (!more) {
    incidents.clear();
    list.replaceChildren();
  }
  for (const incident of page.incidents) putIncident(incident);
  next = page.next;
  moreButton.hidden = next === null;
  if (list.children.length === 0) {
    list.replaceChildren(make('li', 'empty', 'Nothing here. Cameras that are watched would show it.'));
  }
}

export function putIncident(incident: Incident): void {
  const known = incidents.get(incident.id);
  if (known && known.revision > incident.revision) return;
  incidents.set(incident.id, incident);
  const old = list.querySelector(`[data-incident="${CSS.escape(incident.id)}"]`);
  if (!shows(incident)) {
    old?.remove();
    return;
  }
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

/** Those that are not closed last longer. */
export function drawLasting(): void {
  for (const incident of incidents.values()) {
    if (incident.closedAt !== null) continue;
    const item = list.querySelector(`[data-incident="${CSS.escape(incident.id)}"] .lasted`);
    if (item) item.textContent = lasted(incident);
  }
}

const shows = (incident: Incident): boolean => filter.value === '' || filter.value === incident.state;

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
  return item;
}
