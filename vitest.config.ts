import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Two minutes by itself: whoever begins with it last waits for it alone. */
const LONGEST = 'runtime/bus/kafka/kafka.test.ts';

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLongest = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith(LONGEST);
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))];
  }
}

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', '.node/**', '**/*.{long,soak}.test.ts'],
    pool: 'forks',
    // One more than the cores of a small machine: half of what a file takes is waiting for brokers, cameras and browsers.
    maxWorkers: 3,
    // Above the limit of `until`, which says what it waited for.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    sequence: { sequencer: LongestFirst },
  },
});
