/**
 * What the address names, as links from elsewhere do: `/#camera=ID`, `/#incident=ID`, or a list of incidents,
 * `/#incidents=open&camera=ID&rule=ID`.
 */
import type { Incident } from '../../../runtime/messages/types.ts';
import { find } from './dom.ts';
import { takeAddress } from './filters.ts';
import { forgetFirst, loadIncidents, showFirst } from './incidents.ts';
import { getJson } from './server.ts';
import { view } from './viewer.ts';

/** Whoever looks went to another address. */
export async function go(): Promise<void> {
  if (takeAddress().changed) await loadIncidents(false);
  await showNamed();
}

/** Brings the camera's tile or the list into view, opens the incident; says so where there is none. */
export async function showNamed(): Promise<void> {
  const named = new URLSearchParams(location.hash.slice(1));
  const notice = find('not-here', HTMLElement);
  notice.hidden = true;
  const miss = (what: string): void => {
    notice.hidden = false;
    notice.textContent = `The address names ${what}, which is not here, or not any more.`;
  };
  const camera = named.get('camera');
  for (const tile of document.querySelectorAll('[data-camera][aria-current]')) tile.removeAttribute('aria-current');
  const { unknown } = takeAddress();
  forgetFirst();
  if (unknown !== null) {
    notice.hidden = false;
    notice.textContent = `The address says incidents=${unknown}; it can be all, open, unobserved or closed. Shown are all.`;
    notice.scrollIntoView({ block: 'center' });
  } else if (named.has('incidents')) showFirst();
  if (camera !== null && !named.has('incidents')) {
    const tile = document.querySelector(`[data-camera="${CSS.escape(camera)}"]`);
    if (!tile) miss(`the camera ${camera}`);
    tile?.setAttribute('aria-current', 'true');
    tile?.scrollIntoView({ block: 'center' });
  }
  const incident = named.get('incident');
  if (incident === null) return;
  try {
    view(await getJson<Incident>(`/api/v1/incidents/${encodeURIComponent(incident)}`));
  } catch {
    miss(`the incident ${incident}`);
  }
}
