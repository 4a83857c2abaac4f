import { expect, test } from 'vitest';
import { assign } from './assignment.ts';

/** Sum of (limit − cost): what the assignment is to make largest. */
function gain(costs: number[][], limit: number, result: number[]): number {
  return result.reduce((sum, column, row) => {
    const cost = costs[row]?.[column];
    return cost === undefined ? sum : sum + limit - cost;
  }, 0);
}

/** Every way to assign, by trying them all. */
function best(costs: number[][], limit: number, row = 0, taken = new Set<number>()): number {
  if (row === costs.length) return 0;
  let most = best(costs, limit, row + 1, taken);
  costs[row]?.forEach((cost, column) => {
    if (taken.has(column) || cost >= limit) return;
    taken.add(column);
    most = Math.max(most, limit - cost + best(costs, limit, row + 1, taken));
    taken.delete(column);
  });
  return most;
}

test('a greedy choice that spoils the rest is not taken', () => {
  expect(
    assign(
      [
        [1, 2],
        [1.1, 9],
      ],
      5,
    ),
  ).toEqual([1, 0]);
});

test('pairs at or above the limit are never made', () => {
  expect(assign([[5, Number.POSITIVE_INFINITY]], 5)).toEqual([-1]);
  expect(assign([[5, 4.9]], 5)).toEqual([1]);
});

test.each([[[]], [[[]]], [[[], []]]])('nothing to assign', (costs) => {
  expect(assign(costs, 1)).toEqual(costs.map(() => -1));
});

test('is as good as trying everything, in any shape', () => {
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  for (let round = 0; round < 300; round++) {
    const columns = 1 + Math.floor(random() * 5);
    const costs = Array.from({ length: 1 + Math.floor(random() * 5) }, () =>
      Array.from({ length: columns }, () => (random() < 0.2 ? Number.POSITIVE_INFINITY : random() * 2)),
    );
    const result = assign(costs, 1.5);
    const used = result.filter((column) => column >= 0);
    expect(new Set(used).size).toBe(used.length);
    expect(gain(costs, 1.5, result)).toBeCloseTo(best(costs, 1.5), 9);
  }
});
