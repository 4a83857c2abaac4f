/** Everything once, then what changes, over server-sent events. */
import type { Incident } from '../../../runtime/messages/types.ts';
import type { CameraView, Me, SiteView } from '../views.ts';
import { putCamera, removeCamera, setCameras } from './cameras.ts';
import { find } from './dom.ts';
import { takeAddress } from './filters.ts';
import { loadIncidents, putIncident } from './incidents.ts';
import { setMe } from './me.ts';
import { loadMutes } from './mutes.ts';
import { drawNotices, type SiteNews } from './notices.ts';
import { showNamed } from './place.ts';
import { getJson } from './server.ts';

/** The console answers at least this often (a comment line); silence is an outage, and is said. */
const SILENCE_MS = 12_000;
const AGAIN_MS = 3_000;

let lastWord = performance.now();
/** Once: a connection that comes back must not move the page under whoever reads it. */
let isPlaced = false;

/** First who looks, then what is seen. Without an answer of the console: again. */
export async function begin(): Promise<void> {
  const found = await getJson<Me>('/api/v1/session').catch(() => null);
  if (!found) {
    connection('lost', 'no connection');
    setTimeout(begin, AGAIN_MS);
    return;
  }
  setMe(found);
  follow();
}

/** An outage is said, also one in which nothing is said to end. */
export function watchSilence(): void {
  if (performance.now() - lastWord > SILENCE_MS) connection('lost', 'no connection');
}

function connection(kind: 'live' | 'lost', text: string): void {
  const element = find('connection', HTMLElement);
  const alarm = find('alarm', HTMLElement);
  element.className = kind;
  const words = element.querySelector('.text');
  if (words) words.textContent = text;
  alarm.hidden = kind === 'live';
  alarm.textContent = 'No connection to banksman: what is below may be out of date.';
}

async function loadAll(): Promise<void> {
  const site = await getJson<SiteView>('/api/v1/cameras');
  find('site', HTMLElement).textContent = site.site;
  drawNotices(site);
  setCameras(site.cameras);
  if (!isPlaced) takeAddress();
  const rest = Promise.all([loadIncidents(false), loadMutes()]);
  await (site.stateStore === null ? rest : rest.catch(() => undefined));
  if (!isPlaced) await showNamed().catch(() => undefined);
  isPlaced = true;
}

function follow(): void {
  const events = new EventSource('/api/v1/events');
  const heard = (): void => {
    lastWord = performance.now();
    connection('live', 'live');
  };
  events.addEventListener('open', () => {
    heard();
    // Whatever happened while nobody listened.
    void loadAll().catch(() => connection('lost', 'no connection'));
  });
  events.addEventListener('ping', heard);
  events.addEventListener('error', () => {
    // Cut off, it tries again by itself; refused, it does not: the session may have ended.
    if (events.readyState !== EventSource.CLOSED) return;
    setTimeout(begin, AGAIN_MS);
  });
  events.addEventListener('camera', (event) => {
    heard();
    const camera: CameraView = JSON.parse(event.data);
    putCamera(camera);
  });
  events.addEventListener('site', (event) => {
    heard();
    const news: SiteNews = JSON.parse(event.data);
    if (drawNotices(news)) void loadAll().catch(() => undefined);
  });
  events.addEventListener('removed', (event) => {
    heard();
    const { id }: { id: string } = JSON.parse(event.data);
    removeCamera(id);
  });
  events.addEventListener('incident', (event) => {
    heard();
    const incident: Incident = JSON.parse(event.data);
    putIncident(incident);
  });
}
