import type { Point, Posture } from './world/types.ts';

/** Classes of the simulator's truth and of the starter detector, in the order of its outputs. */
export const TRUTH_CLASSES = ['person', 'hard-hat', 'vest', 'forklift', 'lorry'] as const;
export type TruthClass = (typeof TRUTH_CLASSES)[number];

/** Something in a frame. */
export interface TruthObject {
  /** The actor's; a hard hat or vest has its wearer's. */
  id: string;
  class: TruthClass;
  /** `[x1, y1, x2, y2]`, 0–1: all of the object that lies inside the picture, hidden parts included. */
  box: readonly [number, number, number, number];
  /** Of its pixels inside the picture, the share that nothing stands before, on the site or on the lens: 0–1. */
  visible: number;
  /** Of the whole object, the share inside the picture: 0–1. */
  inside: number;
  /** Where it touches the ground; of a hat or vest, its wearer. */
  ground: Point;
  /** Persons only. */
  person?: { posture: Posture; hasHelmet: boolean; hasVest: boolean };
}

export interface TruthFrame {
  camera: string;
  /** From 0; the frame's time is index / fps. */
  index: number;
  objects: readonly TruthObject[];
}
