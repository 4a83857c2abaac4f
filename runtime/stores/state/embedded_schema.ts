import { CATEGORIES_SCHEMA, COUNT_CATEGORIES } from './embedded_categories.ts';

export const STATE_VERSION = 2;
/** Version 1 kept no categories. */
export const STATE_MIGRATIONS: Readonly<Record<number, string>> = { 1: CATEGORIES_SCHEMA + COUNT_CATEGORIES };
/** Times are epoch milliseconds of capture time; JSON is the record as it came. */
export const STATE_SCHEMA = `
CREATE TABLE cameras (
  site TEXT NOT NULL, camera TEXT NOT NULL,
  epoch INTEGER NOT NULL DEFAULT -1, status TEXT, coverage TEXT, watched_to TEXT,
  PRIMARY KEY (site, camera)
) WITHOUT ROWID;

CREATE TABLE coverage (
  site TEXT NOT NULL, camera TEXT NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
  watched INTEGER NOT NULL, reason TEXT,
  PRIMARY KEY (site, camera, from_ms)
) WITHOUT ROWID;
CREATE INDEX coverage_by_end ON coverage (site, camera, to_ms);

CREATE TABLE incidents (
  id TEXT PRIMARY KEY, revision INTEGER NOT NULL,
  site TEXT NOT NULL, camera TEXT NOT NULL, rule TEXT NOT NULL, zone TEXT,
  severity TEXT NOT NULL, state TEXT NOT NULL, opened_ms INTEGER NOT NULL,
  muted INTEGER NOT NULL, json TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX incidents_by_time ON incidents (opened_ms, id);
CREATE INDEX incidents_by_camera ON incidents (camera, opened_ms, id);
CREATE INDEX incidents_by_state ON incidents (state, opened_ms, id);

CREATE TABLE evidence (
  incident TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, revision INTEGER NOT NULL,
  sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, to_ms INTEGER NOT NULL,
  PRIMARY KEY (incident, key)
) WITHOUT ROWID;

CREATE TABLE judgements (
  incident TEXT NOT NULL, action TEXT NOT NULL, by_whom TEXT NOT NULL, note TEXT, at TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (incident, action)
) WITHOUT ROWID;

CREATE TABLE labels (
  incident TEXT NOT NULL, label TEXT NOT NULL, active INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (incident, label)
) WITHOUT ROWID;

CREATE TABLE mutes (
  id TEXT PRIMARY KEY, camera TEXT, zone TEXT, rule TEXT, at_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,
  /* Taken back at; the mute ends at the earlier of the two. */
  removed_ms INTEGER, json TEXT NOT NULL
) WITHOUT ROWID;
${CATEGORIES_SCHEMA}`;

export const PICTURES_VERSION = 1;
export const PICTURES_SCHEMA = `
CREATE TABLE pictures (
  site TEXT NOT NULL, camera TEXT NOT NULL, capture_time TEXT NOT NULL, jpeg BLOB NOT NULL,
  PRIMARY KEY (site, camera)
);
`;
