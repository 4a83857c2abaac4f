/** The page: camera tiles and incidents, live over server-sent events. Served with its types stripped. */
import type { Incident, Mute } from '../../../runtime/messages/types.ts';
import type { CameraView, IncidentPage, Me, MuteList, SiteView } from '../views.ts';

const PAGE = 30;
/** The console answers at least this often (a comment line); silence is an outage, and is said. */
const SILENCE_MS = 12_000;
const MUTES_MS = 15_000;
const AGAIN_MS = 3_000;

function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`no #${id}`);
  return element;
}

const elements = {
  site: find('site', HTMLElement),
  cameras: find('cameras', HTMLElement),
  incidents: find('incidents', HTMLElement),
  mutes: find('mutes', HTMLElement),
  more: find('more', HTMLButtonElement),
  filter: find('filter', HTMLSelectElement),
  connection: find('connection', HTMLElement),
  alarm: find('alarm', HTMLElement),
  viewer: find('viewer', HTMLDialogElement),
  judge: find('judge', HTMLDialogElement),
  judgeForm: find('judge-form', HTMLFormElement),
};

/** Who looks. The server holds to it; the page only shows no button that would be refused. */
let me: Me = { name: null, role: 'admin' };
const mayJudge = (): boolean => me.role !== 'viewer';

const cameras = new Map<string, CameraView>();
const incidents = new Map<string, Incident>();
let next: string | null = null;
let lastWord = performance.now();

type Child = Node | string | null;

function make(tag: string, className: string, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  // Text nodes only: names and notes come from people and cameras.
  element.append(...children.filter((child): child is Node | string => child !== null));
  return element;
}

const clock = (iso: string): string => {
  const time = new Date(iso);
  const today = time.toDateString() === new Date().toDateString();
  return today ? time.toLocaleTimeString() : time.toLocaleString();
};

function ago(iso: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  return clock(iso);
}

function lasted(incident: Incident): string {
  const end = incident.closedAt === null ? Date.now() : Date.parse(incident.closedAt);
  const seconds = Math.max(0, (end - Date.parse(incident.openedAt)) / 1000);
  return seconds < 90 ? `${seconds.toFixed(seconds < 10 ? 1 : 0)} s` : `${Math.round(seconds / 60)} min`;
}

async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (response.status === 401) location.assign('/login');
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

// ---------------------------------------------------------------- cameras

const STATE_WORDS: Record<CameraView['state'], string> = {
  connecting: 'connecting',
  idle: 'watching, calm',
  active: 'watching, motion',
  blind: 'blind',
  starved: 'starved',
  stalled: 'stalled',
  backoff: 'reconnecting',
  quarantined: 'stopped after failures',
  stopped: 'stopped',
};

/** Green only when somebody looks; a camera that just connects is yellow. */
function tileKind(camera: CameraView): 'watched' | 'unwatched' | 'waiting' {
  if (camera.watched) return 'watched';
  return camera.state === 'connecting' ? 'waiting' : 'unwatched';
}

/** Tiles are kept, not drawn anew, so that pictures do not flicker. */
const tiles = new Map<
  string,
  {
    tile: HTMLElement;
    picture: HTMLImageElement;
    parts: Record<'none' | 'age' | 'open' | 'name' | 'words', HTMLElement>;
  }
>();

