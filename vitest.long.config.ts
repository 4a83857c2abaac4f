import { defineConfig } from 'vitest/config';

/** They wait for most of their time: for a store or a camera that is away for a minute. */
const WAITING = [
  'test/system/outages.long.test.ts',
  'test/system/state_redis.long.test.ts',
  'test/system/evidence_s3.long.test.ts',
];
const common = { pool: 'forks', testTimeout: 900_000, hookTimeout: 120_000 } as const;

/** Kills, soaks and fleets: one file at a time, because they load the machine; those that wait, two at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'long',
          include: ['**/*.long.test.ts'],
          exclude: ['node_modules/**', '.node/**', ...WAITING],
          maxWorkers: 1,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: { ...common, name: 'long, waiting', include: WAITING, maxWorkers: 2, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
