/** What a channel was told of an incident, and that it speaks again of one that lasts; called inside a transaction. */
import type { ChannelConfig } from '../../config/site_alerts.ts';
import { isActive, nextBoundary } from '../../runtime/schedule.ts';
import type { Database } from '../../runtime/stores/sqlite.ts';
import { type Body, reminderBody } from './message.ts';
import { REST } from './outbox_rest.ts';
import { endSilence, type Present } from './outbox_silence.ts';

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

/** When something that lasts has to be looked at; undefined: nothing does. */
export function nextReminder(db: Database, channel: string): number | undefined {
  const row = db.get('SELECT min(remind_ms) AS at FROM incidents WHERE webhook = ? AND remind_ms IS NOT NULL', channel);
  return typeof row?.['at'] === 'number' ? row['at'] : undefined;
}

/** Bodies of the incidents that have to be looked at. */
export function dueOf(db: Database, channel: string, now: number): string[] {
  const due = db.all(
    'SELECT body FROM incidents WHERE webhook = ? AND remind_ms <= ? AND body IS NOT NULL ORDER BY remind_ms LIMIT ?',
    ...[channel, now, MOST],
  );
  return due.map(({ body }) => String(body));
}

/** Enters what is due: of what was told a reminder, of what was silenced the opening. */
export function remind(db: Database, channel: ChannelConfig, present: Present): void {
  const { now } = present;
  const due = db.all(
    `SELECT incident, revision, silenced, reminders, body FROM incidents
     WHERE webhook = ? AND remind_ms <= ? ORDER BY remind_ms LIMIT ?`,
    ...[channel.id, now, MOST],
  );
  for (const row of due) {
    const { silenced, body } = row;
    const incident = String(row['incident']);
    const elsewhere = present.recalled.get(incident)?.known?.revision ?? 0;
    // Another sink has it now, or the channel speaks of what lasts no more.
    if (body === null || elsewhere > Number(row['revision']) || (silenced === null && repeatMs(channel) === 0))
      leave(db, channel.id, incident);
    else if (silenced !== null) endSilence(db, channel, incident, String(body), present);
    else remindOf(db, channel, { incident, body: String(body), count: Number(row['reminders']) + 1 }, present);
  }
}

/** Nothing more is said of it here while it lasts. */
export function leave(db: Database, channel: string, incident: string): void {
  db.run(
    'UPDATE incidents SET remind_ms = NULL, body = NULL WHERE webhook = ? AND incident = ?',
    ...[channel, incident],
  );
}

/** Nothing for an incident of which something waits already: a channel that is away gets no pile. */
function remindOf(
  db: Database,
  channel: ChannelConfig,
  { incident, body, count }: { incident: string; body: string; count: number },
  { now, muted }: Present,
): void {
  const { incident: last }: Body = JSON.parse(body);
  const waits = db.get(
    `SELECT 1 FROM messages WHERE webhook = ? AND incident = ? AND again <> ${REST} AND status = 'pending'`,
    ...[channel.id, incident],
  );
  // Alertmanager is told that it lasts; whether people hear of that is its own business.
  const schedule = channel.type === 'alertmanager' ? null : channel.schedule;
  const off = schedule !== null && !isActive(schedule, now);
  const quiet = waits !== undefined || off || (channel.type !== 'alertmanager' && muted(last));
  db.run(
    'UPDATE incidents SET remind_ms = ?, reminders = ? WHERE webhook = ? AND incident = ?',
    ...[off ? nextBoundary(schedule, now) : now + repeatMs(channel), quiet ? count - 1 : count, channel.id, incident],
  );
  if (quiet) return;
  db.run(
    `INSERT INTO messages (webhook, incident, revision, again, transition, severity, status, body, source_key,
       source_partition, source_offset, captured_ms, entered_ms, changed_ms, next_ms, deadline_ms, attempts)
     VALUES (?, ?, ?, ?, 'reminder', ?, 'pending', ?, '', 0, 0, ?, ?, ?, ?, ?, 0)`,
    ...[channel.id, incident, last.revision, count, last.severity, reminderBody(body, count, now)],
    ...[now, now, now, now, now + TRY_FOR_MS],
  );
}
