import type { Detection, Detections, Track } from '../../runtime/messages/types.ts';
import { fromTimestamp } from '../../runtime/time.ts';
import { type FilterRules, filterDetections } from './filter.ts';
import { isSettled, learnStatic, type StaticState, startStatic, suppressStatic } from './static.ts';
import {
  coastingTracks,
  holdTracks,
  startTracker,
  TRACKER_DEFAULTS,
  type TrackerOptions,
  type TrackerState,
  trackSample,
} from './tracker.ts';

/** What cleanup remembers of what it saw on a camera. Plain JSON. */
export interface SceneState {
  tracker: TrackerState;
  statics: StaticState;
}

export interface Scene {
  state: SceneState;
  tracks: Track[];
  rejected: Record<string, number>;
  suppressed: Detection[];
  /** Something is tracked that may move or be gone before long: worth a high rate. */
  interest: boolean;
}

/** Capture time that goes back by more than this is a clock that was set: what was seen before has no place in it. */
const CLOCK_SET_MS = 1000;

export function startScene(): SceneState {
  return { tracker: startTracker(), statics: startStatic() };
}

/** A looked frame: filter, take out static false alarms, track, learn. Pure. */
export function lookScene(
  before: SceneState,
  detections: Pick<Detections, 'captureTime' | 'width' | 'height' | 'boxes'>,
  rules: FilterRules,
  idOf: (index: number) => string,
  options: TrackerOptions = TRACKER_DEFAULTS,
): Scene {
  const time = fromTimestamp(detections.captureTime);
  const aspect = detections.height > 0 ? detections.width / detections.height : 1;
  const state = clockWasSet(before, time) ? { ...before, tracker: startTracker() } : before;
  const { candidates, rejected } = filterDetections(detections.boxes, rules, time, aspect);
  const statics = rules.suppress_static
    ? suppressStatic(state.statics, candidates, state.tracker.tracks, aspect)
    : { state: startStatic(), kept: candidates, suppressed: [] };
  const sample = {
    time,
    aspect,
    candidates: statics.kept,
    idOf: (index: number) => idOf(statics.kept[index]?.index ?? index),
  };
  const tracked = trackSample(state.tracker, sample, options);
  const { lookedAt } = state.tracker;
  const looked = lookedAt === null ? 0 : Math.min(options.maxStep, Math.max(0, (time - lookedAt) / 1000));
  const learnt = rules.suppress_static
    ? learnStatic(statics.state, tracked.state.tracks, looked, aspect)
    : { state: statics.state, ended: [] };
  const tracks = tracked.state.tracks.filter((track) => !learnt.ended.includes(track.id));
  return {
    state: { tracker: { ...tracked.state, tracks }, statics: learnt.state },
    tracks: tracked.tracks.filter((track) => !learnt.ended.includes(track.id)),
    rejected: { ...rejected, ...(statics.suppressed.length > 0 ? { static: statics.suppressed.length } : {}) },
    suppressed: statics.suppressed,
    interest: tracks.some((track) => !isSettled(learnt.state, track)),
  };
}

/** Nothing moved up to `time` (epoch ms). */
export function holdScene(state: SceneState, time: number): { state: SceneState; tracks: Track[] } {
  const tracker = clockWasSet(state, time) ? startTracker() : holdTracks(state.tracker, time);
  return { state: { ...state, tracker }, tracks: coastingTracks(tracker) };
}

/** Nobody looked. */
export function unlookedTracks(state: SceneState): Track[] {
  return coastingTracks(state.tracker);
}

function clockWasSet({ tracker }: SceneState, time: number): boolean {
  return tracker.lookedAt !== null && time < tracker.lookedAt - CLOCK_SET_MS;
}
