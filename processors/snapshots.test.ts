import { afterEach, beforeEach, expect, test } from 'vitest';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import type { Bus, Message } from '../runtime/bus/types.ts';
import { silentLogger } from '../runtime/log.ts';
import { rankHeaders, restoreStates } from './snapshots.ts';

let inner: Bus;
beforeEach(() => {
  inner = openMemoryBus();
});
afterEach(() => inner.close());

/** A snapshot as it was sent: what it covers, of which owner (none: by a version that did not say), and its state. */
interface Sent {
  covers: number;
  term?: number;
  state: string;
}

const read = ({ value }: Message): string | undefined => {
  const { state } = JSON.parse(String(value));
  return state === 'junk' ? undefined : state;
};

async function restored(...sent: (Sent | null)[]) {
  // Kept as a log: nothing is compacted yet.
  const bus: Bus = {
    ...inner,
    table: (_, options) => inner.table('tracks.v1', options),
    tail: (_, ...rest) => inner.tail('tracks.v1', ...rest),
  };
  const producer = inner.producer();
  for (const each of sent) {
    const covered = { 'tracks.v1': String(each?.covers) };
    const headers = each?.term === undefined ? {} : rankHeaders(covered, each.term);
    const value = each && Buffer.from(JSON.stringify({ covered, state: each.state }));
    await producer.send('tracks.v1', { key: 'rules/yard/gate', headers, value });
  }
  const states = await restoreStates({ bus, log: silentLogger }, 'rules', () => true, read);
  return states.get('yard/gate');
}

test('the newest holds', async () => {
  const snapshots = [
    { covers: 3, term: 1, state: 'a' },
    { covers: 3, term: 1, state: 'b' },
    { covers: 5, term: 1, state: 'c' },
  ];
  expect(await restored(...snapshots)).toEqual({ state: 'c', term: 2, outdone: false });
});

test('one that covers less and arrives late does not hold', async () => {
  const late = { covers: 5, term: 1, state: 'late' };
  const heir = { covers: 9, term: 2, state: 'heir' };
  expect(await restored(late, heir, late)).toEqual({ state: 'heir', term: 3, outdone: true });
});

test('of two that cover as much, that of the later owner holds', async () => {
  const late = { covers: 5, term: 1, state: 'late' };
  expect(await restored({ covers: 5, term: 2, state: 'heir' }, late)).toEqual({
    ...{ state: 'heir', term: 3, outdone: true },
  });
});

test('nothing from before a camera was removed holds, whatever it covered', async () => {
  const before = { covers: 9, term: 7, state: 'before' };
  expect(await restored(before, null, { covers: 2, term: 1, state: 'after' })).toMatchObject({ state: 'after' });
  expect(await restored(before, null)).toBeUndefined();
});

test('snapshots of a version that did not say compare by what they cover', async () => {
  const [silent, silentLater] = [
    { covers: 5, state: 'silent' },
    { covers: 4, state: 'later' },
  ];
  expect(await restored(silent, silentLater)).toMatchObject({ state: 'later', term: 1 });
  expect(await restored(null, { covers: 4, term: 1, state: 'new' }, silent)).toMatchObject({ state: 'silent' });
  expect(await restored(null, { covers: 6, term: 1, state: 'new' }, silent)).toMatchObject({ state: 'new' });
});

test('where the one that holds cannot be read, the best of the others does', async () => {
  const snapshots = [
    { covers: 3, term: 1, state: 'a' },
    { covers: 8, term: 2, state: 'b' },
    { covers: 4, term: 1, state: 'late' },
    { covers: 9, term: 2, state: 'junk' },
  ];
  expect(await restored(...snapshots)).toMatchObject({ state: 'b', term: 3 });
});
