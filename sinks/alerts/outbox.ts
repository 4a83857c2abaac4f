import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ChannelConfig } from '../../config/site_alerts.ts';
import type { ErrorCode } from '../../runtime/errors.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { type Database, openWriter, type Row } from '../../runtime/stores/sqlite.ts';
import type { Decision } from './memory.ts';
import type { Body } from './message.ts';
import { type Adopted, adopt, countPending, decisionsOn, type Entered, type Entry, enter } from './outbox_enter.ts';
import { dueOf, leave, nextReminder, noteTold, remind } from './outbox_remind.ts';
import { addRest, REST } from './outbox_rest.ts';
import { recover, retain } from './outbox_retain.ts';
import { OUTBOX_FILE, OUTBOX_MIGRATIONS, OUTBOX_SCHEMA, OUTBOX_VERSION } from './outbox_schema.ts';
import { type Present, RETRY_FOR_MS, withdraw } from './outbox_silence.ts';
import { HOUR_MS, type Plan, type WaitingRow } from './plan.ts';

/** What goes out as one message. */
export interface Waiting {
  /** In order; at least one. */
  rows: readonly { seq: number; key: string; body: string; capturedMs: number; reminder: boolean; health: boolean }[];
  /** Some of the channel's receivers have it, and it is for the others. */
  rest: boolean;
  nextMs: number;
  deadlineMs: number;
  attempts: number;
}

/** A message that was given up. */
export interface Letter {
  seq: number;
  channel: string;
  key: string;
  body: string;
  reason: ErrorCode;
  detail: string;
  source: { key: string; partition: number; offset: number };
}

/** Of a channel, at a time. */
const LOOKED_AT = 1_000;

/**
 * What has to be sent, durable in SQLite. Every change is one transaction. Times are epoch ms.
 * Every method throws BanksmanError STORE_FULL or STORE_FAILED and may then be called again.
 */
export class Outbox {
  readonly #path: string;
  readonly #maxPending: number;
  #opened: Database | undefined;

  constructor(dataDir: string, options: { maxPending: number }) {
    this.#path = join(dataDir, OUTBOX_FILE);
    this.#maxPending = options.maxPending;
  }

  /** Decides for every channel, once and for all; a transition that comes again changes nothing. */
  enter(entry: Entry, channels: readonly ChannelConfig[], now: number): Entered[] {
    const options = { now, maxPending: this.#maxPending };
    return this.#db.transaction(() => channels.flatMap((channel) => enter(this.#db, entry, channel, options) ?? []));
  }

  /** What has been decided on an incident, by channel. */
  decisions(incident: Incident, channels: readonly ChannelConfig[]): Omit<Decision, 'owed'>[] {
    return decisionsOn(this.#db, incident, channels);
  }

  /** What other sinks know this one by, for as long as the file is there. `isNew`: there was no file before. */
  identity(): { id: string; isNew: boolean } {
    return this.#db.transaction(() => {
      const row = this.#db.get('SELECT id FROM sink');
      if (row) return { id: String(row['id']), isNew: false };
      const isNew = this.#db.get('SELECT 1 FROM incidents LIMIT 1') === undefined;
      const id = randomUUID();
      this.#db.run('INSERT INTO sink VALUES (1, ?)', id);
      return { id, isNew };
    });
  }

  /**
   * Takes over what another sink had to send, in order; it goes out before all that is here already.
   * @returns how many are new here
   */
  adopt(found: readonly Adopted[], now: number): number {
    return this.#db.transaction(() => adopt(this.#db, found, now));
  }

  /** Whether a transition waits for a channel here. */
  owes(channel: string, incident: string, revision: number): boolean {
    return this.#statusOf(channel, incident, revision) === 'pending';
  }

  /** Whether it was decided here what becomes of a transition, and that not by leaving it to another sink. */
  has(channel: string, incident: string, revision: number): boolean {
    const status = this.#statusOf(channel, incident, revision);
    return status !== undefined && status !== 'left';
  }

