import { defineConfig } from 'vitest/config';

/** Longer than a change should have to wait for: before a release, and after changes to what recovers. */
export default defineConfig({
  test: {
    include: ['**/*.soak.test.ts'],
    exclude: ['node_modules/**', '.node/**'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 900_000,
    hookTimeout: 120_000,
  },
});
