import type { CameraView } from '../views.ts';
import { find, link, make } from './dom.ts';
import { addressOf } from './filters.ts';
import { ago, clock } from './words.ts';

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

const place = find('cameras', HTMLElement);
const cameras = new Map<string, CameraView>();

interface Tile {
  tile: HTMLElement;
  picture: HTMLImageElement;
  parts: Record<'none' | 'age' | 'open' | 'name' | 'words', HTMLElement>;
}

/** Tiles are kept, not drawn anew, so that pictures do not flicker. */
const tiles = new Map<string, Tile>();

/** All there are; what is shown of others goes. */
export function setCameras(all: readonly CameraView[]): void {
  for (const id of [...cameras.keys()]) if (!all.some((camera) => camera.id === id)) forget(id);
  for (const camera of all) {
    cameras.set(camera.id, camera);
    drawCamera(camera);
  }
  if (all.length === 0) place.replaceChildren(make('p', 'empty', 'No cameras in the site file yet.'));
  drawTotals();
}

export function putCamera(camera: CameraView): void {
  cameras.set(camera.id, camera);
  drawCamera(camera);
  drawTotals();
}

export function removeCamera(id: string): void {
  forget(id);
  drawTotals();
}

/** Pictures grow older. */
export function drawCameras(): void {
  for (const camera of cameras.values()) drawCamera(camera);
}

function forget(id: string): void {
  cameras.delete(id);
  tiles.get(id)?.tile.remove();
  tiles.delete(id);
}

/** Green only when somebody looks; a camera that just connects is yellow. */
function tileKind(camera: CameraView): 'watched' | 'unwatched' | 'waiting' {
  if (camera.watched) return 'watched';
  return camera.state === 'connecting' ? 'waiting' : 'unwatched';
}

/** In the order of the names. */
function addTile(id: string): Tile {
  const picture = document.createElement('img');
  picture.alt = `Last picture of ${id}`;
  const parts = {
    none: make('span', 'none', 'no picture yet'),
    age: make('span', 'age'),
    open: link(addressOf({ show: 'open', camera: id, rule: null }), ''),
    name: make('div', 'name'),
    words: make('div', ''),
  };
  parts.open.className = 'open';
  const tile = make(
    'article',
    'tile',
    make('div', 'picture', parts.none, picture, parts.open, parts.age),
    make('div', 'words', parts.name, parts.words),
  );
  tile.dataset['camera'] = id;
  const entry = { tile, picture, parts };
  tiles.set(id, entry);
  const names = [...tiles.keys()].sort();
  const after = names[names.indexOf(id) + 1];
  const sibling = after === undefined ? undefined : tiles.get(after)?.tile;
  place.querySelector('.empty')?.remove();
  place.insertBefore(tile, sibling ?? null);
  return entry;
}

function drawCamera(camera: CameraView): void {
  const { tile, picture, parts } = tiles.get(camera.id) ?? addTile(camera.id);
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
