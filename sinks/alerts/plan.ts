/**
 * What of a channel's waiting rows goes out now, as one message, and when to look again. Pure: rows, the time and what
 * the channel wants decide; so quiet hours, grouping, limits and escalation are the same after a crash.
 */
import { type ChannelConfig, HEALTH_WAIT_S } from '../../config/site_alerts.ts';
import { isActive, nextBoundary } from '../../runtime/schedule.ts';

/** A row that waits. Times are epoch ms of the sink's clock. */
export interface WaitingRow {
  seq: number;
  incident: string;
  critical: boolean;
  /** Of a camera's health: nobody is in danger. */
  health: boolean;
  enteredMs: number;
  /** Of its transition. */
  capturedMs: number;
  /** After a failure not before this. */
  nextMs: number;
  /** Rows of one message that was tried before: they stay together. */
  batch: number | null;
  /** Only for receivers that were left out: nothing waits for it. */
  rest: boolean;
  /** The channel has had a message about its incident. */
  told: boolean;
  /** Its incident has closed. */
  over: boolean;
}

export type Policy = Pick<ChannelConfig, 'quiet_hours' | 'group_wait_s' | 'max_per_hour' | 'escalate_after_s'> & {
  /** Whatever is ready goes together. */
  together: boolean;
};

export interface Circumstances {
  now: number;
  /** When messages went out during the last hour, oldest first. */
  sends: readonly number[];
  /** Whether somebody has judged the incident. */
  acknowledged: (incident: string) => boolean;
}

export interface Plan {
  /** Goes as one message, in order; empty: nothing does. */
  send: number[];
  /** Is not worth telling any more. */
  drop: { seq: number; why: 'acknowledged' | 'over' }[];
  /** When to look again unless something comes in; Infinity: only then. */
  nextMs: number;
}

export const HOUR_MS = 3_600_000;
/** Messages in one. */
const MOST = 100;

/** Channels without any of this send each row as it comes. */
export function policyOf(channel: ChannelConfig): Policy | null {
  const { type, quiet_hours, group_wait_s, max_per_hour, escalate_after_s } = channel;
  const together = type === 'alertmanager' || group_wait_s !== 0 || max_per_hour !== null;
  if (!together && !holds(channel, { health: true })) return null;
  return { quiet_hours, group_wait_s, max_per_hour, escalate_after_s, together };
}

/** Whether a row may have waited on purpose. */
export function holds(
  { quiet_hours, group_wait_s, max_per_hour, escalate_after_s }: Omit<Policy, 'together'>,
  row: Pick<WaitingRow, 'health'>,
): boolean {
  return quiet_hours !== null || companyS(group_wait_s, row) > 0 || max_per_hour !== null || escalate_after_s > 0;
}

/** How long a row waits for company. */
function companyS(group_wait_s: number | null, { health }: Pick<WaitingRow, 'health'>): number {
  return group_wait_s ?? (health ? HEALTH_WAIT_S : 0);
}

/** @param rows by `seq` */
export function plan(rows: readonly WaitingRow[], policy: Policy, circumstances: Circumstances): Plan {
  const { now } = circumstances;
  const tried = triedBefore(rows);
  const due = [...tried].filter(([, one]) => one.nextMs <= now).sort(([, a], [, b]) => a.nextMs - b.nextMs)[0];
  if (due) return { send: due[1].seqs, drop: [], nextMs: now };
  let nextMs = Math.min(...[...tried.values()].map((one) => one.nextMs));
  const waitUntil = (ms: number): void => {
    nextMs = Math.min(nextMs, ms);
  };
  // Of an incident nothing goes past what failed.
  const blocked = new Set(rows.filter(({ batch, rest }) => batch !== null && !rest).map(({ incident }) => incident));
  const fresh = rows.filter(({ batch, incident }) => batch === null && !blocked.has(incident));
  const { ready, drop } = release(fresh, policy, circumstances, waitUntil);
  const send = choose(ready, policy, circumstances, waitUntil);
  return { send, drop, nextMs };
}

