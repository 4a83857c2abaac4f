/** Messages that a channel took for some of its receivers: those left get them beside the order. Inside a transaction. */
import type { Database } from '../../runtime/stores/sqlite.ts';
import { RETRY_FOR_MS } from './outbox_silence.ts';

/** `again` of such a row. Its key is that of the message. */
export const REST = -1;

/**
 * The message counts as told, and nothing waits for who is left: they get it as often as it takes, by itself. Of a
 * reminder nothing is left over: the next one says more.
 */
export function addRest(db: Database, seqs: readonly number[], nextMs: number, now: number): void {
  const added = seqs.flatMap((seq) => {
    const row = db.get(
      `INSERT INTO messages (webhook, incident, revision, again, transition, severity, status, body, source_key,
         source_partition, source_offset, captured_ms, entered_ms, changed_ms, next_ms, deadline_ms, attempts)
       SELECT webhook, incident, revision, ${REST}, transition, severity, 'pending', body, source_key,
         source_partition, source_offset, captured_ms, ?, ?, ?, ?, 1 FROM messages WHERE seq = ? AND again = 0
       ON CONFLICT (webhook, incident, revision, again) DO UPDATE SET status = 'pending', body = excluded.body,
         next_ms = excluded.next_ms, deadline_ms = excluded.deadline_ms, attempts = 1, batch = NULL
       RETURNING seq`,
      ...[now, now, Math.round(nextMs), now + RETRY_FOR_MS, seq],
    );
    return row ? [Number(row['seq'])] : [];
  });
  // One message still, which no other joins.
  for (const seq of added) db.run('UPDATE messages SET batch = ? WHERE seq = ?', Math.min(...added), seq);
}
