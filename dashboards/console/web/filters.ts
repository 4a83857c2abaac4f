/**
 * Which incidents the list shows. The address says it (`/#incidents=open&camera=ID&rule=ID`), so that it outlives a
 * reload and can be linked to; whoever chooses in the page changes the address.
 */
import type { Incident } from '../../../runtime/messages/types.ts';
import type { IncidentCategories } from '../views.ts';
import { find } from './dom.ts';
import { getJson } from './server.ts';

/** What is open and cannot be seen now is open. */
const STATES = {
  all: [],
  open: ['open', 'unobserved'],
  unobserved: ['unobserved'],
  closed: ['closed'],
} as const satisfies Record<string, readonly Incident['state'][]>;
type Show = keyof typeof STATES;

export interface ListFilter {
  show: Show;
  camera: string | null;
  rule: string | null;
}

const EVERYTHING: ListFilter = { show: 'all', camera: null, rule: null };

const show = find('filter-show', HTMLSelectElement);
const selects = { camera: find('filter-camera', HTMLSelectElement), rule: find('filter-rule', HTMLSelectElement) };
const clear = find('filter-clear', HTMLButtonElement);

let filter = EVERYTHING;
/** Incidents came or changed since they were counted. */
let isStale = false;

export const listFilter = (): ListFilter => filter;

/**
 * Takes what the address says.
 * @returns whether the list must be read anew; `unknown` is what it says of `incidents` that nobody understands.
 */
export function takeAddress(): { changed: boolean; unknown: string | null } {
  const named = new URLSearchParams(location.hash.slice(1));
  const said = named.get('incidents');
  const known = said !== null && Object.hasOwn(STATES, said);
  const next: ListFilter =
    said === null
      ? EVERYTHING
      : { show: known ? (said as Show) : 'all', camera: named.get('camera'), rule: named.get('rule') };
  const changed = addressOf(next) !== addressOf(filter);
  filter = next;
  drawFilter();
  return { changed, unknown: known ? null : said };
}

/** `#incidents=…`, with one of them to be opened. */
export function addressOf({ show: shown, camera, rule }: ListFilter, incident?: string): string {
  const said = new URLSearchParams({ incidents: shown });
  if (camera !== null) said.set('camera', camera);
  if (rule !== null) said.set('rule', rule);
  if (incident !== undefined) said.set('incident', incident);
  return `#${said}`;
}

/** As the API takes it. */
export function queryOf({ show: shown, camera, rule }: ListFilter): URLSearchParams {
  const query = new URLSearchParams();
  for (const state of STATES[shown]) query.append('state', state);
  if (camera !== null) query.set('camera', camera);
  if (rule !== null) query.set('rule', rule);
  return query;
}

export function passes(incident: Incident): boolean {
  const states: readonly Incident['state'][] = STATES[filter.show];
  return (
    (states.length === 0 || states.includes(incident.state)) &&
    (filter.camera === null || filter.camera === incident.camera) &&
    (filter.rule === null || filter.rule === incident.rule)
  );
}

/** @param changed whoever looks has chosen: the address says so already, the list does not yet show it. */
export function onChoice(changed: () => void): void {
  const choose = (next: ListFilter): void => {
    filter = next;
    const isAll = addressOf(next) === addressOf(EVERYTHING);
    // Back leads to what was shown before.
    history.pushState(null, '', isAll ? location.pathname : addressOf(next));
    drawFilter();
    changed();
  };
  const chosen = (): void =>
    choose({ show: show.value as Show, camera: selects.camera.value || null, rule: selects.rule.value || null });
  for (const select of [show, ...Object.values(selects)]) select.addEventListener('change', chosen);
  clear.addEventListener('click', () => {
    choose(EVERYTHING);
    show.focus();
  });
}

/** The counts are old now. */
export function noteChange(): void {
  isStale = true;
}

export async function recount(): Promise<void> {
  if (isStale) await loadCounts();
}

/** Which cameras and rules there are to choose, with how many incidents each would show. */
export async function loadCounts(): Promise<void> {
  isStale = false;
  const asked = filter;
  const found = await getJson<IncidentCategories>(`/api/v1/incidents/categories?${queryOf(asked)}`).catch(() => null);
  if (!found) isStale = true;
  else if (asked === filter) for (const kind of ['camera', 'rule'] as const) drawOptions(kind, found[kind]);
}

function drawFilter(): void {
  show.value = filter.show;
  for (const kind of ['camera', 'rule'] as const) {
    const value = filter[kind];
    // Chosen by the address, and not counted yet or not there any more.
    if (value !== null && ![...selects[kind].options].some((option) => option.value === value)) {
      selects[kind].append(new Option(value, value));
    }
    selects[kind].value = value ?? '';
  }
  clear.hidden = addressOf(filter) === addressOf(EVERYTHING);
}

function drawOptions(kind: 'camera' | 'rule', { values, more }: IncidentCategories['camera']): void {
  const select = selects[kind];
  const chosen = filter[kind];
  const counted = values.map(({ value, total }): [string, string] => [value, `${value} (${total})`]);
  if (chosen !== null && !values.some(({ value }) => value === chosen)) counted.push([chosen, `${chosen} (0)`]);
  counted.sort(([a], [b]) => (a < b ? -1 : 1));
  const options = [['', `all ${kind}s`], ...counted].map(([value, text]) => new Option(text, value));
  if (more > 0) {
    const rest = new Option(`and ${more} with fewer incidents`, '');
    rest.disabled = true;
    options.push(rest);
  }
  const shown = [...select.options];
  // A list that is open must not move under whoever chooses: where only counts differ it stays.
  if (shown.length === options.length && shown.every(({ value }, n) => value === options[n]?.value)) {
    for (const [n, option] of shown.entries()) option.text = options[n]?.text ?? '';
    return;
  }
  select.replaceChildren(...options);
  select.value = chosen ?? '';
}