function triedBefore(rows: readonly WaitingRow[]): Map<number, { seqs: number[]; nextMs: number }> {
  const tried = new Map<number, { seqs: number[]; nextMs: number }>();
  for (const { batch, seq, nextMs } of rows) {
    if (batch === null) continue;
    const one = tried.get(batch) ?? { seqs: [], nextMs: 0 };
    one.seqs.push(seq);
    one.nextMs = Math.max(one.nextMs, nextMs);
    tried.set(batch, one);
  }
  return tried;
}

interface Ready {
  row: WaitingRow;
  /** Since when nothing but company is waited for. */
  sinceMs: number;
}

/** What neither escalation nor quiet hours hold. */
function release(
  rows: readonly WaitingRow[],
  { quiet_hours, escalate_after_s }: Policy,
  { now, acknowledged }: Circumstances,
  waitUntil: (ms: number) => void,
): { ready: Ready[]; drop: Plan['drop'] } {
  const ready: Ready[] = [];
  const drop: Plan['drop'] = [];
  const escalates = firstHeard(rows, escalate_after_s * 1000);
  for (const row of rows) {
    const escalateMs = row.told ? 0 : (escalates.get(row.incident) ?? 0);
    if (escalateMs > 0) {
      if (row.over || acknowledged(row.incident)) {
        drop.push({ seq: row.seq, why: row.over ? 'over' : 'acknowledged' });
        continue;
      }
      if (now < escalateMs) {
        waitUntil(escalateMs);
        continue;
      }
    }
    if (quiet_hours && !row.critical && isActive(quiet_hours, now)) waitUntil(nextBoundary(quiet_hours, now));
    else ready.push({ row, sinceMs: Math.max(row.enteredMs, escalateMs) });
  }
  return { ready, drop };
}

/** By incident, when it has lasted so long; a camera's clock that is ahead puts nothing off. */
function firstHeard(rows: readonly WaitingRow[], afterMs: number): Map<string, number> {
  const found = new Map<string, number>();
  if (afterMs === 0) return found;
  for (const { incident, capturedMs, enteredMs } of rows) {
    const at = Math.min(capturedMs, enteredMs) + afterMs;
    found.set(incident, Math.min(found.get(incident) ?? at, at));
  }
  return found;
}

/** Those who wait equally long do so together, from the first of them; nobody waits for who waits longer. */
function inCompany(
  ready: readonly Ready[],
  { group_wait_s }: Policy,
  { now }: Circumstances,
  waitUntil: (ms: number) => void,
): Ready[] {
  const ends = new Map<number, number>();
  for (const { row, sinceMs } of ready) {
    const waitS = companyS(group_wait_s, row);
    const endMs = sinceMs + waitS * 1000;
    ends.set(waitS, Math.min(ends.get(waitS) ?? endMs, endMs));
  }
  for (const endMs of ends.values()) if (now < endMs) waitUntil(endMs);
  return ready.filter(({ row }) => now >= (ends.get(companyS(group_wait_s, row)) ?? 0));
}

function choose(
  released: readonly Ready[],
  policy: Policy,
  circumstances: Circumstances,
  waitUntil: (ms: number) => void,
): number[] {
  const { quiet_hours, max_per_hour, together } = policy;
  const { now, sends } = circumstances;
  const ready = inCompany(released, policy, circumstances, waitUntil);
  const [first] = ready;
  if (!first) return [];
  if (max_per_hour !== null && !ready.some(({ row }) => row.critical)) {
    const lately = sends.filter((at) => at > now - HOUR_MS && at <= now);
    const oldest = lately.at(-max_per_hour);
    if (oldest !== undefined) {
      waitUntil(oldest + HOUR_MS);
      return [];
    }
  }
  // What waited for the end of quiet hours comes as one.
  const waited = ready.filter(({ row }) => quiet_hours && !row.critical && isActive(quiet_hours, row.enteredMs));
  const some = together ? ready : waited.length > 0 ? waited : [first];
  return some.slice(0, MOST).map(({ row }) => row.seq);
}
