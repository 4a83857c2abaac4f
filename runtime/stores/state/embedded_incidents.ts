import type { SQLInputValue } from 'node:sqlite';
import type { EvidenceKind, Incident, IncidentState, Judgement, Severity } from '../../messages/types.ts';
import { fromTimestamp } from '../../time.ts';
import type { Database, Row } from '../sqlite.ts';
import { byKind, decodeCursor, encodeCursor, noIncidents, pageSize } from './incident_page.ts';
import type { IncidentCounts, IncidentFilter, IncidentPage, IncidentQuery, StoredIncident } from './types.ts';

export function readIncident(db: Database, id: string): StoredIncident | undefined {
  return complete(db, db.all('SELECT id, json, muted FROM incidents WHERE id = ?', id))[0];
}

export function readIncidents(db: Database, query: IncidentQuery): IncidentPage {
  const limit = pageSize(query);
  const { where, values } = conditions(query);
  if (query.cursor !== undefined) {
    const { openedMs, id } = decodeCursor(query.cursor);
    where.push('(opened_ms, id) < (?, ?)');
    values.push(openedMs, id);
  }
  const rows = db.all(
    `SELECT id, json, muted, opened_ms FROM incidents ${clause(where)} ORDER BY opened_ms DESC, id DESC LIMIT ?`,
    ...values,
    limit + 1,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    incidents: complete(db, page),
    cursor: rows.length > limit && last ? encodeCursor(Number(last['opened_ms']), String(last['id'])) : null,
  };
}

export function countIncidents(db: Database, filter: IncidentFilter): IncidentCounts {
  const { where, values } = conditions(filter);
  const rows = db.all(
    `SELECT state, severity, count(*) AS n FROM incidents ${clause(where)} GROUP BY state, severity`,
    ...values,
  );
  const counts = noIncidents();
  for (const row of rows) {
    const n = Number(row['n']);
    counts.total += n;
    counts.byState[String(row['state']) as IncidentState] += n;
    counts.bySeverity[String(row['severity']) as Severity] += n;
  }
  return counts;
}

function conditions(filter: IncidentFilter): { where: string[]; values: SQLInputValue[] } {
  const where: string[] = [];
  const values: SQLInputValue[] = [];
  const add = (condition: string, ...given: SQLInputValue[]): void => {
    where.push(condition);
    values.push(...given);
  };
  if (filter.site !== undefined) add('site = ?', filter.site);
  if (filter.camera !== undefined) add('camera = ?', filter.camera);
  if (filter.rule !== undefined) add('rule = ?', filter.rule);
  // As JSON, so that the statement is the same for any number of them.
  if (filter.severity) add('severity IN (SELECT value FROM json_each(?))', JSON.stringify(filter.severity));
  if (filter.state) add('state IN (SELECT value FROM json_each(?))', JSON.stringify(filter.state));
  if (filter.from !== undefined) add('opened_ms >= ?', fromTimestamp(filter.from));
  if (filter.to !== undefined) add('opened_ms < ?', fromTimestamp(filter.to));
  return { where, values };
}

function clause(where: readonly string[]): string {
  return where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`;
}

/** Puts in what came to the incidents from elsewhere: three look-ups a page, not an incident. */
function complete(db: Database, rows: readonly Row[]): StoredIncident[] {
  const ids = JSON.stringify(rows.map((row) => row['id']));
  const of = (sql: string): Map<string, Row[]> =>
    Map.groupBy(db.all(`${sql} WHERE incident IN (SELECT value FROM json_each(?))`, ids), (row) =>
      String(row['incident']),
    );
  const evidence = of('SELECT * FROM evidence');
  const judgements = of('SELECT * FROM judgements');
  const labels = of('SELECT * FROM labels');
  return rows.map((row) => {
    const id = String(row['id']);
    const incident: Incident = JSON.parse(String(row['json']));
    const judged = judgements.get(id) ?? [];
    const active = (labels.get(id) ?? [])
      .filter((label) => label['active'] === 1)
      .map((label) => String(label['label']));
    return {
      ...incident,
      muted: row['muted'] === 1,
      acknowledged: judgement(judged, 'acknowledge') ?? incident.acknowledged,
      rejected: judgement(judged, 'reject') ?? incident.rejected,
      evidence: (evidence.get(id) ?? []).map(item).sort(byKind),
      labels: active.sort(),
      held: active.includes('hold'),
    };
  });
}

function judgement(rows: readonly Row[], action: string): Judgement | undefined {
  const row = rows.find((candidate) => candidate['action'] === action);
  if (!row) return undefined;
  return {
    by: String(row['by_whom']),
    note: row['note'] === null ? null : String(row['note']),
    at: String(row['at']),
  };
}

function item(row: Row): StoredIncident['evidence'][number] {
  return {
    kind: String(row['kind']) as EvidenceKind,
    key: String(row['key']),
    sha256: String(row['sha256']),
    bytes: Number(row['bytes']),
  };
}