function drawCamera(camera: CameraView): void {
  let entry = tiles.get(camera.id);
  if (!entry) {
    const picture = document.createElement('img');
    picture.alt = `Last picture of ${camera.id}`;
    const parts = {
      none: make('span', 'none', 'no picture yet'),
      age: make('span', 'age'),
      open: make('span', 'open'),
      name: make('div', 'name'),
      words: make('div', ''),
    };
    const tile = make(
      'article',
      'tile',
      make('div', 'picture', parts.none, picture, parts.open, parts.age),
      make('div', 'words', parts.name, parts.words),
    );
    tile.dataset['camera'] = camera.id;
    entry = { tile, picture, parts };
    tiles.set(camera.id, entry);
    const after = [...tiles.keys()].sort().at([...tiles.keys()].sort().indexOf(camera.id) + 1);
    const sibling = after === undefined ? undefined : tiles.get(after)?.tile;
    elements.cameras.querySelector('.empty')?.remove();
    elements.cameras.insertBefore(tile, sibling ?? null);
  }
  const { tile, picture, parts } = entry;
  const kind = tileKind(camera);
  tile.className = `tile ${kind}`;
  picture.hidden = camera.snapshot === null;
  parts.none.hidden = camera.snapshot !== null;
  parts.age.hidden = camera.snapshot === null;
  if (camera.snapshot) {
    const url = `${camera.snapshot.url}?t=${encodeURIComponent(camera.snapshot.captureTime)}`;
    if (picture.getAttribute('src') !== url) picture.src = url;
    parts.age.textContent = ago(camera.snapshot.captureTime);
  }
  parts.open.hidden = camera.openIncidents === 0;
  parts.open.textContent = camera.openIncidents === 1 ? '1 incident' : `${camera.openIncidents} incidents`;
  const badge = { watched: 'good', unwatched: 'bad', waiting: 'warn' }[kind];
  const state =
    camera.watched || !['idle', 'active'].includes(camera.state) ? STATE_WORDS[camera.state] : 'nobody looks';
  parts.name.replaceChildren(make('span', '', camera.id), make('span', `badge ${badge}`, state));
  const { stream, fps } = camera;
  const limited = camera.limitedFps === null ? '' : `, limited to ${camera.limitedFps.toFixed(1)} fps by load`;
  const facts = stream
    ? `${stream.codec.toUpperCase()} ${stream.width}×${stream.height}, ${fps.received.toFixed(0)} fps, ${fps.published.toFixed(1)} looked at${limited}`
    : '';
  parts.words.replaceChildren(
    ...(camera.reason === null
      ? []
      : [make('p', 'why', `${camera.detail ?? camera.reason} (${camera.reason}), since ${clock(camera.since)}`)]),
    ...(camera.mend === null ? [] : [make('p', 'soft', camera.mend)]),
    ...(facts === '' ? [] : [make('p', 'soft', facts)]),
  );
}

function drawTotals(): void {
  const all = [...cameras.values()];
  const watched = all.filter((camera) => camera.watched).length;
  const open = all.reduce((sum, camera) => sum + camera.openIncidents, 0);
  const write = (id: string, text: string, kind: string): void => {
    const total = find(id, HTMLElement);
    total.className = kind;
    const value = total.querySelector('dd');
    if (value) value.textContent = text;
  };
  write('total-watched', `${watched} of ${all.length}`, watched === all.length && all.length > 0 ? 'good' : 'bad');
  write('total-open', String(open), open > 0 ? 'bad' : '');
  document.title = open > 0 ? `(${open}) banksman` : 'banksman';
}

// ---------------------------------------------------------------- incidents

const REASON_WORDS: Record<NonNullable<Incident['closeReason']>, string> = {
  left: 'people left',
  schedule_end: 'schedule ended',
  camera_lost: 'camera lost',
  rule_removed: 'rule removed',
  expired: 'expired',
  crossed: 'crossed',
};

function pictureOf(incident: Incident): string | null {
  const kinds = incident.evidence.map((item) => item.kind);
  const kind = kinds.includes('annotated') ? 'annotated' : kinds.includes('snapshot') ? 'snapshot' : null;
  if (kind === null) return null;
  // The key changes when the picture of the peak improves: the browser then fetches it again.
  const item = incident.evidence.findLast((one) => one.kind === kind);
  return `/api/v1/incidents/${encodeURIComponent(incident.id)}/evidence/${kind}?v=${item?.sha256.slice(0, 12) ?? ''}`;
}

function stateBadge(incident: Incident): HTMLElement {
  if (incident.state === 'open') return make('span', 'badge bad', 'open');
  if (incident.state === 'unobserved') return make('span', 'badge warn', 'not visible now');
  return make('span', 'badge', incident.closeReason === null ? 'closed' : REASON_WORDS[incident.closeReason]);
}

