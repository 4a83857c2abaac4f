import type { Area, GroundLine, Point, SitePlan } from './types.ts';

/** The site inside its fence, metres: from (0, 0) in the south-west. The street runs south of it. */
export const SITE_SIZE = { widthM: 60, depthM: 40 } as const;

/** The pit itself; the exclusion zone runs round it. */
const EXCAVATION = { west: 8, east: 18, south: 26, north: 33 } as const;
/** How far the exclusion zone reaches beyond the edge of the pit. */
const EXCLUSION_M = 2.5;

const AREAS: readonly Area[] = [
  { id: 'yard', kind: 'yard', polygon: rectangle(27, 6, 40, 23.5) },
  { id: 'gate', kind: 'gate', polygon: rectangle(26, 0, 34, 5) },
  { id: 'walkway', kind: 'walkway', polygon: rectangle(8, 6.5, 26, 9.5) },
  {
    id: 'excavation',
    kind: 'excavation',
    polygon: rectangle(EXCAVATION.west, EXCAVATION.south, EXCAVATION.east, EXCAVATION.north),
  },
  {
    id: 'exclusion',
    kind: 'exclusion',
    polygon: rectangle(
      EXCAVATION.west - EXCLUSION_M,
      EXCAVATION.south - EXCLUSION_M,
      EXCAVATION.east + EXCLUSION_M,
      EXCAVATION.north + EXCLUSION_M,
    ),
  },
  { id: 'crane-bay', kind: 'crane_bay', polygon: rectangle(41.5, 26, 53, 35) },
  { id: 'hard-hat', kind: 'hard_hat', polygon: rectangle(42.5, 6, 52, 14) },
];

/** `in` comes from the street. */
const LINES: readonly GroundLine[] = [{ id: 'gate-line', from: { x: 34, y: 2.5 }, to: { x: 26, y: 2.5 } }];

export const PLAN: SitePlan = { areas: AREAS, lines: LINES };

/** @throws when the site has no such area. */
export function area(id: string): Area {
  const found = AREAS.find((one) => one.id === id);
  if (!found) throw new Error(`the site has no area ${id}`);
  return found;
}

/** @throws when the site has no such line. */
export function groundLine(id: string): GroundLine {
  const found = LINES.find((one) => one.id === id);
  if (!found) throw new Error(`the site has no line ${id}`);
  return found;
}

function rectangle(west: number, south: number, east: number, north: number): Point[] {
  return [
    { x: west, y: south },
    { x: east, y: south },
    { x: east, y: north },
    { x: west, y: north },
  ];
}
