import { rememberCompiled } from './lean.ts';
import { type Component, startAll, stopAll } from './lifecycle.ts';
import type { Logger } from './log.ts';

/** What a role's process says to the supervisor that started it, over Node's IPC channel. */
export type RoleToSupervisor =
  | { type: 'ready'; addresses: Record<string, string> }
  | { type: 'failed'; code: string; message: string; where?: string }
  /** Answer to `metrics`: the registry as prom-client's JSON. */
  | { type: 'metrics'; id: number; metrics: unknown };

/** `metrics` is the heartbeat as well: a role whose event loop does not answer is hung. */
export type SupervisorToRole = { type: 'stop' } | { type: 'metrics'; id: number };

export interface RoleOptions {
  name: string;
  log: Logger;
  /** In starting order; stopped in reverse. */
  components: readonly Component[];
  /** Rendered on demand for the supervisor. */
  metricsAsJson: () => Promise<unknown>;
  /** Addresses that the role listens on, for people: `console: http://127.0.0.1:8080`. */
  addresses?: () => Record<string, string>;
  stopDeadlineMs?: number;
}

/**
 * Runs the components of a role until SIGTERM, SIGINT, the supervisor's word or the supervisor's end.
 * @returns the exit code: 0 stopped when asked to, 1 something did not stop in time or failed.
 */
export async function runRole(options: RoleOptions): Promise<number> {
  const { log, components, stopDeadlineMs = 10_000 } = options;
  const say = (message: RoleToSupervisor): void => {
    if (process.connected) process.send?.(message);
  };

  const stopAsked = new Promise<string>((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    // Ctrl-C reaches the whole process group; under a supervisor it is the supervisor that says when.
    process.on('SIGINT', () => {
      if (process.send === undefined) resolve('SIGINT');
    });
    process.once('disconnect', () => resolve('supervisor gone'));
    process.on('message', (message: SupervisorToRole) => {
      if (message.type === 'stop') resolve('supervisor');
      else if (message.type === 'metrics') {
        void options.metricsAsJson().then((metrics) => say({ type: 'metrics', id: message.id, metrics }));
      }
    });
  });

  await startAll(components);
  say({ type: 'ready', addresses: options.addresses?.() ?? {} });
  log.info('ready');
  rememberCompiled();
  const why = await stopAsked;
  log.info({ why }, 'stopping');
  // Without its supervisor there is no bus to drain to: end within 2 s.
  const stragglers = await stopAll(components, why === 'supervisor gone' ? 1_500 : stopDeadlineMs, log);
  return stragglers.length === 0 ? 0 : 1;
}
