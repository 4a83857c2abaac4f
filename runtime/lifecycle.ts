import type { Logger } from './log.ts';

/** Constructors do nothing; `start` and `stop` do. `stop` may be called at any time, twice as well. */
export interface Component {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts in order; when one fails, stops those already started, last first, and rethrows. */
export async function startAll(components: readonly Component[]): Promise<void> {
  const started: Component[] = [];
  try {
    for (const component of components) {
      await component.start();
      started.push(component);
    }
  } catch (error) {
    for (const component of started.reverse()) await component.stop().catch(() => undefined);
    throw error;
  }
}

/**
 * Stops in reverse order within one deadline for all.
 * @returns names of those that did not stop in time; they are logged.
 */
export async function stopAll(components: readonly Component[], deadlineMs: number, log: Logger): Promise<string[]> {
  const end = performance.now() + deadlineMs;
  const stragglers: string[] = [];
  for (const component of [...components].reverse()) {
    const left = Math.max(0, end - performance.now());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), left);
    });
    const outcome = await Promise.race([
      component.stop().then(
        () => 'stopped' as const,
        (error: unknown) => error,
      ),
      late,
    ]);
    clearTimeout(timer);
    if (outcome === 'late') {
      stragglers.push(component.name);
      log.error({ code: 'STOP_TIMED_OUT', component: component.name }, 'did not stop within the deadline');
    } else if (outcome !== 'stopped') {
      log.error({ component: component.name, err: outcome }, 'failed while stopping');
    }
  }
  return stragglers;
}
