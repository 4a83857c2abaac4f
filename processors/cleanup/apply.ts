/** One camera's records, applied in its own order: each gives one `tracks.v1` record. Pure but for the state given. */
import { createHash } from 'node:crypto';
import type { CameraRecord, Coordinates, Detections, Observation, Tracks } from '../../runtime/messages/types.ts';
import { fromTimestamp, toTimestamp } from '../../runtime/time.ts';
import { attend } from './attention.ts';
import { holdScene, lookScene, unlookedTracks } from './core.ts';
import { DEFAULT_RULES } from './filter.ts';
import type { Entry } from './merge.ts';
import type { CameraState } from './state.ts';

/** Reasons of a shed frame that say that detection cannot keep up. */
const OVERLOAD: readonly string[] = ['stale', 'superseded'];
const DEFAULT_ACTIVE_FPS = 5;

/** Changes `state`. @param config undefined: not configured (any more), defaults hold. */
export function applyEntry(state: CameraState, entry: Entry, config: CameraRecord | undefined): Tracks {
  const run = `${entry.record.epoch}/${entry.record.runId}`;
  // Another run may have another clock: what was said up to where on the old one means nothing on it.
  if (state.run !== run) Object.assign(state, { run, to: null });
  const tracks =
    entry.type === 'detections'
      ? applyDetections(state, entry.record, entry.source, config)
      : applyObservation(state, entry.record, entry.source);
  state.to = Math.max(state.to ?? Number.NEGATIVE_INFINITY, fromTimestamp(tracks.to));
  return tracks;
}

function applyDetections(
  state: CameraState,
  record: Detections,
  source: Coordinates,
  config: CameraRecord | undefined,
): Tracks {
  const { site, camera, epoch, runId, seq, captureTime, receiveTime, purpose, frame, model, shed } = record;
  const time = fromTimestamp(captureTime);
  const base = { site, camera, epoch, runId, seq, to: captureTime, receiveTime, purpose, frame, model, source };
  const activeFps = config?.sampling.active_fps ?? DEFAULT_ACTIVE_FPS;
  if (shed !== null) {
    if (OVERLOAD.includes(shed)) state.attention = attend(state.attention, time, 'shed', false, activeFps);
    const [from, to] = after(state, state.to ?? time, time);
    const tracks = unlookedTracks(state.scene);
    return { ...base, kind: 'starved', reason: shed, from, to, tracks, coasting: [], rejected: {}, suppressed: [] };
  }
  const idOf = (index: number): string => trackId(record, index);
  const scene = lookScene(state.scene, record, config ?? DEFAULT_RULES, idOf);
  state.scene = scene.state;
  state.attention = attend(state.attention, time, 'looked', scene.interest, activeFps);
  const { rejected, suppressed } = scene;
  // Who reads the boxes of a frame shall find those that are on it.
  const tracks = scene.tracks.filter((track) => !track.coasting);
  const coasting = scene.tracks.filter((track) => track.coasting);
  return { ...base, kind: 'looked', reason: null, from: captureTime, tracks, coasting, rejected, suppressed };
}

function applyObservation(state: CameraState, record: Observation, source: Coordinates): Tracks {
  const { site, camera, epoch, runId, afterSeq } = record;
  const end = fromTimestamp(record.to);
  let { kind, reason } = record;
  let tracks = unlookedTracks(state.scene);
  if (kind === 'quiet') {
    // One that came too late says nothing about where things are now, nor that anybody looks.
    if (state.to !== null && end < state.to) [kind, reason] = ['starved', 'late'];
    else {
      const held = holdScene(state.scene, end);
      state.scene = held.state;
      tracks = held.tracks;
    }
  }
  const [from, to] = after(state, fromTimestamp(record.from), end);
  return {
    ...{ site, camera, epoch, runId, seq: afterSeq, kind, reason, from, to, receiveTime: record.to },
    ...{ purpose: null, frame: null, model: null, source, tracks, coasting: [], rejected: {}, suppressed: [] },
  };
}

/**
 * What cleanup concludes by itself where nothing came: nobody looked up to `to` (capture time, epoch ms).
 * @returns null where that much is known already.
 */
export function starve(state: CameraState, to: number): Tracks | null {
  if (state.to !== null && to <= state.to) return null;
  const from = state.to ?? to;
  const { site, camera, merge, scene } = state;
  state.to = to;
  return {
    ...{ site, camera, epoch: Math.max(0, merge.epoch), runId: merge.runId ?? '', seq: merge.seq },
    ...{ kind: 'starved', reason: 'no_input', from: toTimestamp(from), to: toTimestamp(to) },
    ...{ receiveTime: toTimestamp(to), purpose: null, frame: null, model: null, source: null },
    ...{ tracks: unlookedTracks(scene), coasting: [], rejected: {}, suppressed: [] },
  };
}

/** An interval in which nobody looked, without what was spoken of before: within a run time never goes back. */
function after(state: CameraState, from: number, to: number): [string, string] {
  const start = state.to ?? Math.min(from, to);
  return [toTimestamp(Math.max(Math.min(from, to), start)), toTimestamp(Math.max(to, start))];
}

/** The same whenever the same frame is read again, wherever its detections lie. */
function trackId({ site, camera, epoch, runId, seq, frame }: Detections, index: number): string {
  const parts = [site, camera, epoch, runId, seq, frame.topic, frame.partition, frame.offset, index];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 20);
}
