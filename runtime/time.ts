import type { Timestamp } from './messages/types.ts';

/** Epoch milliseconds (fraction cut) to ISO 8601 UTC with milliseconds. */
export function toTimestamp(epochMs: number): Timestamp {
  return new Date(epochMs).toISOString();
}

/** ISO 8601 to epoch milliseconds; NaN when it is none. */
export function fromTimestamp(timestamp: Timestamp): number {
  return Date.parse(timestamp);
}
