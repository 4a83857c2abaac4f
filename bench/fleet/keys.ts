import { partitionOf } from '../../runtime/bus/murmur2.ts';

export const KEYS = Array.from({ length: 96 }, (_, index) => `yard/cam-${index}`);

/** Partitions that the keys reach, so that it is known which to expect records of. */
export function reached(partitions: number): Set<number> {
  return new Set(KEYS.map((key) => partitionOf(key, partitions)));
}
