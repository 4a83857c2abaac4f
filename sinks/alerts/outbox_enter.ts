/** How a transition gets into the outbox; called inside a transaction. */
import type { ChannelConfig } from '../../config/site_alerts.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import type { Database } from '../../runtime/stores/sqlite.ts';
import { fromTimestamp } from '../../runtime/time.ts';
import type { Decision, Recalled } from './memory.ts';
import { noteTold, repeatMs } from './outbox_remind.ts';
import { concerns, judge, type Known, type Silence, silenceOf } from './verdict.ts';

/** How long a message is tried. */
export const RETRY_FOR_MS = 24 * 3_600_000;

/** A transition on its way in. */
export interface Entry {
  incident: Incident;
  body: string;
  source: { key: string; partition: number; offset: number };
  muted: boolean;
  coolDownMs: number;
  /** What other sinks know of it, by channel; empty where there are none. */
  recalled: ReadonlyMap<string, Recalled>;
}

/** What became of it at one channel. `crowded`: messages that had to give way. */
export interface Entered {
  channel: string;
  action: 'send' | Silence;
  crowded: number;
}

/** @returns undefined where the channel does not want it, or has it already. */
export function enter(
  db: Database,
  entry: Entry,
  channel: ChannelConfig,
  options: { now: number; maxPending: number },
): Entered | undefined {
  const { incident, muted, coolDownMs, source } = entry;
  const { now, maxPending } = options;
  if (!concerns(channel, incident)) return undefined;
  const recalled = entry.recalled.get(channel.id);
  // A receiver has it from another sink.
  if (recalled?.delivered.has(incident.revision)) return undefined;
  const place = placeOf(incident);
  const capturedMs = fromTimestamp(incident.updatedAt);
  const last = later(announcedMs(db, channel.id, place), recalled?.announcedMs);
  const verdict = judge(channel, incident, {
    known: knownBest(knownOf(db, channel.id, incident.id), recalled?.known, incident.revision),
    muted,
    // Absolute: after a clock that went back nobody is silent until it has caught up.
    coolingDown: last !== undefined && Math.abs(capturedMs - last) < coolDownMs,
  });
  if (!verdict) return undefined;
  const { known, action, announces } = verdict;
  keepKnown(db, channel, entry, known, now);
  if (recalled && recalled.delivered.size > 0) noteTold(db, channel, incident.id, now);
  if (announces && coolDownMs > 0) {
    db.run('INSERT OR REPLACE INTO cool_downs VALUES (?, ?, ?)', channel.id, place, capturedMs);
  }
  if (action === 'nothing') return undefined;
  const sends = action === 'send';
  db.run(
    `INSERT INTO messages (webhook, incident, revision, transition, severity, status, body, source_key,
       source_partition, source_offset, captured_ms, entered_ms, changed_ms, next_ms, deadline_ms, attempts)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
    ...[channel.id, incident.id, incident.revision, incident.transition, incident.severity],
    sends ? 'pending' : action,
    ...[sends ? entry.body : null, source.key, source.partition, source.offset],
    ...[capturedMs, now, now, now, now + RETRY_FOR_MS],
  );
  return { channel: channel.id, action, crowded: sends ? makeRoom(db, channel.id, now, maxPending) : 0 };
}

/** What a cool-down holds for. */
export function placeOf({ site, rule, camera, zone, line }: Incident): string {
  return JSON.stringify([site, rule, camera, zone ?? line]);
}

/** What is known here of an incident now, for the other sinks. */
export function decisionsOn(db: Database, incident: Incident, channels: readonly ChannelConfig[]): Decision[] {
  return channels.flatMap(({ id }) => {
    const known = knownOf(db, id, incident.id);
    return known ? [{ webhook: id, known, announcedMs: announcedMs(db, id, placeOf(incident)) }] : [];
  });
}

/**
 * The newer word. What another sink decided on this very transition is no reason to leave it: nobody knows whether that
 * sink lives to send it.
 */
function knownBest(own: Known | undefined, others: Known | undefined, revision: number): Known | undefined {
  if (!others) return own;
  const before = { ...others, revision: Math.min(others.revision, revision - 1) };
  return own && own.revision >= before.revision ? own : before;
}

function later(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}

/** Messages that wait for a channel. */
export function countPending(db: Database, webhook: string): number {
  const row = db.get(`SELECT count(*) AS n FROM messages WHERE webhook = ? AND status = 'pending'`, webhook);
  return Number(row?.['n'] ?? 0);
}

function announcedMs(db: Database, webhook: string, place: string): number | undefined {
  const row = db.get('SELECT announced_ms FROM cool_downs WHERE webhook = ? AND place = ?', webhook, place);
  return row && Number(row['announced_ms']);
}

function knownOf(db: Database, webhook: string, incident: string): Known | undefined {
  const row = db.get('SELECT revision, silenced FROM incidents WHERE webhook = ? AND incident = ?', webhook, incident);
  if (!row) return undefined;
  return { revision: Number(row['revision']), silenced: silenceOf(row['silenced']) ?? null };
}

/** With the body where the channel speaks again of what lasts. */
function keepKnown(db: Database, channel: ChannelConfig, { incident, body }: Entry, known: Known, now: number): void {
  const closed = incident.transition === 'closed';
  const kept = repeatMs(channel) > 0 && !closed && known.silenced === null ? body : null;
  db.run(
    `INSERT INTO incidents (webhook, incident, revision, silenced, closed, changed_ms, body)
       VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET revision = excluded.revision, silenced = excluded.silenced,
       closed = excluded.closed, changed_ms = excluded.changed_ms, body = excluded.body,
       remind_ms = CASE WHEN excluded.closed THEN NULL ELSE remind_ms END`,
    ...[channel.id, incident.id, known.revision, known.silenced, Number(closed), now, kept],
  );
}

/** Oldest first, and updates before what says that something began or ended. */
function makeRoom(db: Database, webhook: string, now: number, maxPending: number): number {
  const excess = countPending(db, webhook) - maxPending;
  if (excess <= 0) return 0;
  return db.run(
    `UPDATE messages SET status = 'dying', reason = 'ALERT_FAILED', changed_ms = ?,
       detail = 'more messages wait for this channel than are kept'
     WHERE seq IN (SELECT seq FROM messages WHERE webhook = ? AND status = 'pending'
       ORDER BY transition <> 'updated', seq LIMIT ?)`,
    ...[now, webhook, excess],
  );
}
