/** Evidence that waits on a machine for its store: what spool, console, page and command line say of it. */
import type { ErrorCode } from '../../errors.ts';
import type { Timestamp } from '../../messages/types.ts';

/** Why it waits, for people. */
export interface StoreTrouble {
  code: ErrorCode;
  message: string;
  since: Timestamp;
}

export interface SpoolState {
  /** Null: the store answers. */
  trouble: StoreTrouble | null;
  objects: number;
  bytes: number;
}

/** The same as one thing to show: null while the store answers. */
export type EvidenceWaiting = StoreTrouble & Omit<SpoolState, 'trouble'>;

export function waiting({ trouble, objects, bytes }: SpoolState): EvidenceWaiting | null {
  return trouble && { ...trouble, objects, bytes };
}

export const NOTHING_WAITS: SpoolState = Object.freeze({ trouble: null, objects: 0, bytes: 0 });
