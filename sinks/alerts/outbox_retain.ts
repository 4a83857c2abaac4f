/** What the outbox forgets, and what it makes of times that another process wrote. */
import type { ChannelConfig } from '../../config/site_alerts.ts';
import type { Database } from '../../runtime/stores/sqlite.ts';
import { LOOK_EVERY_MS, RETRY_FOR_MS } from './outbox_silence.ts';

const DAY_MS = 86_400_000;
/** After a start everything is tried at least this long, however long the process was away. */
const RETRY_AFTER_START_MS = 3_600_000;
const KEEP_FINAL_MS = 30 * DAY_MS;
const KEEP_FINAL_ROWS = 10_000;
/** Longer than `incidents.v1` is retained: nothing older is ever read again. */
const KEEP_CLOSED_MS = 32 * DAY_MS;
const KEEP_OPEN_MS = 90 * DAY_MS;

/** Everything is due, in order of arrival; deadlines are as this clock has it. */
export function recover(db: Database, now: number): void {
  db.run(
    `UPDATE messages SET next_ms = ?, deadline_ms = min(max(deadline_ms, ?), ?)
     WHERE status = 'pending'`,
    ...[now, now + RETRY_AFTER_START_MS, now + RETRY_FOR_MS],
  );
  // What is held is held from when it came, as far as this clock knows.
  db.run(`UPDATE messages SET entered_ms = ? WHERE status = 'pending' AND entered_ms > ?`, now, now);
  db.run('UPDATE incidents SET remind_ms = ? WHERE remind_ms > ?', now + DAY_MS, now + DAY_MS);
  // What ends a silence may come first: the incident may have ended while this process was away.
  db.run(
    'UPDATE incidents SET remind_ms = ? WHERE silenced IS NOT NULL AND remind_ms < ?',
    ...[now + LOOK_EVERY_MS, now + LOOK_EVERY_MS],
  );
  db.run('DELETE FROM sends WHERE at_ms > ?', now);
}

/** Inside a transaction. */
export function retain(db: Database, channels: readonly ChannelConfig[], now: number): void {
  const ids = channels.map(({ id }) => id);
  for (const row of db.all('SELECT DISTINCT webhook FROM messages')) {
    const id = String(row['webhook']);
    if (!ids.includes(id)) abandon(db, id, now);
    forgetFinal(db, id, now);
  }
  db.run(
    'DELETE FROM incidents WHERE (closed = 1 AND changed_ms < ?) OR changed_ms < ?',
    ...[now - KEEP_CLOSED_MS, now - KEEP_OPEN_MS],
  );
  db.run('DELETE FROM sends WHERE at_ms < ?', now - DAY_MS);
  db.run('DELETE FROM cool_downs WHERE announced_ms < ?', now - KEEP_CLOSED_MS);
}

/** Not at once: the channel may be back with the next edit of the site file. */
function abandon(db: Database, webhook: string, now: number): void {
  db.run(
    `UPDATE messages SET status = 'dying', reason = 'ALERT_FAILED', changed_ms = ?,
       detail = 'the webhook is no longer configured'
     WHERE webhook = ? AND status = 'pending' AND deadline_ms < ?`,
    ...[now, webhook, now],
  );
}

function forgetFinal(db: Database, webhook: string, now: number): void {
  const final = `webhook = ? AND status NOT IN ('pending', 'dying')`;
  db.run(`DELETE FROM messages WHERE ${final} AND changed_ms < ?`, webhook, now - KEEP_FINAL_MS);
  db.run(
    `DELETE FROM messages WHERE ${final} AND seq <= (SELECT seq FROM messages WHERE ${final}
       ORDER BY seq DESC LIMIT 1 OFFSET ?)`,
    ...[webhook, webhook, KEEP_FINAL_ROWS],
  );
}
