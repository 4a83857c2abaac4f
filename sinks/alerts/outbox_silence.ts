/** When what has silenced an incident ends while it lasts, it is told; called inside a transaction. */
import type { ChannelConfig } from '../../config/site_alerts.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { nextBoundary } from '../../runtime/schedule.ts';
import type { Database } from '../../runtime/stores/sqlite.ts';
import type { Recalled } from './memory.ts';
import type { Body } from './message.ts';
import { type Silence, silenceAt } from './verdict.ts';

/** How long a message is tried. */
export const RETRY_FOR_MS = 24 * 3_600_000;
/** A mute can be taken back at any time. */
export const LOOK_EVERY_MS = 10_000;

/** What holds now, by an incident. */
export interface Present {
  now: number;
  muted: (incident: Incident) => boolean;
  coolDownMs: (incident: Incident) => number;
  /** What other sinks know, by incident; empty where there are none. */
  recalled: ReadonlyMap<string, Recalled>;
}

/** What a cool-down holds for. */
export function placeOf({ site, rule, camera, zone, line }: Incident): string {
  return JSON.stringify([site, rule, camera, zone ?? line]);
}

/** When the place was announced last, as far as anybody knows. */
export function announcedMs(db: Database, channel: string, place: string, recalled?: Recalled): number | undefined {
  const row = db.get('SELECT announced_ms FROM cool_downs WHERE webhook = ? AND place = ?', channel, place);
  const known = [row && Number(row['announced_ms']), recalled?.announcedMs].filter((at) => at !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}

export function announce(db: Database, channel: string, place: string, ms: number): void {
  db.run('INSERT OR REPLACE INTO cool_downs VALUES (?, ?, ?)', channel, place, ms);
}

/** A row that nobody will be told of began no cool-down: what that has silenced is looked at again. */
export function withdraw(db: Database, seq: number, now: number): void {
  const row = db.get('SELECT webhook, body, captured_ms FROM messages WHERE seq = ? AND body IS NOT NULL', seq);
  if (!row) return;
  const channel = String(row['webhook']);
  const { incident }: Body = JSON.parse(String(row['body']));
  const gone = db.run(
    'DELETE FROM cool_downs WHERE webhook = ? AND place = ? AND announced_ms = ?',
    ...[channel, placeOf(incident), Number(row['captured_ms'])],
  );
  if (gone === 0) return;
  db.run(
    `UPDATE incidents SET remind_ms = ? WHERE webhook = ? AND silenced = 'cool_down' AND remind_ms > ?`,
    ...[now, channel, now],
  );
}

/** What is left of a cool-down; 0: it is over. Absolute: after a clock that went back nobody waits until it has caught up. */
export function restMs(last: number | undefined, ms: number, coolDownMs: number): number {
  return last === undefined ? 0 : Math.max(0, coolDownMs - Math.abs(ms - last));
}

/** When a silence is looked at again. `coolMs`: what is left of the cool-down. */
export function lookAgainMs({ schedule }: ChannelConfig, silence: Silence, now: number, coolMs: number): number {
  if (silence === 'cool_down') return now + Math.ceil(coolMs);
  return silence === 'off_schedule' && schedule ? nextBoundary(schedule, now) : now + LOOK_EVERY_MS;
}

/** @param last JSON of the incident as it was first heard of: it is told as that. */
export function endSilence(db: Database, channel: ChannelConfig, incident: string, last: string, now: Present): void {
  const { incident: about }: Body = JSON.parse(last);
  const place = placeOf(about);
  const cool = now.coolDownMs(about);
  const coolMs = restMs(announcedMs(db, channel.id, place, now.recalled.get(incident)), now.now, cool);
  const silence = silenceAt(channel.schedule, now.now, { muted: now.muted(about), coolingDown: coolMs > 0 });
  const at = [channel.id, incident];
  if (silence !== null) {
    const next = lookAgainMs(channel, silence, now.now, coolMs);
    db.run(
      'UPDATE incidents SET silenced = ?, remind_ms = ? WHERE webhook = ? AND incident = ?',
      ...[silence, next, ...at],
    );
    return;
  }
  db.run('UPDATE incidents SET silenced = NULL, remind_ms = NULL WHERE webhook = ? AND incident = ?', ...at);
  if (cool > 0) announce(db, channel.id, place, now.now);
  if (!channel.transitions.includes('opened')) return;
  db.run(
    `INSERT INTO messages (webhook, incident, revision, transition, severity, status, body, source_key,
       source_partition, source_offset, captured_ms, entered_ms, changed_ms, next_ms, deadline_ms, attempts)
     VALUES (?, ?, ?, ?, ?, 'pending', ?, '', 0, 0, ?, ?, ?, ?, ?, 0)
     ON CONFLICT (webhook, incident, revision, again) DO UPDATE SET status = 'pending', body = excluded.body,
       captured_ms = excluded.captured_ms, entered_ms = excluded.entered_ms, changed_ms = excluded.changed_ms,
       next_ms = excluded.next_ms, deadline_ms = excluded.deadline_ms`,
    ...[channel.id, incident, about.revision, about.transition, about.severity, last],
    ...[now.now, now.now, now.now, now.now, now.now + RETRY_FOR_MS],
  );
}
