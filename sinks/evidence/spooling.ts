/** What the spool has to know of evidence: what goes first, and what becomes of two records of one incident. */
import { CONFIGS, parseEvidenceKey } from './keys.ts';
import { encodeRecord, mergeRecords, parseRecord } from './record.ts';

/** Configurations before the records that name them; of an incident the pictures before its record. */
export function rankOf(key: string): number {
  if (key.startsWith(CONFIGS) && !parseEvidenceKey(key)) return 0;
  return parseEvidenceKey(key)?.kind === 'record' ? 2 : 1;
}

/** @returns null where what lies there is right: a configuration is under its hash, whoever wrote it. */
export function mergeEvidence(key: string, mine: Buffer, theirs: Buffer): Buffer | null {
  if (parseEvidenceKey(key)?.kind !== 'record') return null;
  const [own, other] = [parseRecord(mine), parseRecord(theirs)];
  if (!own) return null;
  return other ? encodeRecord(mergeRecords(own, other)) : mine;
}
