/** For tests: detections and observations of one camera. */
import type {
  Box,
  CameraRecord,
  ClassFilter,
  Detection,
  Detections,
  Observation,
} from '../../runtime/messages/types.ts';
import { toTimestamp } from '../../runtime/time.ts';
import { DEFAULT_FILTER } from './filter.ts';

export const START = Date.UTC(2026, 10, 21, 20);
export const RUN = '20261121T200000000Z-aa';

/** A person 0.1 wide and 0.3 tall with the ground point at (x, y). */
export function person(x: number, y: number, score = 0.8): Detection {
  return { class: 'person', score, box: [x - 0.05, y - 0.3, x + 0.05, y] };
}

export function found(seq: number, boxes: Detection[], changes: Partial<Detections> = {}): Detections {
  const captureTime = toTimestamp(START + seq * 200);
  return {
    ...{ site: 'yard', camera: 'gate', epoch: 1, runId: RUN, seq, captureTime, receiveTime: captureTime },
    ...{ captureTimeEstimated: false, purpose: 'live', width: 960, height: 540, regions: [] },
    frame: { topic: 'frames.v1', partition: 0, offset: String(1000 + seq) },
    model: { id: 'yolox-nano', sha256: 'ab' },
    boxes,
    shed: null,
    ...changes,
  };
}

export function observed(afterSeq: number, changes: Partial<Observation> = {}): Observation {
  const from = toTimestamp(START + afterSeq * 200);
  const to = toTimestamp(START + afterSeq * 200 + 150);
  return {
    ...{ site: 'yard', camera: 'gate', epoch: 1, runId: RUN, afterSeq, from, to, kind: 'quiet', reason: null },
    ...changes,
  };
}

export function filter(changes: Partial<ClassFilter> = {}): ClassFilter {
  return { ...DEFAULT_FILTER, ...changes };
}

export function cameraRecord(changes: Partial<CameraRecord> = {}): CameraRecord {
  return {
    ...{ site: 'yard', camera: 'gate', configHash: 'c1', url: 'rtsp://10.0.0.11/stream', record_url: null },
    ...{ username: null, password: null, transport: 'tcp', tls: { verify: true, ca_file: null } },
    sampling: { idle_fps: 0.5, active_fps: 5, width_px: 960 },
    motion: { open_share: 0.001, close_share: 0.0005, threshold: 12, hold_s: 3 },
    ...{ model: 'yolox-nano', regions: 'full', zones: {}, lines: {}, ignore_masks: [], privacy_masks: [] },
    ...{ filters: {}, suppress_static: true, detect_within_s: 2 },
    ...changes,
  };
}

/** Numbers from 0 to 1, the same ones every time. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** The box with each edge moved by up to `share` of its size. */
export function jitter(box: Box, share: number, random: () => number): Box {
  const size = [box[2] - box[0], box[3] - box[1]];
  const moved = box.map((edge, index) => edge + (random() * 2 - 1) * share * (size[index % 2] ?? 0));
  return [moved[0] ?? 0, moved[1] ?? 0, moved[2] ?? 0, moved[3] ?? 0];
}
