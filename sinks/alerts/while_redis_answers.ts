/** For tests of what sinks share over Redis. */
import { it } from 'vitest';
import type { CountingMetrics } from '../testing.ts';

/**
 * A sink that Redis does not answer in four seconds goes by what it knows itself, rightly, and may tell twice or
 * something silenced. A machine that stalls makes it so: then the test proves nothing, and begins anew.
 */
export function itWhileRedisAnswers(name: string, metrics: () => CountingMetrics, body: () => Promise<void>): void {
  const away = 'Redis did not answer a sink';
  const wasAway = (): boolean =>
    ['REDIS_UNREACHABLE', 'STORE_FAILED'].some(
      (reason) => metrics().value('store_errors_total', { store: 'alerts_shared', reason }) > 0,
    );
  it(name, { timeout: 200_000, retry: { count: 3, condition: new RegExp(away) } }, async () => {
    try {
      await body();
    } catch (cause) {
      throw wasAway() ? new Error(away, { cause }) : cause;
    }
  });
}
