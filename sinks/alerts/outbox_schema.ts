/** Path under `data_dir`. */
export const OUTBOX_FILE = 'alerts.db';
export const OUTBOX_VERSION = 3;

const MESSAGES = `
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY,
  webhook TEXT NOT NULL, incident TEXT NOT NULL, revision INTEGER NOT NULL, again INTEGER NOT NULL DEFAULT 0,
  transition TEXT NOT NULL, severity TEXT NOT NULL,
  status TEXT NOT NULL, reason TEXT, detail TEXT, body TEXT,
  source_key TEXT NOT NULL, source_partition INTEGER NOT NULL, source_offset INTEGER NOT NULL,
  captured_ms INTEGER NOT NULL, entered_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
  next_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, attempts INTEGER NOT NULL, batch INTEGER,
  UNIQUE (webhook, incident, revision, again)
);`;
const MESSAGE_INDEXES = `
CREATE INDEX messages_pending ON messages (webhook, next_ms, seq) WHERE status = 'pending';
CREATE INDEX messages_held ON messages (webhook, batch IS NULL, severity <> 'critical', seq) WHERE status = 'pending';
CREATE INDEX messages_dying ON messages (seq) WHERE status = 'dying';
CREATE INDEX messages_final ON messages (webhook, seq) WHERE status NOT IN ('pending', 'dying');`;
const BESIDE = `
CREATE INDEX incidents_remind ON incidents (webhook, remind_ms) WHERE remind_ms IS NOT NULL;
CREATE TABLE sends (webhook TEXT NOT NULL, at_ms INTEGER NOT NULL);
CREATE INDEX sends_lately ON sends (webhook, at_ms);
CREATE TABLE alive (one INTEGER PRIMARY KEY CHECK (one = 1), at_ms INTEGER NOT NULL);`;

const SINK = `
CREATE TABLE sink (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL);`;

/**
 * `webhook` is the id of a channel, whatever its kind: once there were webhooks alone.
 * `messages`: one row a channel and transition, or reminder (`again` > 0), or what is left of one
 * (`again` = -1: some of the channel's receivers have it). `pending` waits for delivery; `dying` was
 * given up and its letter is not on the bus yet; `sent`, `dead`, `left` (another sink has it to send) and what was
 * silenced (`muted`, `cool_down`, …) are final. Only what may be sent again keeps its body. `batch`: `seq` of the first row that it goes out with, once that
 * was tried. `incidents`: what each channel heard of an incident; `body` is the newest, for reminders, or while it is
 * silenced the first, to be told as that; `remind_ms`: when it is due for either. `cool_downs`: capture time of the
 * last announcement. `sends`: messages of the last hour of channels with a limit. `sink`:
 * what other sinks know this file by.
 */
export const OUTBOX_SCHEMA = `${MESSAGES}${MESSAGE_INDEXES}
CREATE TABLE incidents (
  webhook TEXT NOT NULL, incident TEXT NOT NULL, revision INTEGER NOT NULL,
  silenced TEXT, closed INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
  told_ms INTEGER, remind_ms INTEGER, reminders INTEGER NOT NULL DEFAULT 0, body TEXT,
  PRIMARY KEY (webhook, incident)
) WITHOUT ROWID;
CREATE TABLE cool_downs (
  webhook TEXT NOT NULL, place TEXT NOT NULL, announced_ms INTEGER NOT NULL,
  PRIMARY KEY (webhook, place)
) WITHOUT ROWID;${BESIDE}${SINK}
`;

/** To the next version, by the version that a file has. */
export const OUTBOX_MIGRATIONS: Readonly<Record<number, string>> = {
  1: `ALTER TABLE messages RENAME TO messages_1;${MESSAGES}
INSERT INTO messages (seq, webhook, incident, revision, transition, severity, status, reason, detail, body, source_key,
    source_partition, source_offset, captured_ms, entered_ms, changed_ms, next_ms, deadline_ms, attempts)
  SELECT seq, webhook, incident, revision, transition, coalesce(json_extract(body, '$.incident.severity'), 'low'),
    status, reason, detail, body, source_key, source_partition, source_offset, captured_ms, changed_ms, changed_ms,
    next_ms, deadline_ms, attempts FROM messages_1;
DROP TABLE messages_1;${MESSAGE_INDEXES}
ALTER TABLE incidents ADD COLUMN told_ms INTEGER;
ALTER TABLE incidents ADD COLUMN remind_ms INTEGER;
ALTER TABLE incidents ADD COLUMN reminders INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incidents ADD COLUMN body TEXT;
UPDATE incidents SET told_ms = changed_ms WHERE EXISTS (SELECT 1 FROM messages
  WHERE messages.webhook = incidents.webhook AND messages.incident = incidents.incident AND status = 'sent');${BESIDE}
`,
  2: SINK,
};
