import { describe, expect, it } from 'vitest';
import { Slabs } from './slabs.ts';

describe('Slabs', () => {
  it('gives every byte once, from few blocks', () => {
    const slabs = new Slabs();
    const sizes = Array.from({ length: 500 }, (_, i) => (i * 7919) % 60_000);
    const taken = sizes.map((size, i) => slabs.take(size).fill(i % 256));
    expect(taken.map(({ length }) => length)).toEqual(sizes);
    expect(taken.findIndex((buffer, i) => !buffer.equals(Buffer.alloc(buffer.length, i % 256)))).toBe(-1);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    expect(new Set(taken.map(({ buffer }) => buffer)).size).toBeLessThan((1.1 * bytes) / 2 ** 20 + 1);
  });

  it('keeps nothing else alive with a large buffer', () => {
    const large = new Slabs().take(1_000_000);
    expect(large.buffer.byteLength).toBe(1_000_000);
  });
});
