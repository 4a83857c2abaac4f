/** Scenes that scenarios are put together from. Each gets everybody it needs and sends them home. */
import type { Cast } from './cast.ts';
import type { Point } from './types.ts';

/** Corners of the site that no camera sees: who appears or goes there does so unseen. */
export const UNSEEN = {
  west: { x: 5, y: 16 },
  east: { x: 57.5, y: 10 },
  northEast: { x: 57.8, y: 23.2 },
  middle: { x: 29, y: 21.8 },
  street: { x: 53.5, y: -1.8 },
  /** For a lorry. */
  road: { x: 66, y: -7.5 },
  forklift: { x: 34.5, y: 21.4 },
} as const satisfies Record<string, Point>;

const SOUTH = -Math.PI / 2;

/** Somebody walks to the edge of the pit, looks for a while and goes: in the zone from about 6 to 17 s. */
export function entersExclusion(cast: Cast, startS: number): void {
  cast.add(
    cast
      .person(UNSEEN.west, startS)
      .walk({ x: 9, y: 21.5 }, { x: 9, y: 24.6 })
      .face({ x: 12, y: 30 })
      .stand(4)
      .walk({ x: 15, y: 24.7 }, { x: 22.4, y: 24 }, { x: 24, y: 21.5 }),
  );
}

/** Somebody falls on the walkway about 15 s after the start, lies there and goes on. */
export function fallsOnWalkway(cast: Cast, startS: number): void {
  cast.add(
    cast
      .person(UNSEEN.west, startS)
      .walk({ x: 6.4, y: 12 }, { x: 9, y: 8.4 }, { x: 20.5, y: 8 })
      .fall(7)
      .stand(1.5)
      .walk({ x: 24, y: 8.4 }, { x: 27.6, y: 13 }, { x: 27.5, y: 21.8 }),
  );
}

/** Somebody without a helmet walks through the hard-hat area, and stops there. */
export function forgetsHelmet(cast: Cast, startS: number): void {
  cast.add(
    cast
      .person(UNSEEN.east, startS, { helmet: false })
      .walk({ x: 54.2, y: 10 }, { x: 49, y: 10.6 })
      .face({ x: 46, y: 7 })
      .stand(6)
      .walk({ x: 54.2, y: 13.5 }, { x: 57.8, y: 13.6 }),
  );
}

/** Somebody with a helmet works below the scaffold: nothing to report. */
export function worksAtScaffold(cast: Cast, startS: number): void {
  cast.add(
    cast
      .person({ x: 57.5, y: 12 }, startS)
      .walk({ x: 54.5, y: 13.4 }, { x: 47.5, y: 9 })
      .face({ x: 47.5, y: 5 })
      .crouch(6)
      .stand(2)
      .walk({ x: 47, y: 12.8 }, { x: 54.5, y: 13.6 }, { x: 57.5, y: 14.4 }),
  );
}

/** Somebody stays below the crane. */
export function lingersAtCrane(cast: Cast, startS: number): void {
  cast.add(
    cast
      .person(UNSEEN.northEast, startS)
      .walk({ x: 55, y: 26 }, { x: 48.5, y: 29.4 })
      .face({ x: 49.5, y: 33 })
      .stand(4)
      .crouch(5)
      .stand(1.5)
      .walk({ x: 46.5, y: 26.5 }, { x: 44.5, y: 24 }, { x: 39.8, y: 22.2 }),
  );
}

/** Somebody comes in by the gate and goes west along the walkway. */
export function comesByGate(cast: Cast, startS: number): void {
  cast.add(
    cast
      .person(UNSEEN.street, startS)
      .walk({ x: 31, y: -1.8 }, { x: 29.4, y: 5.5 }, { x: 24.5, y: 8.2 }, { x: 17, y: 7.8 })
      .crouch(3)
      .walk({ x: 9, y: 8.2 }, { x: 6.4, y: 12 }, UNSEEN.west),
  );
}

