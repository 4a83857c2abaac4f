/** The page: camera tiles and incidents, live. Served with its types stripped, a script for each of these files. */
import { drawCameras } from './cameras.ts';
import { find } from './dom.ts';
import { drawLasting, loadIncidents } from './incidents.ts';
import { judge } from './judge.ts';
import { begin, watchSilence } from './live.ts';
import { logout } from './me.ts';
import { loadMutes } from './mutes.ts';
import { showNamed } from './place.ts';

const MUTES_MS = 15_000;

const showMutes = (): void => void loadMutes().catch(() => undefined);

find('filter', HTMLSelectElement).addEventListener('change', () => void loadIncidents(false));
find('more', HTMLButtonElement).addEventListener('click', () => void loadIncidents(true));
find('logout', HTMLElement).addEventListener('click', () => void logout());
find('judge-cancel', HTMLElement).addEventListener('click', () => find('judge', HTMLDialogElement).close());
find('judge-form', HTMLFormElement).addEventListener('submit', async (event) => {
  event.preventDefault();
  if (await judge()) showMutes();
});
addEventListener('hashchange', () => void showNamed().catch(() => undefined));
setInterval(() => {
  watchSilence();
  drawCameras();
  drawLasting();
}, 1_000);
// Somebody else may mute, and mutes end by themselves.
setInterval(showMutes, MUTES_MS);

void begin();
