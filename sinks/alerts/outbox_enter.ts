/** How a transition gets into the outbox; called inside a transaction. */
import type { ChannelConfig } from '../../config/site_alerts.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import type { Database } from '../../runtime/stores/sqlite.ts';
import { fromTimestamp } from '../../runtime/time.ts';
import type { Decision, Recalled } from './memory.ts';
import { noteTold, repeatMs } from './outbox_remind.ts';
import { announce, announcedMs, lookAgainMs, placeOf, RETRY_FOR_MS, restMs } from './outbox_silence.ts';
import { concerns, judge, type Known, type Silence, silenceOf } from './verdict.ts';

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

/** What became of it at one channel. `nothing`: its silence has to be looked at. `crowded`: messages that had to give way. */
export interface Entered {
  channel: string;
  action: 'send' | 'nothing' | Silence;
  crowded: number;
}

/** @returns undefined where the channel does not want it, or has it already. */
export function enter(
  db: Database,
  entry: Entry,
  channel: ChannelConfig,
  options: { now: number; maxPending: number },
): Entered | undefined {
  const { incident, source } = entry;
  // Annotations are a record, not a message.
  const [muted, coolDownMs] = channel.type === 'grafana' ? [false, 0] : [entry.muted, entry.coolDownMs];
  const { now, maxPending } = options;
  if (!concerns(channel, incident)) return undefined;
  const recalled = entry.recalled.get(channel.id);
  // A receiver has it from another sink.
  if (recalled?.delivered.has(incident.revision)) return undefined;
  const place = placeOf(incident);
  const capturedMs = fromTimestamp(incident.updatedAt);
  const coolMs = restMs(announcedMs(db, channel.id, place, recalled), capturedMs, coolDownMs);
  const verdict = judge(channel, incident, {
    known: knownBest(knownOf(db, channel.id, incident.id), recalled, incident.revision),
    muted,
    coolingDown: coolMs > 0,
  });
  if (!verdict) return undefined;
  const { known, action, announces } = verdict;
  const { silenced } = known;
  keepKnown(db, channel, entry, known, {
    now,
    lookMs: silenced === null ? null : lookAgainMs(channel, silenced, now, coolMs),
  });
  if (recalled && recalled.delivered.size > 0) noteTold(db, channel, incident.id, now);
  if (announces && coolDownMs > 0) announce(db, channel.id, place, capturedMs);
  if (action === 'nothing') return silenced === null ? undefined : { channel: channel.id, action, crowded: 0 };
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

/** What another sink had decided to send over a channel. */
export interface Adopted {
  channel: ChannelConfig;
  entry: Entry;
}

/**
 * In order, and older than all that came in here: so it goes out before later word on its incidents.
 * @returns how many are new here
 */
export function adopt(db: Database, found: readonly Adopted[], now: number): number {
  const first = Number(db.get('SELECT min(seq) AS seq FROM messages')?.['seq'] ?? 0) - found.length;
  return found.reduce((taken, one, index) => taken + adoptOne(db, one, { seq: first + index, now }), 0);
}

function adoptOne(db: Database, { channel, entry }: Adopted, { seq, now }: { seq: number; now: number }): number {
  const { incident, body, source, recalled } = entry;
  const known = knownOf(db, channel.id, incident.id);
  if (!known || known.revision < incident.revision) {
    keepKnown(db, channel, entry, { revision: incident.revision, silenced: null }, { now, lookMs: null });
  }
  if ((recalled.get(channel.id)?.delivered.size ?? 0) > 0) noteTold(db, channel, incident.id, now);
  return db.run(
    `INSERT INTO messages (seq, webhook, incident, revision, transition, severity, status, body, source_key,
       source_partition, source_offset, captured_ms, entered_ms, changed_ms, next_ms, deadline_ms, attempts)
     VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
     ON CONFLICT (webhook, incident, revision, again) DO UPDATE SET status = 'pending', body = excluded.body,
       changed_ms = excluded.changed_ms, entered_ms = excluded.entered_ms, next_ms = excluded.next_ms,
       deadline_ms = excluded.deadline_ms, attempts = 0, batch = NULL WHERE status = 'left'`,
    ...[seq, channel.id, incident.id, incident.revision, incident.transition, incident.severity, body],
    ...[source.key, source.partition, source.offset, fromTimestamp(incident.updatedAt), now, now, now],
    now + RETRY_FOR_MS,
  );
}

/** What is known here of an incident now, for the other sinks. */
export function decisionsOn(
  db: Database,
  incident: Incident,
  channels: readonly ChannelConfig[],
): Omit<Decision, 'owed'>[] {
  return channels.flatMap(({ id, escalate_after_s }) => {
    const known = knownOf(db, id, incident.id);
    if (!known) return [];
    // What waits to be escalated may never be told: others must not be silent for it.
    const announced = escalate_after_s > 0 ? undefined : announcedMs(db, id, placeOf(incident));
    return [{ webhook: id, known, announcedMs: announced }];
  });
}

/**
 * The newer word. What another sink decided on this very transition is no reason to leave it: nobody knows whether that
 * sink lives to send it. Where a receiver took anything, people know of the incident, however it was decided on first.
 */
function knownBest(own: Known | undefined, recalled: Recalled | undefined, revision: number): Known | undefined {
  const told = recalled !== undefined && recalled.delivered.size > 0;
  const heard = (known: Known): Known => (told ? { ...known, silenced: null } : known);
  const others = recalled?.known;
  if (!others) return own && heard(own);
  const before = { ...others, revision: Math.min(others.revision, revision - 1) };
  return heard(own && own.revision >= before.revision ? own : before);
}

/** Messages that wait for a channel. */
export function countPending(db: Database, webhook: string): number {
  const row = db.get(`SELECT count(*) AS n FROM messages WHERE webhook = ? AND status = 'pending'`, webhook);
  return Number(row?.['n'] ?? 0);
}

function knownOf(db: Database, webhook: string, incident: string): Known | undefined {
  const row = db.get('SELECT revision, silenced FROM incidents WHERE webhook = ? AND incident = ?', webhook, incident);
  if (!row) return undefined;
  return { revision: Number(row['revision']), silenced: silenceOf(row['silenced']) ?? null };
}

/**
 * With a body while there may be more to say: where the channel speaks again of what lasts the newest, and of what is
 * silenced the first, which is told when the silence ends.
 */
function keepKnown(
  db: Database,
  channel: ChannelConfig,
  { incident, body }: Entry,
  { revision, silenced }: Known,
  { now, lookMs }: { now: number; lookMs: number | null },
): void {
  const closed = incident.transition === 'closed';
  const kept = !closed && (silenced !== null || repeatMs(channel) > 0);
  db.run(
    `INSERT INTO incidents (webhook, incident, revision, silenced, closed, changed_ms, body, remind_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET revision = excluded.revision, silenced = excluded.silenced,
       closed = excluded.closed, changed_ms = excluded.changed_ms,
       body = CASE WHEN excluded.body IS NOT NULL AND excluded.silenced IS NOT NULL
         THEN coalesce(body, excluded.body) ELSE excluded.body END,
       remind_ms = CASE WHEN excluded.closed OR excluded.silenced IS NOT NULL OR silenced IS NOT NULL
         THEN excluded.remind_ms ELSE remind_ms END`,
    ...[channel.id, incident.id, revision, silenced, Number(closed), now, kept ? body : null],
    closed ? null : lookMs,
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
