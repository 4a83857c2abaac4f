/** Incidents in Redis: from the index to a page, and from a hash to what people see. */
import type { Evidence, Incident, IncidentState, Judgement, Mute, Severity } from '../../messages/types.ts';
import { fromTimestamp } from '../../time.ts';
import type { Category } from './categories.ts';
import { byKind, decodeCursor, encodeCursor, noIncidents, pageSize } from './incident_page.ts';
import type { RedisConnection } from './redis_connection.ts';
import type { Keys } from './redis_keys.ts';
import { cut, pairsOf, textsOf } from './redis_replies.ts';
import {
  type IncidentCounts,
  type IncidentFilter,
  type IncidentQuery,
  muteApplies,
  type StoredIncident,
} from './types.ts';

/** The hash of an incident. */
export type Told = ReadonlyMap<string, string>;

/** What filters look at; order of the JSON in `Keys.meta`. */
export type Meta = [
  site: string,
  camera: string,
  rule: string,
  severity: Severity,
  state: IncidentState,
  zone: string | null,
  type: Incident['type'],
];

/** Index entries read at once. */
const AT_ONCE = 500;

/** @returns undefined where only evidence or judgements have come yet. */
export function completeIncident(told: Told, mutes: readonly Mute[]): StoredIncident | undefined {
  const json = told.get('json');
  if (json === undefined) return undefined;
  const incident: Incident = JSON.parse(json);
  const evidence: StoredIncident['evidence'] = [];
  const labels: string[] = [];
  const judged: Record<string, Judgement> = {};
  for (const [field, value] of told) {
    if (field.startsWith('evidence:')) evidence.push(JSON.parse(cut(value, 1)));
    else if (field.startsWith('label:') && cut(value, 1) === '1') labels.push(field.slice('label:'.length));
    else if (field.startsWith('judged:')) judged[field.slice('judged:'.length)] = JSON.parse(cut(value, 1));
  }
  return {
    ...incident,
    muted: mutes.some((mute) => muteApplies(mute, incident, incident.openedAt)),
    acknowledged: judged['acknowledge'] ?? incident.acknowledged,
    rejected: judged['reject'] ?? incident.rejected,
    evidence: evidence.sort((a, b) => byKind(a, b) || (a.key < b.key ? -1 : 1)),
    labels: labels.sort(),
    held: labels.includes('hold'),
  };
}

export function evidenceValue({ kind, key, sha256, bytes }: Evidence): string {
  return JSON.stringify({ kind, key, sha256, bytes });
}

export async function incidentPage(
  redis: RedisConnection,
  keys: Keys,
  query: IncidentQuery,
): Promise<{ ids: string[]; cursor: string | null }> {
  const size = pageSize(query);
  const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
  const found: Entry[] = [];
  for await (const entries of scan(redis, keys, query, after?.openedMs)) {
    for (const { entry } of entries) {
      // Entries of one moment come in falling order of their ids.
      if (after && entry.at === after.openedMs && entry.id >= after.id) continue;
      found.push(entry);
      if (found.length > size) break;
    }
    if (found.length > size) break;
  }
  const page = found.slice(0, size);
  const last = page.at(-1);
  const more = found.length > size && last;
  return { ids: page.map(({ id }) => id), cursor: more ? encodeCursor(last.at, last.id) : null };
}

export async function countIncidents(
  redis: RedisConnection,
  keys: Keys,
  filter: IncidentFilter,
): Promise<IncidentCounts> {
  const counts = noIncidents();
  for await (const entries of scan(redis, keys, filter)) {
    for (const { meta } of entries) {
      counts.total += 1;
      counts.byState[meta[4]] += 1;
      counts.bySeverity[meta[3]] += 1;
    }
  }
  return counts;
}

export async function readCategories(redis: RedisConnection, keys: Keys): Promise<Category[]> {
  const counted = pairsOf(await redis.call('hgetall', keys.categories()));
  return [...counted].map(([text, count]) => {
    const [site, camera, rule, severity, state, zone, type, label]: [...Meta, label?: string] = JSON.parse(text);
    return { site, camera, rule, severity, state, zone, type, label: label ?? null, count: Number(count) };
  });
}

interface Entry {
  id: string;
  /** Opened, epoch ms. */
  at: number;
}

/** What the filter lets through, newest first, in runs. */
async function* scan(
  redis: RedisConnection,
  keys: Keys,
  filter: IncidentFilter,
  notAfter = Number.POSITIVE_INFINITY,
): AsyncGenerator<{ entry: Entry; meta: Meta }[]> {
  const index = indexFor(keys, filter);
  const to = filter.to === undefined ? Number.POSITIVE_INFINITY : fromTimestamp(filter.to);
  const min = filter.from === undefined ? '-inf' : String(fromTimestamp(filter.from));
  let bound = notAfter;
  // Of those at the bound, which have been seen.
  let seen = 0;
  for (;;) {
    const max = bound >= to ? (to === Number.POSITIVE_INFINITY ? '+inf' : `(${to}`) : String(bound);
    const entries = await range(redis, index, max, min, seen);
    if (entries.length === 0) return;
    const metas = textsOf(await redis.call('hmget', keys.meta(), ...entries.map(({ id }) => id)));
    yield entries.flatMap((entry, n) => {
      const meta = metaOf(metas[n]);
      return meta && passes(meta, filter) ? [{ entry, meta }] : [];
    });
    if (entries.length < AT_ONCE) return;
    const last = entries.at(-1)?.at ?? 0;
    const same = entries.filter(({ at }) => at === last).length;
    seen = last === bound ? seen + same : same;
    bound = last;
  }
}

async function range(redis: RedisConnection, index: string, max: string, min: string, skip: number): Promise<Entry[]> {
  const reply = textsOf(await redis.call('zrevrangebyscore', index, max, min, 'WITHSCORES', 'LIMIT', skip, AT_ONCE));
  return Array.from({ length: reply.length / 2 }, (_, n) => ({
    id: reply[2 * n] ?? '',
    at: Number(reply[2 * n + 1]),
  }));
}

/** The shortest one that holds all that may pass. */
function indexFor(keys: Keys, { camera, state }: IncidentFilter): string {
  if (state && !state.includes('closed')) return keys.open();
  return camera === undefined ? keys.opened() : keys.openedAt(camera);
}

/** Undefined for one that was forgotten meanwhile: the client gives null, which is no JSON list. */
function metaOf(text: string | undefined): Meta | undefined {
  if (text === undefined || !text.startsWith('[')) return undefined;
  const meta: Meta = JSON.parse(text);
  return meta;
}

function passes([site, camera, rule, severity, state]: Meta, filter: IncidentFilter): boolean {
  return (
    (filter.site === undefined || filter.site === site) &&
    (filter.camera === undefined || filter.camera === camera) &&
    (filter.rule === undefined || filter.rule === rule) &&
    (filter.severity === undefined || filter.severity.includes(severity)) &&
    (filter.state === undefined || filter.state.includes(state))
  );
}