/** Somebody leaves by the gate. */
export function leavesByGate(cast: Cast, startS: number): void {
  cast.add(
    cast
      .person(UNSEEN.west, startS)
      .walk({ x: 6.4, y: 12 }, { x: 9, y: 9 }, { x: 25, y: 9 }, { x: 29.5, y: 4.5 }, { x: 31, y: -2 }, UNSEEN.street),
  );
}

/** A forklift fetches a pallet and passes close to somebody who stands in the yard, about 10 s after the start. */
export function passesForklift(cast: Cast, startS: number, endS: number): void {
  const forklift = cast
    .vehicle('forklift', UNSEEN.forklift, SOUTH, 0)
    .waitUntil(startS + 8.5)
    .drive({ x: 34.5, y: 9.6 }, { x: 37.4, y: 9.6 })
    .lift(0.5)
    .load(true)
    .lift(0.8)
    .reverse({ x: 33.5, y: 9.6 }, { x: 33.5, y: 6.4 })
    .lift(0.2)
    .wait(1)
    .drive({ x: 33.5, y: 12 }, { x: 34.5, y: 16 }, { x: 34.5, y: 22 });
  cast.add(forklift.waitUntil(endS));
  cast.add(
    cast
      .person({ x: 38.5, y: 22 }, startS)
      .walk({ x: 37.4, y: 17.5 }, { x: 31.9, y: 10.6 })
      .face({ x: 27, y: 8 })
      .stand(7)
      .walk({ x: 28.6, y: 13.5 }, { x: 28.6, y: 21.8 }),
  );
}

/** The forklift stands where it always stands. */
export function parksForklift(cast: Cast, endS: number): void {
  cast.add(cast.vehicle('forklift', UNSEEN.forklift, SOUTH, 0).waitUntil(endS));
}

/** A lorry comes, waits and backs out again; about 60 s. */
export function bringsLoad(cast: Cast, startS: number): void {
  cast.add(
    cast
      .vehicle('lorry', UNSEEN.road, Math.PI, startS, true)
      .drive({ x: 29.6, y: -7.5 }, { x: 29.6, y: 13 })
      .wait(6)
      .reverse({ x: 29.6, y: -7.5 }, { x: 14, y: -7.5 })
      .wait(1)
      .drive({ x: 66, y: -7.5 }),
  );
}

/** Four people meet between gate and yard about 22 s after the start, and part again. */
export function crowds(cast: Cast, startS: number): void {
  const meetS = startS + 22;
  const partS = meetS + 9;
  const middle = { x: 29, y: 9.6 };
  cast.add(
    cast
      .person(UNSEEN.street, startS)
      .walk({ x: 31.5, y: -1.8 }, { x: 29.9, y: 5 }, { x: 29.8, y: 8.5 })
      .face(middle)
      .standUntil(partS)
      .walk({ x: 30.6, y: 3.5 }, { x: 32, y: -1.6 }, UNSEEN.street),
  );
  cast.add(
    cast
      .person(UNSEEN.west, startS + 2)
      .walk({ x: 6.4, y: 12 }, { x: 9, y: 8.2 }, { x: 24, y: 8 }, { x: 28, y: 9.1 })
      .face(middle)
      .standUntil(partS + 1)
      .walk({ x: 24, y: 8 }, { x: 9, y: 8.2 }, { x: 6.4, y: 12 }, UNSEEN.west),
  );
  cast.add(
    cast
      .person(UNSEEN.middle, startS + 9)
      .walk({ x: 28.8, y: 15 }, { x: 28.6, y: 10.7 })
      .face(middle)
      .standUntil(partS + 1.5)
      .walk({ x: 28.8, y: 15 }, UNSEEN.middle),
  );
  cast.add(
    cast
      .person({ x: 31.5, y: 22 }, startS + 13)
      .walk({ x: 31.2, y: 15 }, { x: 30.1, y: 10.4 })
      .face(middle)
      .standUntil(partS + 2.5)
      .walk({ x: 31.2, y: 15 }, { x: 31.5, y: 22 }),
  );
}