  #statusOf(channel: string, incident: string, revision: number): string | undefined {
    const row = this.#db.get(
      'SELECT status FROM messages WHERE webhook = ? AND incident = ? AND revision = ? AND again = 0',
      ...[channel, incident, revision],
    );
    return row && String(row['status']);
  }

  /** Another sink has it to send, and sees to what lasts; it may come back here. */
  leave(channel: string, seqs: readonly number[], now: number): void {
    this.#db.transaction(() => {
      for (const seq of seqs) {
        const row = this.#db.get('SELECT incident FROM messages WHERE seq = ?', seq);
        this.#end(seq, 'left', now);
        if (row) leave(this.#db, channel, String(row['incident']));
      }
    });
  }

  /** Of rows, whatever became of them. */
  keysOf(seqs: readonly number[]): string[] {
    return seqs.flatMap((seq) => {
      const row = this.#db.get('SELECT incident, revision, again FROM messages WHERE seq = ?', seq);
      return row ? [keyOf(row)] : [];
    });
  }

  pending(channel: string): number {
    return countPending(this.#db, channel);
  }

  /** What lasts and has to be looked at. */
  due(channel: string, now: number): Incident[] {
    return dueOf(this.#db, channel, now).map((body): Incident => JSON.parse(body).incident);
  }

  /**
   * Enters reminders that are due, and openings whose silence is over.
   * @returns when to look again; Infinity: nothing lasts
   */
  remind(channel: ChannelConfig, present: Present): number {
    const due = nextReminder(this.#db, channel.id) ?? Number.POSITIVE_INFINITY;
    if (due > present.now) return due;
    this.#db.transaction(() => remind(this.#db, channel, present));
    return nextReminder(this.#db, channel.id) ?? Number.POSITIVE_INFINITY;
  }

  /** The row to send next, due or not: never one whose incident has an earlier one waiting. */
  next(channel: string): Waiting | undefined {
    const row = this.#db.get(
      `SELECT * FROM messages AS m WHERE webhook = ? AND status = 'pending' AND NOT EXISTS (
         SELECT 1 FROM messages AS earlier WHERE earlier.webhook = m.webhook AND earlier.incident = m.incident
           AND earlier.revision < m.revision AND earlier.again <> ${REST} AND earlier.status = 'pending')
       ORDER BY next_ms, seq LIMIT 1`,
      channel,
    );
    return row && toWaiting([row]);
  }

  /** What waits for a channel, the gravest first where there is more than is looked at; in order. */
  waiting(channel: string): WaitingRow[] {
    const rows = this.#db.all(
      `SELECT m.seq, m.incident, m.severity, json_extract(m.body, '$.incident.type') AS type, m.entered_ms, m.captured_ms,
         m.next_ms, m.batch, m.again, i.told_ms, i.closed
       FROM messages AS m INDEXED BY messages_held LEFT JOIN incidents AS i ON i.webhook = m.webhook AND i.incident = m.incident
       WHERE m.webhook = ? AND m.status = 'pending'
       ORDER BY m.batch IS NULL, m.severity <> 'critical', m.seq LIMIT ?`,
      ...[channel, LOOKED_AT],
    );
    return rows.map(toWaitingRow).sort((a, b) => a.seq - b.seq);
  }

  /** When messages went out during the last hour, where that is limited; oldest first. */
  sends(channel: string, now: number): number[] {
    const rows = this.#db.all('SELECT at_ms FROM sends WHERE webhook = ? AND at_ms > ?', channel, now - HOUR_MS);
    return rows.map((row) => Number(row['at_ms'])).sort((a, b) => a - b);
  }

  /**
   * Does what was planned: from now on these rows are one message, whatever comes. Their time begins with the first
   * attempt, as they may have been held for long.
   */
  begin({ send, drop }: Plan, now: number): Waiting | undefined {
    return this.#db.transaction(() => {
      for (const { seq, why } of drop) {
        withdraw(this.#db, seq, now);
        this.#end(seq, why, now);
      }
      const [first] = send;
      if (first === undefined) return undefined;
      for (const seq of send) {
        this.#db.run(
          `UPDATE messages SET batch = ?, deadline_ms = CASE WHEN attempts = 0 THEN max(deadline_ms, ?) ELSE deadline_ms END
           WHERE seq = ? AND batch IS NULL`,
          ...[first, now + RETRY_FOR_MS, seq],
        );
      }
      const rows: Row[] = [];
      for (const seq of send) {
        const row = this.#db.get(`SELECT * FROM messages WHERE seq = ? AND status = 'pending'`, seq);
        if (row) rows.push(row);
      }
      return toWaiting(rows);
    });
  }

  /** `limited`: counts against messages an hour. `leftMs`: some receivers do not have it, and get it then. */
  sent(
    channel: ChannelConfig,
    seqs: readonly number[],
    now: number,
    { limited = false, leftMs }: { limited?: boolean; leftMs?: number } = {},
  ): void {
    this.#db.transaction(() => {
      if (leftMs !== undefined) addRest(this.#db, seqs, leftMs, now);
      for (const seq of seqs) {
        const row = this.#db.get('SELECT incident FROM messages WHERE seq = ?', seq);
        this.#end(seq, 'sent', now);
        if (row) noteTold(this.#db, channel, String(row['incident']), now);
      }
      if (limited) this.#db.run('INSERT INTO sends VALUES (?, ?)', channel.id, now);
    });
  }

  failed(seqs: readonly number[], detail: string, nextMs: number, now: number): void {
    this.#db.transaction(() => {
      for (const seq of seqs) {
        this.#db.run(
          `UPDATE messages SET attempts = attempts + 1, detail = ?, next_ms = ?, changed_ms = ?
           WHERE seq = ? AND status = 'pending'`,
          ...[detail, Math.round(nextMs), now, seq],
        );
      }
    });
  }

  /** Its letters are due. A reminder has none: the next one says more. */
  giveUp(seqs: readonly number[], reason: ErrorCode, detail: string, now: number): void {
    this.#db.transaction(() => {
      for (const seq of seqs) {
        this.#db.run(`DELETE FROM messages WHERE seq = ? AND again > 0 AND status = 'pending'`, seq);
        this.#db.run(
          `UPDATE messages SET status = 'dying', attempts = attempts + 1, reason = ?, detail = ?, changed_ms = ?
           WHERE seq = ? AND status = 'pending'`,
          ...[reason, detail, now, seq],
        );
      }
    });
  }

  /** Final. Reminders are no record of anything. */
  #end(seq: number, status: string, now: number): void {
    this.#db.run(`DELETE FROM messages WHERE seq = ? AND again > 0 AND status = 'pending'`, seq);
    this.#db.run(
      `UPDATE messages SET status = ?, body = NULL, reason = NULL, detail = NULL, changed_ms = ?
       WHERE seq = ? AND status = 'pending'`,
      ...[status, now, seq],
    );
  }

  /** Letters that are not on the bus yet, oldest first. */
  letters(limit: number): Letter[] {
    const rows = this.#db.all(`SELECT * FROM messages WHERE status = 'dying' ORDER BY seq LIMIT ?`, limit);
    return rows.map((row) => ({
      seq: Number(row['seq']),
      channel: String(row['webhook']),
      key: keyOf(row),
      body: String(row['body']),
      reason: row['reason'] === 'ALERT_REFUSED' ? 'ALERT_REFUSED' : 'ALERT_FAILED',
      detail: String(row['detail']),
      source: {
        key: String(row['source_key']),
        partition: Number(row['source_partition']),
        offset: Number(row['source_offset']),
      },
    }));
  }

  posted(seq: number, now: number): void {
    this.#db.run(`UPDATE messages SET status = 'dead', changed_ms = ? WHERE seq = ?`, now, seq);
  }

  /**
   * What was given up waits again, as if it had just come in. May be called beside the sink, by another process.
   * @returns rows
   */
  redeliver(channel: string, now: number): number {
    return this.#db.run(
      `UPDATE messages SET status = 'pending', attempts = 0, batch = NULL, reason = NULL, entered_ms = ?, changed_ms = ?,
         next_ms = ?, deadline_ms = ?
       WHERE webhook = ? AND status = 'dead' AND body IS NOT NULL`,
      ...[now, now, now, now + RETRY_FOR_MS, channel],
    );
  }

  /** Writes something, durably. Throws where nothing can be kept now. */
  check(now: number): void {
    this.#db.run('INSERT OR REPLACE INTO alive VALUES (1, ?)', now);
  }

  /** After a start: times of another process, perhaps of another clock, must not hold a message back or end it. */
  recover(now: number): void {
    recover(this.#db, now);
  }

  /** Gives up what waits for a channel that is no longer configured; forgets what is long over. */
  retain(channels: readonly ChannelConfig[], now: number): void {
    this.#db.transaction(() => retain(this.#db, channels, now));
  }

  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
  }

  /** Opened at first use, and again after a failure: a full disk passes. */
  get #db(): Database {
    if (this.#opened) return this.#opened;
    const db = openWriter(this.#path, {
      synchronous: 'full',
      schema: OUTBOX_SCHEMA,
      version: OUTBOX_VERSION,
      migrations: OUTBOX_MIGRATIONS,
    });
    // Of 4 KB each. Messages are small and come one by one: their log must not be what fills a small disk.
    db.exec('PRAGMA wal_autocheckpoint = 200');
    this.#opened = db;
    return db;
  }
}

