/** The page: camera tiles and incidents, live. Served with its types stripped, a script for each of these files. */
import { drawCameras } from './cameras.ts';
import { find } from './dom.ts';
import { onChoice, recount } from './filters.ts';
import { drawLasting, forgetFirst, loadIncidents } from './incidents.ts';
import { judge } from './judge.ts';
import { begin, watchSilence } from './live.ts';
import { logout } from './me.ts';
import { loadMutes } from './mutes.ts';
import { go } from './place.ts';

const MUTES_MS = 15_000;
const COUNTS_MS = 5_000;

const showMutes = (): void => void loadMutes().catch(() => undefined);

onChoice(() => {
  find('not-here', HTMLElement).hidden = true;
  forgetFirst();
  void loadIncidents(false).catch(() => undefined);
});
find('more', HTMLButtonElement).addEventListener('click', () => void loadIncidents(true).catch(() => undefined));
// A jump within the page leaves the address to what it shows.
find('to-cameras', HTMLAnchorElement).addEventListener('click', (event) => {
  event.preventDefault();
  find('cameras-title', HTMLElement).scrollIntoView();
});
find('logout', HTMLElement).addEventListener('click', () => void logout());
find('judge-cancel', HTMLElement).addEventListener('click', () => find('judge', HTMLDialogElement).close());
find('judge-form', HTMLFormElement).addEventListener('submit', async (event) => {
  event.preventDefault();
  if (await judge()) showMutes();
});
addEventListener('click', (event) => {
  const led = event.target instanceof Element ? event.target.closest('a') : null;
  // To where the address is already: the browser sees nothing to do.
  if (led?.hash !== '' && led?.hash === location.hash) void go().catch(() => undefined);
});
addEventListener('hashchange', () => void go().catch(() => undefined));
setInterval(() => {
  watchSilence();
  drawCameras();
  drawLasting();
}, 1_000);
setInterval(() => void recount(), COUNTS_MS);
// Somebody else may mute, and mutes end by themselves.
setInterval(showMutes, MUTES_MS);

void begin();
