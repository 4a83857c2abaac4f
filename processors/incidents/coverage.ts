import type { Coverage } from '../../runtime/messages/types.ts';
import { toTimestamp } from '../../runtime/time.ts';
import type { CameraState } from './state.ts';
import type { Step } from './watch.ts';

/** While nothing changes coverage is extended this often. */
const EXTEND_MS = 500;

/**
 * Coverage to publish after one record (changes `state.coverage`): watched from evidence to evidence
 * where they are no further apart than the promise, else not watched from the end of the last evidence.
 * Known only in hindsight, so a gap that is still shorter than the promise says nothing yet.
 * @param promiseMs the camera's `detect_within_s`.
 */
export function cover(state: CameraState, step: Step, promiseMs: number): Coverage[] {
  const last = state.coverage;
  // A clock that went back: the new time begins where it is.
  const before = last && last.to <= step.to ? last : null;
  const out: Coverage[] = [];
  if (step.evidence) {
    let from = step.from;
    if (before?.watched && step.gapMs <= promiseMs) {
      before.seenTo = step.to;
      if (step.to - before.to < EXTEND_MS) return out;
      from = before.to;
    } else if (before) out.push(...endOf(state, before, step.from, step.reason));
    state.coverage = { to: step.to, watched: true, seenTo: step.to };
    return [...out, interval(state, from, step.to, null)];
  }
  if (step.unlookedMs <= promiseMs) return out;
  if (before && !before.watched && step.to - before.to < EXTEND_MS) return out;
  out.push(
    ...(before ? endOf(state, before, step.to, step.reason) : [interval(state, step.from, step.to, step.reason)]),
  );
  state.coverage = { to: step.to, watched: false, seenTo: step.to };
  return out;
}

/** What evidence is left to say of the last interval, and from there on nothing up to `to`. */
function endOf(
  state: CameraState,
  { to: said, watched, seenTo }: NonNullable<CameraState['coverage']>,
  to: number,
  reason: string,
): Coverage[] {
  const out: Coverage[] = [];
  if (watched && seenTo > said) out.push(interval(state, said, seenTo, null));
  const from = watched ? seenTo : said;
  if (to > from) out.push(interval(state, from, to, reason));
  return out;
}

function interval(state: CameraState, from: number, to: number, reason: string | null): Coverage {
  return {
    site: state.site,
    camera: state.camera,
    from: toTimestamp(from),
    to: toTimestamp(to),
    watched: reason === null,
    reason,
  };
}
