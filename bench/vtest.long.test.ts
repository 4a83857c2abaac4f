import { expect, test } from 'vitest';
import { HAS_TEST_DATA } from '../test/data.ts';
import { detectVtest, scoreVtest } from './vtest.ts';

test.skipIf(!HAS_TEST_DATA).each([400, 1500])(
  'on vtest at %d kbit/s tracked people are right and the false one is gone on the second pass',
  async (kbps) => {
    const frames = await detectVtest('yolox-nano', kbps);
    const second = scoreVtest(frames, 10, 2).passes.at(-1);
    expect(second?.truth).toBe(70);
    expect(second?.truePositives).toBeGreaterThanOrEqual(58);
    expect(second?.falsePositives).toBeLessThanOrEqual(12);
  },
);