function keyOf(row: Row): string {
  const again = Number(row['again']);
  return `${String(row['incident'])}/${Number(row['revision'])}${again > 0 ? `.${again}` : ''}`;
}

function toWaiting(rows: readonly Row[]): Waiting | undefined {
  const [first] = rows;
  if (!first) return undefined;
  return {
    rows: rows.map((row) => ({
      seq: Number(row['seq']),
      key: keyOf(row),
      body: String(row['body']),
      capturedMs: Number(row['captured_ms']),
      reminder: Number(row['again']) > 0,
      health: isHealth(bodyOf(row).incident.type),
    })),
    rest: Number(first['again']) === REST,
    nextMs: Number(first['next_ms']),
    deadlineMs: Number(first['deadline_ms']),
    attempts: Number(first['attempts']),
  };
}

function bodyOf(row: Row): Body {
  return JSON.parse(String(row['body']));
}

function isHealth(type: unknown): boolean {
  return type === 'camera_offline';
}

function toWaitingRow(row: Row): WaitingRow {
  return {
    seq: Number(row['seq']),
    incident: String(row['incident']),
    critical: row['severity'] === 'critical',
    health: isHealth(row['type']),
    enteredMs: Number(row['entered_ms']),
    capturedMs: Number(row['captured_ms']),
    nextMs: Number(row['next_ms']),
    batch: row['batch'] === null ? null : Number(row['batch']),
    rest: Number(row['again']) === REST,
    told: row['told_ms'] !== null,
    over: row['closed'] === 1,
  };
}
