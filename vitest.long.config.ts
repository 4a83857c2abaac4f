import { defineConfig } from 'vitest/config';

/** Kills, soaks and fleets: one file at a time, because they load the machine. */
export default defineConfig({
  test: {
    include: ['**/*.long.test.ts'],
    exclude: ['node_modules/**', '.node/**'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 900_000,
    hookTimeout: 120_000,
  },
});
