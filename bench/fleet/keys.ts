import { partitionOf } from '../../runtime/bus/murmur2.ts';

export const KEYS = Array.from({ length: 96 }, (_, index) => `yard/cam-${index}`);

/** A key for every partition. */
export function keyOfEach(partitions: number): string[] {
  return Array.from({ length: partitions }, (_, partition) => {
    const key = KEYS.find((each) => partitionOf(each, partitions) === partition);
    if (key === undefined) throw new Error(`no key falls on partition ${partition}`);
    return key;
  });
}
