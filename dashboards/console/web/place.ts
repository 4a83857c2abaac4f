/** What the address names, as links from elsewhere do: `/#camera=ID` or `/#incident=ID`. */
import type { Incident } from '../../../runtime/messages/types.ts';
import { getJson } from './server.ts';
import { view } from './viewer.ts';

/** Brings the camera's tile into view, opens the incident. What is not there changes nothing. */
export async function showNamed(): Promise<void> {
  const named = new URLSearchParams(location.hash.slice(1));
  const camera = named.get('camera');
  for (const tile of document.querySelectorAll('[data-camera][aria-current]')) tile.removeAttribute('aria-current');
  if (camera !== null) {
    const tile = document.querySelector(`[data-camera="${CSS.escape(camera)}"]`);
    tile?.setAttribute('aria-current', 'true');
    tile?.scrollIntoView({ block: 'center' });
  }
  const incident = named.get('incident');
  if (incident !== null) view(await getJson<Incident>(`/api/v1/incidents/${encodeURIComponent(incident)}`));
}
