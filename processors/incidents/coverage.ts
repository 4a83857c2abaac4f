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
  const before = state.coverage;
  const connected = step.gapMs <= promiseMs;
  if (step.evidence) {
    const out: Coverage[] = [];
    const continues = before?.watched === true && connected;
    if (before && !continues && before.to < step.from) out.push(interval(state, before.to, step.from, step.reason));
    // After a clock that went back the new time begins where it is.
    const from = continues && before.to <= step.to ? before.to : step.from;
    if (continues && step.to - from < EXTEND_MS && before.to <= step.to) return out;
    state.coverage = { to: step.to, watched: true };
    return [...out, interval(state, from, step.to, null)];
  }
  if (step.unlookedMs <= promiseMs) return [];
  const changed = before === null || before.watched;
  const from = before && before.to <= step.to ? before.to : step.from;
  if (!changed && step.to - from < EXTEND_MS) return [];
  state.coverage = { to: step.to, watched: false };
  return [interval(state, from, step.to, step.reason)];
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
