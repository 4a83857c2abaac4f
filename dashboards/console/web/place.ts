/** What the address names, as links from elsewhere do: `/#camera=ID` or `/#incident=ID`. */
import type { Incident } from '../../../runtime/messages/types.ts';
import { find } from './dom.ts';
import { getJson } from './server.ts';
import { view } from './viewer.ts';

/** Brings the camera's tile into view, opens the incident; says so where there is none. */
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
  if (camera !== null) {
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
