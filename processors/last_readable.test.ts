import { afterAll, expect, test } from 'vitest';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import { lastReadable } from './last_readable.ts';

const inner = openMemoryBus();
/** Nothing is compacted yet. */
const bus = { tail: (_: string, ...rest: [never, never]) => inner.tail('tracks.v1', ...rest) };
const read = ({ value }: { value: Buffer | null }): number | undefined => Number(value) || undefined;
afterAll(() => inner.close());

test('of each key the last that can be read, since it was removed', async () => {
  const producer = inner.producer();
  const records = ['a 1', 'b 5', 'a 2', 'c 7', 'a junk', 'b junk', 'b', 'b junk', 'd junk'].map((one) =>
    one.split(' '),
  );
  for (const [key = '', text] of records) {
    await producer.send('tracks.v1', { key, value: text === undefined ? null : Buffer.from(text) });
  }
  const newest = await lastReadable(bus, new Set(['a', 'b', 'd']), read, () => true);
  expect([...newest].map(([key, { state }]) => [key, state])).toEqual([['a', 2]]);
  const oldest = await lastReadable(bus, new Set(['a']), read, () => false);
  expect([...oldest].map(([key, { state }]) => [key, state])).toEqual([['a', 1]]);
});

test('nothing is looked for where another version wrote everything', async () => {
  const many = new Set(['a', ...Array.from({ length: 20 }, (_, n) => `${n}`)]);
  expect(await lastReadable(bus, many, read, () => true)).toEqual(new Map());
});
