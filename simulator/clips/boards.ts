import { type CameraModel, Projection } from '../camera.ts';
import { TRUTH_CLASSES, type TruthObject } from '../truth.ts';
import { type ActorState, VEHICLE_SIZE } from '../world/types.ts';
import type { SceneDrawer } from './scene_frames.ts';

/** The site as painted boards on grey ground: quick, for trying out what comes after the picture. */
export class Boards implements SceneDrawer {
  readonly #camera: CameraModel;
  readonly #projection: Projection;
  readonly #words: Uint32Array;
  readonly #pixels: Uint8ClampedArray;

  constructor(camera: CameraModel) {
    this.#camera = camera;
    this.#projection = new Projection(camera);
    this.#words = new Uint32Array(camera.width * camera.height);
    this.#pixels = new Uint8ClampedArray(this.#words.buffer);
  }

  render(actors: readonly ActorState[]): { pixels: Uint8ClampedArray; objects: TruthObject[] } {
    const { width, height } = this.#camera;
    this.#words.fill(0xff6e7072);
    const objects: TruthObject[] = [];
    for (const actor of actors) {
      const [wide, tall] =
        actor.kind === 'person'
          ? [0.5, actor.look.heightM]
          : [VEHICLE_SIZE[actor.kind].widthM, VEHICLE_SIZE[actor.kind].heightM];
      const foot = this.#projection.project({ ...actor.at, z: 0 });
      const head = this.#projection.project({ ...actor.at, z: tall });
      if (!foot || !head) continue;
      const half = (wide / tall / 2) * (foot.y - head.y) * (height / width);
      const [x1, y1, x2, y2] = [foot.x - half, head.y, foot.x + half, foot.y];
      const box = [Math.max(0, x1), Math.max(0, y1), Math.min(1, x2), Math.min(1, y2)] as const;
      if (box[0] >= box[2] || box[1] >= box[3]) continue;
      const [r, g, b] = actor.kind === 'person' ? actor.look.jacket : actor.colour;
      const colour = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
      for (let row = Math.round(box[1] * height); row < Math.round(box[3] * height); row++) {
        this.#words.fill(colour, row * width + Math.round(box[0] * width), row * width + Math.round(box[2] * width));
      }
      const inside = ((box[2] - box[0]) * (box[3] - box[1])) / ((x2 - x1) * (y2 - y1));
      const { kind } = actor;
      objects.push({
        id: actor.id,
        class: TRUTH_CLASSES.find((name) => name === kind) ?? 'person',
        box,
        visible: 1,
        inside,
        ground: actor.at,
      });
    }
    return { pixels: this.#pixels, objects };
  }
}