function button(text: string, run: () => void): HTMLElement {
  const element = make('button', '', text);
  element.setAttribute('type', 'button');
  element.addEventListener('click', run);
  return element;
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
  const judged = incident.rejected
    ? make(
        'p',
        'soft',
        `Rejected by ${incident.rejected.by}${incident.rejected.note ? `: ${incident.rejected.note}` : ''}`,
      )
    : incident.acknowledged
      ? make(
          'p',
          'soft',
          `Acknowledged by ${incident.acknowledged.by}${incident.acknowledged.note ? `: ${incident.acknowledged.note}` : ''}`,
        )
      : null;
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

const shows = (incident: Incident): boolean => elements.filter.value === '' || elements.filter.value === incident.state;

function putIncident(incident: Incident): void {
  const known = incidents.get(incident.id);
  if (known && known.revision > incident.revision) return;
  incidents.set(incident.id, incident);
  const old = elements.incidents.querySelector(`[data-incident="${CSS.escape(incident.id)}"]`);
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
  elements.incidents.querySelector('.empty')?.remove();
  const after = [...elements.incidents.children].find((child) => {
    const other = incidents.get((child as HTMLElement).dataset['incident'] ?? '');
    return other !== undefined && other.openedAt < incident.openedAt;
  });
  elements.incidents.insertBefore(item, after ?? null);
}

async function loadIncidents(more: boolean): Promise<void> {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (elements.filter.value !== '') query.set('state', elements.filter.value);
  if (more && next !== null) query.set('cursor', next);
  const page = await getJson<IncidentPage>(`/api/v1/incidents?${query}`);
  if (!more) {
    incidents.clear();
    elements.incidents.replaceChildren();
  }
  for (const incident of page.incidents) putIncident(incident);
  next = page.next;
  elements.more.hidden = next === null;
  if (elements.incidents.children.length === 0) {
    elements.incidents.replaceChildren(make('li', 'empty', 'Nothing here. Cameras that are watched would show it.'));
  }
}

// ---------------------------------------------------------------- mutes

/** `visit at gate`. */
function muted({ rule, camera, zone }: Mute): string {
  const place = [camera, zone === null ? null : `zone ${zone}`].filter((part) => part !== null).join(', ');
  return [rule ?? 'everything', place].filter((part) => part !== '').join(' at ');
}

/** Silence must not be taken for safety: whoever looks here sees what is silenced, by whom and until when. */
async function loadMutes(): Promise<void> {
  const { mutes } = await getJson<MuteList>('/api/v1/mutes');
  elements.mutes.hidden = mutes.length === 0;
  elements.mutes.replaceChildren(
    ...mutes.map((mute) =>
      make(
        'li',
        '',
        make('span', '', `No messages of ${muted(mute)} until ${clock(mute.until)}: ${mute.reason} (${mute.by})`),
        mayJudge() ? button('End', () => askUnmute(mute)) : null,
      ),
    ),
  );
}

// ---------------------------------------------------------------- dialogs

function view(incident: Incident): void {
  find('viewer-title', HTMLElement).textContent = `${incident.rule} at ${incident.camera}`;
  const picture = find('viewer-picture', HTMLImageElement);
  const url = pictureOf(incident);
  picture.hidden = url === null;
  if (url !== null) picture.src = url;
  const facts: [string, string][] = [
    ['Opened', new Date(incident.openedAt).toLocaleString()],
    [
      'Closed',
      incident.closedAt === null
        ? 'not yet'
        : `${new Date(incident.closedAt).toLocaleString()} (${incident.closeReason ?? ''})`,
    ],
    ['Most people', String(incident.peopleMax)],
    ['Model', incident.model?.id ?? 'none'],
    ['Id', incident.id],
  ];
  find('viewer-facts', HTMLElement).replaceChildren(
    ...facts.flatMap(([name, value]) => [make('dt', '', name), make('dd', '', value)]),
  );
  const kinds = [...new Set(incident.evidence.map((item) => item.kind))];
  find('viewer-files', HTMLElement).replaceChildren(
    ...kinds.map((kind) => {
      const link = document.createElement('a');
      link.href = `/api/v1/incidents/${encodeURIComponent(incident.id)}/evidence/${kind}`;
      link.target = '_blank';
      link.textContent = {
        snapshot: 'Picture',
        annotated: 'Picture with boxes',
        clip: 'Clip',
        record: 'Record (JSON)',
      }[kind];
      return link;
    }),
  );
  elements.viewer.showModal();
}

type Judging =
  | { action: 'acknowledge' | 'reject' | 'mute'; incident: Incident }
  | { action: 'unmute'; mute: Mute; incident: null };
let judging: Judging | null = null;

function ask(action: 'acknowledge' | 'reject' | 'mute', incident: Incident): void {
  judging = { action, incident };
  showJudge(action, `${incident.rule} at ${incident.camera}`);
}

function askUnmute(mute: Mute): void {
  judging = { action: 'unmute', mute, incident: null };
  showJudge('unmute', muted(mute));
}

function showJudge(action: Judging['action'], what: string): void {
  const words = {
    acknowledge: ['Acknowledge', 'Somebody has seen it and takes care of it.', 'Note'],
    reject: ['Reject', 'It is not what the rule is meant for. Rejected incidents become training material.', 'Why not'],
    mute: [
      'Mute messages',
      `No messages of ${what} for a while. Incidents are still recorded and shown here.`,
      'Reason',
    ],
    unmute: ['End the mute', `Messages of ${what} are sent again.`, ''],
  }[action];
  find('judge-title', HTMLElement).textContent = words[0] ?? '';
  find('judge-about', HTMLElement).textContent = words[1] ?? '';
  find('judge-note-label', HTMLElement).textContent = words[2] ?? '';
  find('judge-submit', HTMLElement).textContent = words[0] ?? '';
  find('judge-duration', HTMLElement).hidden = action !== 'mute';
  find('judge-error', HTMLElement).hidden = true;
  const by = elements.judgeForm.elements.namedItem('by');
  find('judge-by', HTMLElement).hidden = me.name !== null;
  if (by instanceof HTMLInputElement) by.value = me.name ?? localStorage.getItem('by') ?? '';
  const note = elements.judgeForm.elements.namedItem('note');
  find('judge-note', HTMLElement).hidden = action === 'unmute';
  if (note instanceof HTMLTextAreaElement) {
    note.value = '';
    note.required = action === 'mute';
  }
  elements.judge.showModal();
}

/** What is sent for an answer of the dialog. */
function judgement(asked: Judging, by: string, note: string, minutes: number): [string, string, unknown] {
  const { action, incident } = asked;
  if (action === 'unmute') {
    return ['DELETE', `/api/v1/mutes/${encodeURIComponent(asked.mute.id)}?by=${encodeURIComponent(by)}`, undefined];
  }
  if (action === 'mute') {
    const until = new Date(Date.now() + minutes * 60_000).toISOString();
    return ['POST', '/api/v1/mutes', { camera: incident.camera, rule: incident.rule, by, reason: note, until }];
  }
  const path = `/api/v1/incidents/${encodeURIComponent(incident.id)}/${action}`;
  return ['POST', path, { by, note: note === '' ? null : note }];
}

async function whyNot(response: Response): Promise<string> {
  if (response.status === 401) return 'your session has ended. Log in again at /login.';
  const answer: { error?: string } = await response.json().catch(() => ({}));
  return (answer.error ?? String(response.status)).slice(0, 300);
}

async function judge(): Promise<void> {
  if (!judging) return;
  const form = new FormData(elements.judgeForm);
  const by = String(form.get('by') ?? '').trim();
  const note = String(form.get('note') ?? '').trim();
  if (me.name === null) localStorage.setItem('by', by);
  const [method, path, body] = judgement(judging, by, note, Number(form.get('minutes')));
  const response = await fetch(path, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => null);
  if (response?.ok) {
    elements.judge.close();
    void loadMutes().catch(() => undefined);
    return;
  }
  const error = find('judge-error', HTMLElement);
  error.hidden = false;
  error.textContent = `Not saved: ${response ? await whyNot(response) : 'the console does not answer.'}`;
}

// ---------------------------------------------------------------- live

function connection(kind: 'live' | 'lost', text: string): void {
  elements.connection.className = kind;
  const words = elements.connection.querySelector('.text');
  if (words) words.textContent = text;
  elements.alarm.hidden = kind === 'live';
  elements.alarm.textContent = 'No connection to banksman: what is below may be out of date.';
}

function drawMe(): void {
  const element = find('me', HTMLElement);
  element.hidden = me.name === null;
  const [name, role] = element.querySelectorAll('span');
  if (name) name.textContent = me.name;
  if (role) role.textContent = me.role;
}

async function logout(): Promise<void> {
  await fetch('/api/v1/session', { method: 'DELETE' }).catch(() => null);
  location.assign('/login');
}

/** Of an event `site`. */
type SiteNews = Pick<SiteView, 'refusedEdit' | 'evidence' | 'stateStore'>;

let storeInTrouble = false;

/** Nothing is lost, but what is shown may be old or not all. When it is over, everything is read again. */
function drawStore(trouble: SiteView['stateStore']): void {
  const notice = find('state-store', HTMLElement);
  notice.hidden = trouble === null;
  if (trouble) {
    const what =
      trouble.state === 'away'
        ? 'The state store cannot be read: what you see is as it was, and incidents come when it is back.'
        : 'The state store is being filled again: some cameras and incidents are missing yet.';
    notice.textContent = `${what} Since ${new Date(trouble.since).toLocaleTimeString()}.\n${trouble.message}`;
  } else if (storeInTrouble) void loadAll().catch(() => undefined);
  storeInTrouble = trouble !== null;
}

/** Incidents go on; only their pictures wait. */
function drawWaiting(waiting: SiteView['evidence']): void {
  const notice = find('evidence-waits', HTMLElement);
  notice.hidden = waiting === null;
  notice.textContent =
    waiting === null
      ? ''
      : `The evidence store cannot be used since ${new Date(waiting.since).toLocaleTimeString()}: ${waiting.objects} files (${Math.ceil(waiting.bytes / 1e6)} MB) wait on this machine.\n${waiting.message}`;
}

/** An edit of the site file that is not active, until it is mended. */
function drawRefused(refused: SiteView['refusedEdit']): void {
  const notice = find('refused', HTMLElement);
  notice.hidden = refused === null;
  notice.textContent =
    refused === null
      ? ''
      : `The edited site file was refused (${new Date(refused.at).toLocaleTimeString()}); the one before stays active.\n${refused.why}`;
}

async function loadAll(): Promise<void> {
  const site = await getJson<SiteView>('/api/v1/cameras');
  elements.site.textContent = site.site;
  drawRefused(site.refusedEdit);
  drawWaiting(site.evidence);
  storeInTrouble = false;
  drawStore(site.stateStore);
  for (const id of [...cameras.keys()]) {
    if (!site.cameras.some((camera) => camera.id === id)) {
      cameras.delete(id);
      tiles.get(id)?.tile.remove();
      tiles.delete(id);
    }
  }
  for (const camera of site.cameras) {
    cameras.set(camera.id, camera);
    drawCamera(camera);
  }
  if (site.cameras.length === 0)
    elements.cameras.replaceChildren(make('p', 'empty', 'No cameras in the site file yet.'));
  drawTotals();
  const rest = Promise.all([loadIncidents(false), loadMutes()]);
  await (site.stateStore === null ? rest : rest.catch(() => undefined));
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
    cameras.set(camera.id, camera);
    drawCamera(camera);
    drawTotals();
  });
  events.addEventListener('site', (event) => {
    heard();
    const { refusedEdit, evidence, stateStore }: SiteNews = JSON.parse(event.data);
    drawRefused(refusedEdit);
    drawWaiting(evidence);
    drawStore(stateStore);
  });
  events.addEventListener('removed', (event) => {
    heard();
    const { id }: { id: string } = JSON.parse(event.data);
    cameras.delete(id);
    tiles.get(id)?.tile.remove();
    tiles.delete(id);
    drawTotals();
  });
  events.addEventListener('incident', (event) => {
    heard();
    const incident: Incident = JSON.parse(event.data);
    putIncident(incident);
  });
}

