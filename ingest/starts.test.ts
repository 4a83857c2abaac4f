import { expect, it } from 'vitest';
import { Starts } from './starts.ts';

const never = new AbortController().signal;

it('lets only so many begin, and the rest in their order as places come back', async () => {
  const starts = new Starts(2);
  const begun: number[] = [];
  const give: ((() => void) | null)[] = [];
  const all = [0, 1, 2, 3].map(async (number) => {
    give[number] = await starts.begin(never);
    begun.push(number);
  });
  await Promise.all(all.slice(0, 2));
  expect(begun).toEqual([0, 1]);
  give[1]?.();
  // Twice gives one place back.
  give[1]?.();
  await all[2];
  expect(begun).toEqual([0, 1, 2]);
  give[0]?.();
  await all[3];
  expect(begun).toEqual([0, 1, 2, 3]);
});

it('who does not want to wait any more takes no place', async () => {
  const starts = new Starts(1);
  const first = await starts.begin(never);
  const leaving = new AbortController();
  const left = starts.begin(leaving.signal);
  const last = starts.begin(never);
  leaving.abort();
  expect(await left).toBeNull();
  expect(await starts.begin(leaving.signal)).toBeNull();
  first?.();
  expect(await last).toBeTypeOf('function');
});
