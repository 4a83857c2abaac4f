/** Who and what is in whose way. */
import { FURNITURE } from './furniture.ts';
import {
  distanceBetween,
  distanceToOutline,
  insideArea,
  type Outline,
  outlinesMeet,
  vehicleOutline,
} from './geometry.ts';
import { area } from './plan.ts';
import type { ActorState, PersonState, Point } from './types.ts';

/** Half a person's width, with arms. */
export const BODY_M = 0.28;

/** A crane stands on a slab this much longer and wider than its mast. */
export const CRANE_SLAB = 2.6;

const OBSTACLES: readonly (Outline & { reachM: number })[] = FURNITURE.filter(({ kind }) => kind !== 'tree').map(
  ({ kind, at, heading, size }) => {
    const wider = kind === 'crane' ? CRANE_SLAB : 1;
    const [lengthM, widthM] = [wider * size.lengthM, wider * size.widthM];
    return { at, heading, lengthM, widthM, reachM: Math.hypot(lengthM, widthM) / 2 };
  },
);

/** Obstacles that may be nearer to a point than this. */
function around({ x, y }: Point, distanceM: number): (Outline & { reachM: number })[] {
  return OBSTACLES.filter(
    ({ at, reachM }) => Math.abs(at.x - x) < reachM + distanceM && Math.abs(at.y - y) < reachM + distanceM,
  );
}

/** Whether furniture or the pit is nearer to a point than this. */
export function isBlocked(point: Point, clearanceM: number): boolean {
  const pit = area('excavation').polygon;
  const [west, , east] = pit;
  const isInPit =
    west !== undefined &&
    east !== undefined &&
    point.x > west.x - clearanceM &&
    point.x < east.x + clearanceM &&
    point.y > west.y - clearanceM &&
    point.y < east.y + clearanceM;
  return isInPit || around(point, clearanceM).some((one) => distanceToOutline(one, point) < clearanceM);
}

/** Where a person is: one point upright, three along the body of somebody who lies. */
export function bodyPoints({ at, heading, fallen, look }: PersonState): Point[] {
  const half = 0.5 * look.heightM * Math.sin((fallen * Math.PI) / 2);
  if (half < 0.2) return [at];
  const [x, y] = [half * Math.cos(heading), half * Math.sin(heading)];
  return [at, { x: at.x + x, y: at.y + y }, { x: at.x - x, y: at.y - y }];
}

/** Whether somebody, or a vehicle, stands in furniture or in the pit. */
export function hitsFurniture(actor: ActorState): boolean {
  if (actor.kind === 'person') return bodyPoints(actor).some((point) => isBlocked(point, BODY_M));
  const outline = vehicleOutline(actor);
  const pit = area('excavation').polygon;
  return (
    around(actor.at, outline.lengthM).some((one) => outlinesMeet(one, outline)) ||
    insideArea(pit, actor.at) ||
    pit.some((corner) => distanceToOutline(outline, corner) === 0)
  );
}

/** Whether two actors touch. @param spareM to keep between them on top. */
export function collide(a: ActorState, b: ActorState, spareM = 0): boolean {
  if (a.kind !== 'person' && b.kind !== 'person') {
    const wide = vehicleOutline(a);
    return outlinesMeet(
      { ...wide, lengthM: wide.lengthM + 2 * spareM, widthM: wide.widthM + 2 * spareM },
      vehicleOutline(b),
    );
  }
  if (a.kind === 'person' && b.kind === 'person') {
    const reach = 2 * BODY_M + spareM;
    return bodyPoints(a).some((p) => bodyPoints(b).some((q) => distanceBetween(p, q) < reach));
  }
  const [person, vehicle] = a.kind === 'person' ? [a, b] : [b, a];
  if (person.kind !== 'person' || vehicle.kind === 'person') return false;
  const outline = vehicleOutline(vehicle);
  return bodyPoints(person).some((point) => distanceToOutline(outline, point) < BODY_M + spareM);
}