elements.filter.addEventListener('change', () => void loadIncidents(false));
elements.more.addEventListener('click', () => void loadIncidents(true));
find('logout', HTMLElement).addEventListener('click', () => void logout());
find('judge-cancel', HTMLElement).addEventListener('click', () => elements.judge.close());
elements.judgeForm.addEventListener('submit', (event) => {
  event.preventDefault();
  void judge();
});
setInterval(() => {
  if (performance.now() - lastWord > SILENCE_MS) connection('lost', 'no connection');
  for (const camera of cameras.values()) drawCamera(camera);
  for (const incident of incidents.values()) {
    if (incident.closedAt !== null) continue;
    const item = elements.incidents.querySelector(`[data-incident="${CSS.escape(incident.id)}"] .lasted`);
    if (item) item.textContent = lasted(incident);
  }
}, 1_000);
// Somebody else may mute, and mutes end by themselves.
setInterval(() => void loadMutes().catch(() => undefined), MUTES_MS);

/** First who looks, then what is seen. Without an answer of the console: again. */
async function begin(): Promise<void> {
  const found = await getJson<Me>('/api/v1/session').catch(() => null);
  if (!found) {
    connection('lost', 'no connection');
    setTimeout(begin, AGAIN_MS);
    return;
  }
  me = found;
  drawMe();
  follow();
}

void begin();
