/** What cleanup tells ingest: how long to keep looking, and how many frames a second detection can serve. */

/** Plain JSON. Times are capture time, epoch ms. */
export interface AttentionState {
  keepUntil: number;
  /** Null: no limit. */
  maxFps: number | null;
  /** Frames of the window since `windowFrom`. */
  looked: number;
  shed: number;
  windowFrom: number | null;
  published: { keepUntil: number; maxFps: number | null; at: number } | null;
}

/** Somebody who was seen is looked for this long. */
const KEEP_MS = 3000;
/** Additive increase, multiplicative decrease (Chiu and Jain 1989), once a window. */
const WINDOW_MS = 2000;
const INCREASE_FPS = 0.5;
const DECREASE = 0.7;
/** Share of shed frames under which nothing is done: one now and then is what newest-wins is for. */
const TOLERATED = 0.1;
const LEAST_FPS = 0.5;
/** At most two a second; repeated while it holds, because it expires. */
const PUBLISH_MS = 500;
const EXTEND_MS = 1000;
const REPEAT_MS = 5000;

export function startAttention(): AttentionState {
  return { keepUntil: 0, maxFps: null, looked: 0, shed: 0, windowFrom: null, published: null };
}

/**
 * Takes one frame.
 * @param time its capture time.
 * @param outcome looked at, or shed because detection could not serve it in time.
 * @param interest whether something is tracked that is worth looking at further.
 * @param activeFps what ingest samples at without a limit.
 */
export function attend(
  before: AttentionState,
  time: number,
  outcome: 'looked' | 'shed',
  interest: boolean,
  activeFps: number,
): AttentionState {
  const state = { ...before };
  if (interest) state.keepUntil = Math.max(state.keepUntil, time + KEEP_MS);
  if (outcome === 'looked') state.looked += 1;
  else state.shed += 1;
  if (state.windowFrom === null || time < state.windowFrom) return { ...state, windowFrom: time };
  const length = time - state.windowFrom;
  if (length < WINDOW_MS) return state;
  const frames = state.looked + state.shed;
  if (state.shed > TOLERATED * frames) {
    const sent = (frames * 1000) / length;
    const limit = Math.min(state.maxFps ?? activeFps, sent) * DECREASE;
    state.maxFps = Math.max(LEAST_FPS, limit);
  } else if (state.maxFps !== null && state.shed === 0) {
    const limit = state.maxFps + INCREASE_FPS;
    state.maxFps = limit >= activeFps ? null : limit;
  }
  return { ...state, looked: 0, shed: 0, windowFrom: time };
}

/**
 * What to publish now, if anything.
 * @param now milliseconds of a monotonic clock.
 */
export function announce(
  before: AttentionState,
  now: number,
): { state: AttentionState; publish: { keepUntil: number; maxFps: number | null } | null } {
  const { keepUntil, maxFps, published } = before;
  if (keepUntil === 0 && maxFps === null && published === null) return { state: before, publish: null };
  // A monotonic clock that went back is another process's.
  const since = published === null || now < published.at ? Number.POSITIVE_INFINITY : now - published.at;
  const extended = keepUntil - (published?.keepUntil ?? 0) >= EXTEND_MS;
  const changed = maxFps !== (published?.maxFps ?? null);
  const due = extended || changed || (maxFps !== null && since >= REPEAT_MS);
  if (!due || since < PUBLISH_MS) return { state: before, publish: null };
  return { state: { ...before, published: { keepUntil, maxFps, at: now } }, publish: { keepUntil, maxFps } };
}
