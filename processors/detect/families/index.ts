import type { ModelFamily } from './family.ts';
import { nanodet } from './nanodet.ts';
import { yolox } from './yolox.ts';

/** By the name that manifests use. */
export const FAMILIES: ReadonlyMap<string, ModelFamily> = new Map(
  [yolox, nanodet].map((family) => [family.name, family]),
);
