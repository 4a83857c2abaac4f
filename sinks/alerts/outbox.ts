import { join } from 'node:path';
import type { WebhookConfig } from '../../config/site.ts';
import type { ErrorCode } from '../../runtime/errors.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { type Database, openWriter, type Row } from '../../runtime/stores/sqlite.ts';
import type { Decision } from './memory.ts';
import { countPending, decisionsOn, type Entered, type Entry, enter } from './outbox_enter.ts';
import { recover, retain } from './outbox_retain.ts';
import { OUTBOX_FILE, OUTBOX_SCHEMA, OUTBOX_VERSION } from './outbox_schema.ts';

/** A message that waits for delivery. */
export interface Waiting {
  seq: number;
  key: string;
  body: string;
  capturedMs: number;
  nextMs: number;
  deadlineMs: number;
  attempts: number;
}

/** A message that was given up. */
export interface Letter {
  seq: number;
  webhook: string;
  key: string;
  body: string;
  reason: ErrorCode;
  detail: string;
  source: { key: string; partition: number; offset: number };
}

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

  /** Decides for every webhook, once and for all; a transition that comes again changes nothing. */
  enter(entry: Entry, webhooks: readonly WebhookConfig[], now: number): Entered[] {
    const options = { now, maxPending: this.#maxPending };
    return this.#db.transaction(() => webhooks.flatMap((webhook) => enter(this.#db, entry, webhook, options) ?? []));
  }

  /** What has been decided on an incident, by webhook. */
  decisions(incident: Incident, webhooks: readonly WebhookConfig[]): Decision[] {
    return decisionsOn(this.#db, incident, webhooks);
  }

  pending(webhook: string): number {
    return countPending(this.#db, webhook);
  }

  /** The message to send next, due or not: never one whose incident has an earlier one waiting. */
  next(webhook: string): Waiting | undefined {
    const row = this.#db.get(
      `SELECT * FROM messages AS m WHERE webhook = ? AND status = 'pending' AND NOT EXISTS (
         SELECT 1 FROM messages AS earlier WHERE earlier.webhook = m.webhook AND earlier.incident = m.incident
           AND earlier.revision < m.revision AND earlier.status = 'pending')
       ORDER BY next_ms, seq LIMIT 1`,
      webhook,
    );
    if (!row) return undefined;
    return {
      seq: Number(row['seq']),
      key: keyOf(row),
      body: String(row['body']),
      capturedMs: Number(row['captured_ms']),
      nextMs: Number(row['next_ms']),
      deadlineMs: Number(row['deadline_ms']),
      attempts: Number(row['attempts']),
    };
  }

  sent(seq: number, now: number): void {
    this.#db.run(
      `UPDATE messages SET status = 'sent', body = NULL, reason = NULL, detail = NULL, changed_ms = ?
       WHERE seq = ? AND status = 'pending'`,
      ...[now, seq],
    );
  }

  failed(seq: number, detail: string, nextMs: number, now: number): void {
    this.#db.run(
      `UPDATE messages SET attempts = attempts + 1, detail = ?, next_ms = ?, changed_ms = ?
       WHERE seq = ? AND status = 'pending'`,
      ...[detail, Math.round(nextMs), now, seq],
    );
  }

  /** Its letter is due. */
  giveUp(seq: number, reason: ErrorCode, detail: string, now: number): void {
    this.#db.run(
      `UPDATE messages SET status = 'dying', attempts = attempts + 1, reason = ?, detail = ?, changed_ms = ?
       WHERE seq = ? AND status = 'pending'`,
      ...[reason, detail, now, seq],
    );
  }

  /** Letters that are not on the bus yet, oldest first. */
  letters(limit: number): Letter[] {
    const rows = this.#db.all(`SELECT * FROM messages WHERE status = 'dying' ORDER BY seq LIMIT ?`, limit);
    return rows.map((row) => ({
      seq: Number(row['seq']),
      webhook: String(row['webhook']),
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

  /** After a start: times of another process, perhaps of another clock, must not hold a message back or end it. */
  recover(now: number): void {
    recover(this.#db, now);
  }

  /** Gives up what waits for a webhook that is no longer configured; forgets what is long over. */
  retain(webhooks: readonly WebhookConfig[], now: number): void {
    this.#db.transaction(() => retain(this.#db, webhooks, now));
  }

  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
  }

  /** Opened at first use, and again after a failure: a full disk passes. */
  get #db(): Database {
    if (this.#opened) return this.#opened;
    const db = openWriter(this.#path, { synchronous: 'full', schema: OUTBOX_SCHEMA, version: OUTBOX_VERSION });
    // Of 4 KB each. Messages are small and come one by one: their log must not be what fills a small disk.
    db.exec('PRAGMA wal_autocheckpoint = 200');
    this.#opened = db;
    return db;
  }
}

function keyOf(row: Row): string {
  return `${String(row['incident'])}/${Number(row['revision'])}`;
}
