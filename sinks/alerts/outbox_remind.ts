/** What a channel was told of an incident, and that it speaks again of one that lasts; called inside a transaction. */
import type { ChannelConfig } from '../../config/site_alerts.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import type { Database } from '../../runtime/stores/sqlite.ts';
import { type Body, reminderBody } from './message.ts';

/** A reminder that nobody takes is not worth a day: the next one says more. */
const TRY_FOR_MS = 3_600_000;
/** At a time. */
const MOST = 500;

/** Between two messages about an incident that lasts, ms; 0: there is no second one. */
export function repeatMs(channel: ChannelConfig): number {
  return (channel.type === 'alertmanager' ? channel.renew_s : channel.realert_s) * 1000;
}

/** The channel has a message about the incident: the next one is due so long after. */
export function noteTold(db: Database, channel: ChannelConfig, incident: string, now: number): void {
  const repeat = repeatMs(channel);
  db.run(
    `UPDATE incidents SET told_ms = coalesce(told_ms, ?), remind_ms = CASE WHEN closed OR body IS NULL THEN NULL ELSE ? END
     WHERE webhook = ? AND incident = ?`,
    ...[now, repeat > 0 ? now + repeat : null, channel.id, incident],
  );
}

/** When the next reminder is due; undefined: none is. */
export function nextReminder(db: Database, channel: string): number | undefined {
  const row = db.get('SELECT min(remind_ms) AS at FROM incidents WHERE webhook = ? AND remind_ms IS NOT NULL', channel);
  return typeof row?.['at'] === 'number' ? row['at'] : undefined;
}

/**
 * Enters what is due. Nothing for an incident of which something waits already: a channel that is away gets no pile.
 * @param silenced whether a mute holds now
 */
export function remind(
  db: Database,
  channel: ChannelConfig,
  now: number,
  silenced: (incident: Incident) => boolean,
): void {
  const due = db.all(
    `SELECT incident, revision, reminders, body FROM incidents
     WHERE webhook = ? AND remind_ms <= ? ORDER BY remind_ms LIMIT ?`,
    ...[channel.id, now, MOST],
  );
  for (const { incident, revision, reminders, body } of due) {
    const count = Number(reminders) + 1;
    const { incident: last }: Body = JSON.parse(String(body));
    const waits = db.get(
      `SELECT 1 FROM messages WHERE webhook = ? AND incident = ? AND status = 'pending'`,
      ...[channel.id, String(incident)],
    );
    // Alertmanager is told that it lasts; whether people hear of that is its own business.
    const quiet = waits !== undefined || (channel.type !== 'alertmanager' && silenced(last));
    db.run(
      'UPDATE incidents SET remind_ms = ?, reminders = ? WHERE webhook = ? AND incident = ?',
      ...[now + repeatMs(channel), quiet ? Number(reminders) : count, channel.id, String(incident)],
    );
    if (quiet) continue;
    db.run(
      `INSERT INTO messages (webhook, incident, revision, again, transition, severity, status, body, source_key,
         source_partition, source_offset, captured_ms, entered_ms, changed_ms, next_ms, deadline_ms, attempts)
       VALUES (?, ?, ?, ?, 'reminder', ?, 'pending', ?, '', 0, 0, ?, ?, ?, ?, ?, 0)`,
      ...[channel.id, String(incident), Number(revision), count, last.severity, reminderBody(String(body), count, now)],
      ...[now, now, now, now, now + TRY_FOR_MS],
    );
  }
}
