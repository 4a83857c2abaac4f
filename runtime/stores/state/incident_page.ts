/** What a page of incidents is, whatever the store. */
import { BanksmanError } from '../../errors.ts';
import type { EvidenceKind } from '../../messages/types.ts';
import type { IncidentCounts, IncidentQuery } from './types.ts';

const KINDS: readonly string[] = ['snapshot', 'annotated', 'clip', 'record'] satisfies EvidenceKind[];

/** Order of evidence. */
export function byKind(a: { kind: EvidenceKind }, b: { kind: EvidenceKind }): number {
  return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
}

export function pageSize(query: IncidentQuery): number {
  return Math.min(500, Math.max(1, Math.trunc(query.limit ?? 50)));
}

export function noIncidents(): IncidentCounts {
  return {
    total: 0,
    byState: { open: 0, unobserved: 0, closed: 0 },
    bySeverity: { low: 0, medium: 0, high: 0, critical: 0 },
  };
}

/** Where the page after it begins. */
export function encodeCursor(openedMs: number, id: string): string {
  return Buffer.from(`${openedMs}|${id}`).toString('base64url');
}

/** @throws BanksmanError USAGE */
export function decodeCursor(cursor: string): { openedMs: number; id: string } {
  const [, openedMs, id] = /^(-?\d{1,16})\|(.+)$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (openedMs === undefined || id === undefined) throw new BanksmanError('USAGE', { message: 'not a cursor' });
  return { openedMs: Number(openedMs), id };
}
