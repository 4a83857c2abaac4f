import { defineConfig } from 'vitest/config';
import long from './vitest.long.config.ts';

/** Longer than a change should have to wait for: before a release, and after changes to what recovers. */
export default defineConfig({ test: { ...long.test, include: ['**/*.soak.test.ts'] } });
