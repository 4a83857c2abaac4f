import { expect, it } from 'vitest';
import { CRASH_EXPECTED, expectWholeWhenKilledAt } from './crash.ts';

it('gives every transition with one content, killed at every single step', async () => {
  let step = 0;
  while (await expectWholeWhenKilledAt(step)) step += 1;
  expect(step).toBeGreaterThan(2 * CRASH_EXPECTED.length);
}, 600_000);
