import type { Coverage } from '../../messages/types.ts';
import { toTimestamp } from '../../time.ts';

/** Epoch ms, half-open. */
export interface Interval {
  from: number;
  to: number;
  watched: boolean;
  reason: string | null;
}

/** Pure: clips intervals (in order, not overlapping) to [from, to) and names the gaps. */
export function fillGaps(
  site: string,
  camera: string,
  from: number,
  to: number,
  intervals: readonly Interval[],
): Coverage[] {
  const result: Coverage[] = [];
  const push = (piece: Interval): void => {
    result.push({ site, camera, ...piece, from: toTimestamp(piece.from), to: toTimestamp(piece.to) });
  };
  let at = from;
  for (const interval of intervals) {
    const start = Math.max(at, interval.from);
    const end = Math.min(to, interval.to);
    if (end <= start) continue;
    if (start > at) push({ from: at, to: start, watched: false, reason: 'no_record' });
    push({ ...interval, from: start, to: end });
    at = end;
  }
  if (at < to) push({ from: at, to, watched: false, reason: 'no_record' });
  return result;
}
