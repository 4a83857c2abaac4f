import type { CameraModel } from '../camera.ts';
import { IDENTITY } from '../picture/matrix.ts';
import { Sensor } from '../picture/sensor.ts';
import { WARP_MARGIN } from '../picture/warp.ts';
import { keyedSeed } from '../random.ts';
import type { TruthObject } from '../truth.ts';
import type { ActorState, Conditions, World } from '../world/types.ts';
import { conditionsAt } from './conditions.ts';
import type { ClipSpec, FrameMaker } from './types.ts';

/** What draws the site for one camera. */
export interface SceneDrawer {
  /** RGBA, overwritten by the next call. */
  render(
    actors: readonly ActorState[],
    conditions: Conditions,
    t: number,
  ): { pixels: Uint8ClampedArray; objects: readonly TruthObject[] };
}

/** World → picture of the scene → picture of the sensor, with the truth of what it shows. */
export function sceneFrames(spec: ClipSpec, world: World, drawerFor: (camera: CameraModel) => SceneDrawer): FrameMaker {
  const { camera, seed, clock, strip, frozen } = spec;
  const margin = mayMove(spec, world) ? Math.ceil((WARP_MARGIN * camera.width) / 8) * 8 : 0;
  const drawer = drawerFor(widened(camera, margin));
  // Cameras of one site have each their own dirt and wind.
  const sensor = new Sensor(camera, { seed: seed ^ keyedSeed(0, camera.id), margin, clock, strip });
  return {
    frame(index) {
      const t = shownTime(index / camera.fps, frozen, camera.fps);
      const conditions = conditionsAt(spec.conditions, world.conditions(t), t);
      const { pixels, objects } = drawer.render(world.actors(t), conditions, t);
      const i420 = sensor.expose(pixels, conditions, t);
      const warp = sensor.warp(conditions, t);
      const shown = sensor.truth(objects, conditions, t);
      return warp === IDENTITY ? { i420, objects: shown } : { i420, objects: shown, warp };
    },
  };
}

/** A frozen camera shows the moment at which it froze. */
export function shownTime(t: number, frozen: ClipSpec['frozen'], fps: number): number {
  const isFrozen = frozen !== null && t >= frozen[0] && t < frozen[1];
  return isFrozen ? Math.ceil(frozen[0] * fps - 1e-9) / fps : t;
}

/** The same view with more around it: pictures of both agree where both have something. */
export function widened(camera: CameraModel, margin: number): CameraModel {
  if (margin === 0) return camera;
  const width = camera.width + 2 * margin;
  const half = Math.tan((camera.horizontalFovDeg * Math.PI) / 360) * (width / camera.width);
  return {
    ...camera,
    width,
    height: camera.height + 2 * margin,
    horizontalFovDeg: (Math.atan(half) * 360) / Math.PI,
  };
}

function mayMove({ conditions, frames, camera }: ClipSpec, world: World): boolean {
  const moves = ({ shake, turning }: Conditions): boolean => shake > 0 || turning > 0;
  // However short the stretch is.
  const asked = [conditions.shake, conditions.turning];
  if (asked.some((one) => typeof one === 'object' && one.grade > 0)) return true;
  for (let t = 0; t <= frames / camera.fps; t += 0.5) {
    if (moves(conditionsAt(conditions, world.conditions(t), t))) return true;
  }
  return false;
}
