/** How long evidence is kept: the rule that retention follows, and with it whoever says what will lie there. Pure. */
import type { EvidenceKind } from '../../runtime/messages/types.ts';

/** `evidence.retention` of the site file. */
export interface RetentionLimits {
  /** Clips and pictures. */
  clips_days: number;
  /** Records, and whatever still lies beside them. */
  records_days: number;
  max_bytes: number;
}

/** After so many days, counted from the end of the day of the opening. */
export function daysKept(kind: EvidenceKind, { clips_days, records_days }: RetentionLimits): number {
  return kind === 'record' ? records_days : Math.min(clips_days, records_days);
}
