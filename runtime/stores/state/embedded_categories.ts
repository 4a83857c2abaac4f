/**
 * Incidents counted by category, kept by triggers: whatever changes an incident or a label, retention too, changes the
 * counts in the same transaction. The label '' is of all incidents that are alike in the rest.
 */
import type { Incident, IncidentState, Severity } from '../../messages/types.ts';
import type { Database } from '../sqlite.ts';
import type { Category } from './categories.ts';

const ALIKE = 'site, camera, rule, zone, type, severity, state';

type Row = 'new' | 'old' | 'incidents';

const alikeIn = (row: Row): string =>
  `${row}.site, ${row}.camera, ${row}.rule, ifnull(${row}.zone, ''), ifnull(${row}.json ->> 'type', ''), ` +
  `${row}.severity, ${row}.state`;

const labelsOf = (row: Row): string =>
  `SELECT '' AS label UNION ALL SELECT label FROM labels WHERE incident = ${row}.id AND active = 1 AND label <> ''`;

const countIn = (row: Row): string => `
  INSERT INTO categories SELECT ${alikeIn(row)}, label, 1 FROM (${labelsOf(row)}) WHERE true
    ON CONFLICT DO UPDATE SET n = n + 1;`;

const countOut = (row: Row): string => `
  UPDATE categories SET n = n - 1 WHERE (${ALIKE}) = (${alikeIn(row)}) AND label IN (${labelsOf(row)});
  DELETE FROM categories WHERE (${ALIKE}) = (${alikeIn(row)}) AND n <= 0;`;

const labelIn = `
  INSERT INTO categories SELECT ${alikeIn('incidents')}, new.label, 1 FROM incidents WHERE id = new.incident
    ON CONFLICT DO UPDATE SET n = n + 1;`;

const labelOut = `
  UPDATE categories SET n = n - 1 WHERE label = old.label
    AND (${ALIKE}) = (SELECT ${alikeIn('incidents')} FROM incidents WHERE id = old.incident);
  DELETE FROM categories WHERE label = old.label AND n <= 0;`;

/** Of the file. */
const FIRST_VERSION = 2;

export const CATEGORIES_SCHEMA = `
CREATE TABLE categories (
  site TEXT NOT NULL, camera TEXT NOT NULL, rule TEXT NOT NULL, zone TEXT NOT NULL, type TEXT NOT NULL,
  severity TEXT NOT NULL, state TEXT NOT NULL, label TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (${ALIKE}, label)
) WITHOUT ROWID;

CREATE TRIGGER incident_counted AFTER INSERT ON incidents BEGIN${countIn('new')} END;
CREATE TRIGGER incident_moved AFTER UPDATE OF severity, state, json ON incidents
  WHEN (${alikeIn('old')}) <> (${alikeIn('new')})
  BEGIN${countOut('old')}${countIn('new')} END;
CREATE TRIGGER incident_gone AFTER DELETE ON incidents BEGIN${countOut('old')} END;

CREATE TRIGGER label_counted AFTER INSERT ON labels WHEN new.active = 1 AND new.label <> ''
  BEGIN${labelIn} END;
CREATE TRIGGER label_set AFTER UPDATE OF active ON labels WHEN new.active > old.active AND new.label <> ''
  BEGIN${labelIn} END;
CREATE TRIGGER label_taken AFTER UPDATE OF active ON labels WHEN new.active < old.active AND new.label <> ''
  BEGIN${labelOut} END;
CREATE TRIGGER label_gone AFTER DELETE ON labels WHEN old.active = 1 AND old.label <> ''
  BEGIN${labelOut} END;
`;

/** Of the incidents that a file from before has. */
export const COUNT_CATEGORIES = `
INSERT INTO categories SELECT ${alikeIn('incidents')}, '', count(*) FROM incidents WHERE true GROUP BY 1, 2, 3, 4, 5, 6, 7;
INSERT INTO categories SELECT ${alikeIn('incidents')}, labels.label, count(*)
  FROM labels JOIN incidents ON incidents.id = labels.incident
  WHERE labels.active = 1 AND labels.label <> '' GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
`;

/** Nothing in a file from before, until its writer opens it. */
export function readCategories(db: Database): Category[] {
  const version = Number(db.get('PRAGMA user_version')?.['user_version']);
  if (version < FIRST_VERSION) return [];
  return db.all('SELECT * FROM categories').map((row) => ({
    site: String(row['site']),
    camera: String(row['camera']),
    rule: String(row['rule']),
    zone: row['zone'] === '' ? null : String(row['zone']),
    type: String(row['type']) as Incident['type'],
    severity: String(row['severity']) as Severity,
    state: String(row['state']) as IncidentState,
    label: row['label'] === '' ? null : String(row['label']),
    count: Number(row['n']),
  }));
}
