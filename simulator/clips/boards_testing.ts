import { Boards } from './boards.ts';
import { worldOf } from './frames.ts';
import { sceneFrames } from './scene_frames.ts';
import type { ClipSpec, FrameMaker } from './types.ts';

/** For tests: the life of the site as painted boards, through the sensor and the encoder as ever. */
export function makeFrames(spec: ClipSpec): FrameMaker {
  const world = worldOf(spec.scenario, spec.seed, spec.frames / spec.camera.fps);
  return sceneFrames(spec, world, (camera) => new Boards(camera));
}
