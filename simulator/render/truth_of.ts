import type { TruthClass, TruthObject } from '../truth.ts';
import type { ActorState } from '../world/types.ts';
import { PART_BODY, PART_HAT, PART_VEST } from './person.ts';
import type { Coverage } from './raster.ts';

/**
 * What is true of an actor in a frame.
 * @param visible samples seen by id; `id` is that of the actor's body, its parts' follow.
 */
export function truthOf(
  actor: ActorState,
  coverage: Coverage,
  visible: Int32Array,
  id: number,
  size: { width: number; height: number },
): TruthObject[] {
  const seen = (part: number): number => visible[id + part] ?? 0;
  const object = (kind: TruthClass, part: number, pixels: number): TruthObject[] => {
    const all = coverage.samples[part] ?? 0;
    if (all === 0) return [];
    const extent = (k: number): number => coverage.extent[4 * part + k] ?? 0;
    return [
      {
        id: actor.id,
        class: kind,
        box: [
          extent(0) / size.width,
          extent(1) / size.height,
          (extent(2) + 1) / size.width,
          (extent(3) + 1) / size.height,
        ],
        visible: Math.min(1, pixels / all),
        inside: coverage.inside[part] ?? 1,
        ground: { x: actor.at.x, y: actor.at.y },
      },
    ];
  };
  if (actor.kind !== 'person') return object(actor.kind, PART_BODY, seen(PART_BODY));
  const { look, posture } = actor;
  const person = { posture, hasHelmet: look.helmet !== null, hasVest: look.vest !== null };
  return [
    ...object('person', PART_BODY, seen(PART_BODY) + seen(PART_HAT) + seen(PART_VEST)).map((one) => ({
      ...one,
      person,
    })),
    ...object('hard-hat', PART_HAT, seen(PART_HAT)),
    ...object('vest', PART_VEST, seen(PART_VEST)),
  ];
}
