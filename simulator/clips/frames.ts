import { SceneRenderer } from '../render/renderer.ts';
import type { Scenario } from '../world/scenarios.ts';
import type { World } from '../world/types.ts';
import { makeWorld, SCENARIOS } from '../world/world.ts';
import { sceneFrames } from './scene_frames.ts';
import type { ClipSpec, FrameMaker } from './types.ts';

/** The world of a clip or of the whole site: as long as asked for where the scenario can be, else its own length. */
export function worldOf(scenario: string, seed: number, durationS?: number): World {
  const { isElastic = false }: Partial<Scenario> = (SCENARIOS as Record<string, Scenario>)[scenario] ?? {};
  return isElastic ? makeWorld(scenario, seed, durationS) : makeWorld(scenario, seed);
}

/** Frames of the simulated site. */
export function makeFrames(spec: ClipSpec): FrameMaker {
  const world = worldOf(spec.scenario, spec.seed, spec.frames / spec.camera.fps);
  return sceneFrames(spec, world, (camera) => new SceneRenderer(world.plan, camera, { seed: spec.seed }));
}
