/** What cleanup remembers of one camera: plain JSON, snapshotted to `processor-state.v1`. */
import type { Message } from '../../runtime/bus/types.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { ProcessorState } from '../../runtime/messages/types.ts';
import { type AttentionState, startAttention } from './attention.ts';
import { type SceneState, startScene } from './core.ts';
import { type MergeState, startMerge } from './merge.ts';

export const STATE_VERSION = 1;

export interface CameraState {
  v: typeof STATE_VERSION;
  site: string;
  camera: string;
  merge: MergeState;
  scene: SceneState;
  attention: AttentionState;
  /** Capture time up to which tracks were published (epoch ms), and of which run; null before the first. */
  to: number | null;
  run: string | null;
}

export function startCamera(site: string, camera: string): CameraState {
  return {
    v: STATE_VERSION,
    site,
    camera,
    merge: startMerge(),
    scene: startScene(),
    attention: startAttention(),
    to: null,
    run: null,
  };
}

/** @returns undefined for a state that this version does not understand. */
export function readState(message: Message): { state: CameraState; covered: Map<string, number> } | undefined {
  let snapshot: ProcessorState;
  try {
    snapshot = parseMessage('processor-state.v1', message);
  } catch {
    return undefined;
  }
  const state = snapshot.state as CameraState | null;
  if (state?.v !== STATE_VERSION) return undefined;
  return {
    state,
    covered: new Map(Object.entries(snapshot.covered).map(([topic, offset]) => [topic, Number(offset)])),
  };
}
