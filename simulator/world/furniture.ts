import type { Point } from './types.ts';

/** What stands on the site and never moves (leaves and cloth aside). */
export interface Furniture {
  /**
   * `scaffold`: open frame with decks · `pile`: heap of sand or rubble · `pallets`: a stack of them ·
   * `tarpaulin`: a sheet hanging upright · `lamp`: a mast, cameras hang on some.
   */
  kind:
    | 'container'
    | 'fence'
    | 'crane'
    | 'scaffold'
    | 'pile'
    | 'pallets'
    | 'tree'
    | 'tarpaulin'
    | 'cabin'
    | 'cone'
    | 'barrier'
    | 'lamp';
  /** Middle of its outline on the ground. */
  at: Point;
  /** Of its length, radians counter-clockwise from east; a crane's jib points this way. */
  heading: number;
  /** Outline along and across its heading, and height above ground, metres. Of a crane: the mast; of a tree: the crown. */
  size: { lengthM: number; widthM: number; heightM: number };
}

const NORTH = Math.PI / 2;

/** Masts that carry the cameras; `site.ts` hangs them there. */
export const POLES = {
  gate: { x: 41, y: 19.5 },
  pit: { x: 26, y: 16.5 },
  east: { x: 57.5, y: 20.5 },
} as const satisfies Record<string, Point>;

export const FURNITURE: readonly Furniture[] = [
  // Hoarding round the site; the gate is the gap in the south.
  fence(13, 0, 0, 26),
  fence(47, 0, 0, 26),
  fence(30, 40, 0, 60),
  fence(0, 20, NORTH, 40),
  fence(60, 20, NORTH, 40),
  thing('cabin', 11, 3.4, 0, 6, 2.5, 2.7),
  thing('cabin', 18, 3.4, 0, 6, 2.5, 2.7),
  thing('container', 24.5, 38, 0, 6.06, 2.44, 2.6),
  thing('container', 31.5, 38, 0, 6.06, 2.44, 2.6),
  thing('container', 38, 37.8, 0.06, 6.06, 2.44, 2.6),
  thing('container', 2, 15.5, NORTH, 6.06, 2.44, 2.6),
  thing('crane', 49.5, 33, -2.4, 2, 2, 24),
  thing('pallets', 45, 34, 0, 1.2, 1, 1.3),
  thing('pallets', 43.3, 34.1, 0.1, 1.2, 1, 0.8),
  thing('scaffold', 48.5, 4.2, 0, 10, 1.8, 6.3),
  thing('tarpaulin', 51, 5.25, 0, 4, 0.1, 3.6),
  thing('tarpaulin', 3, 26, NORTH, 5, 0.1, 2.4),
  thing('pile', 55.5, 31, 0.3, 4, 3, 1.7),
  thing('pile', 3, 31.5, 1.2, 4.5, 3.4, 1.8),
  thing('pile', 23.5, 32.5, 0.4, 3.6, 2.8, 1.4),
  thing('pallets', 39.2, 8, 0, 1.2, 1, 1.1),
  thing('pallets', 39.2, 9.6, 0.05, 1.2, 1, 1.4),
  thing('pallets', 39.2, 11.2, -0.04, 1.2, 1, 0.7),
  // Between walkway and yard, with gaps to walk through.
  barrier(11, 10.1, 0),
  barrier(13.2, 10.1, 0),
  barrier(15.4, 10.1, 0.03),
  barrier(19, 10.1, 0),
  barrier(21.2, 10.1, -0.02),
  // Along the two sides of the exclusion zone from which people come.
  ...cones([
    [7.5, 23.1],
    [10.5, 23.1],
    [13.5, 23.1],
    [16.5, 23.1],
    [19.5, 23.1],
    [20.9, 25.5],
    [20.9, 28.5],
    [20.9, 31.5],
    [20.9, 34.5],
    [25.3, 5],
    [34.7, 5],
    [41.1, 29],
    [41.1, 32],
    [53.5, 29],
  ]),
  barrier(54.2, 8.5, NORTH),
  barrier(54.2, 11.5, NORTH),
  lamp(POLES.gate, 8),
  lamp(POLES.pit, 8.5),
  lamp(POLES.east, 8.5),
  lamp({ x: 24, y: 1.2 }, 6),
  lamp({ x: 36, y: 1.2 }, 6),
  lamp({ x: 36, y: 36 }, 7),
  lamp({ x: 2, y: 37 }, 7),
  // Beyond the fence.
  tree(4, 45, 4.5, 7),
  tree(11, 47, 5.5, 9),
  tree(19, 44.5, 4, 6.5),
  tree(27, 46, 5, 8),
  tree(37, 44.5, 4.2, 7),
  tree(44, 47, 6, 9.5),
  tree(53, 45, 4.6, 7.5),
  tree(-4.5, 22, 4.6, 7.5),
  tree(-6, 31, 5.4, 8.5),
  tree(-4, 39, 4, 6.5),
  tree(-5, 10, 4.4, 7),
  tree(8, -13, 4.6, 7.5),
  tree(17, -14, 5, 8),
  tree(25.5, -13, 4.4, 7),
  tree(35, -14.5, 5.2, 8.5),
  tree(43, -13, 4.4, 7),
];

function thing(
  kind: Furniture['kind'],
  x: number,
  y: number,
  heading: number,
  lengthM: number,
  widthM: number,
  heightM: number,
): Furniture {
  return { kind, at: { x, y }, heading, size: { lengthM, widthM, heightM } };
}

function fence(x: number, y: number, heading: number, lengthM: number): Furniture {
  return thing('fence', x, y, heading, lengthM, 0.1, 2);
}

function barrier(x: number, y: number, heading: number): Furniture {
  return thing('barrier', x, y, heading, 2, 0.5, 1);
}

function cones(at: readonly (readonly [number, number])[]): Furniture[] {
  return at.map(([x, y]) => thing('cone', x, y, 0, 0.36, 0.36, 0.75));
}

function lamp({ x, y }: Point, heightM: number): Furniture {
  return thing('lamp', x, y, 0, 0.2, 0.2, heightM);
}

function tree(x: number, y: number, crownM: number, heightM: number): Furniture {
  return thing('tree', x, y, 0, crownM, crownM, heightM);
}
