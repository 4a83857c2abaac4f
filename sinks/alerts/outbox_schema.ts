/** Path under `data_dir`. */
export const OUTBOX_FILE = 'alerts.db';
export const OUTBOX_VERSION = 1;

/**
 * `messages`: one row a webhook and transition. `pending` waits for delivery; `dying` was given up and its letter is
 * not on the bus yet; `sent`, `dead`, `muted` and `cool_down` are final. Only what may be sent again keeps its body.
 * `incidents`: what each webhook heard of an incident. `cool_downs`: capture time of the last announcement.
 */
export const OUTBOX_SCHEMA = `
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY,
  webhook TEXT NOT NULL, incident TEXT NOT NULL, revision INTEGER NOT NULL, transition TEXT NOT NULL,
  status TEXT NOT NULL, reason TEXT, detail TEXT, body TEXT,
  source_key TEXT NOT NULL, source_partition INTEGER NOT NULL, source_offset INTEGER NOT NULL,
  captured_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
  next_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
  UNIQUE (webhook, incident, revision)
);
CREATE INDEX messages_pending ON messages (webhook, next_ms, seq) WHERE status = 'pending';
CREATE INDEX messages_dying ON messages (seq) WHERE status = 'dying';
CREATE INDEX messages_final ON messages (webhook, seq) WHERE status NOT IN ('pending', 'dying');
CREATE TABLE incidents (
  webhook TEXT NOT NULL, incident TEXT NOT NULL, revision INTEGER NOT NULL,
  silenced TEXT, closed INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
  PRIMARY KEY (webhook, incident)
) WITHOUT ROWID;
CREATE TABLE cool_downs (
  webhook TEXT NOT NULL, place TEXT NOT NULL, announced_ms INTEGER NOT NULL,
  PRIMARY KEY (webhook, place)
) WITHOUT ROWID;
`;
