import { describe, expect, it } from 'vitest';
import { murmur2, partitionOf } from './murmur2.ts';

describe('murmur2', () => {
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('gives the value of the Java client for %s', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });

  it('masks to 31 bits before the modulo, so that a negative hash has a partition too', () => {
    expect(partitionOf('21', 4)).toBe((-973932308 & 0x7fffffff) % 4);
    expect(partitionOf('ü/camera', 1)).toBe(0);
  });
});
