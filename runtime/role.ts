import type { Slice } from './exposition.ts';
import { rememberCompiled } from './lean.ts';
import { type Component, startAll, stopAll } from './lifecycle.ts';
import type { Logger } from './log.ts';

/** What a role's process says to the supervisor that started it, over Node's IPC channel. */
export type RoleToSupervisor =
  | { type: 'ready'; addresses: Record<string, string> }
  | { type: 'failed'; code: string; message: string; where?: string }
  /** Answers to `metrics`, one after another; null is the last. */
  | { type: 'metrics'; id: number; slice: Slice | null }
  /** Answer to `ping`. */
  | { type: 'pong'; id: number };

/** `ping` is the heartbeat: a role whose event loop does not answer is hung. */
export type SupervisorToRole = { type: 'stop' } | { type: 'metrics'; id: number } | { type: 'ping'; id: number };

export interface RoleOptions {
  name: string;
  log: Logger;
  /** In starting order; stopped in reverse. */
  components: readonly Component[];
  /** Rendered on demand for the supervisor. */
  metrics: () => AsyncIterable<Slice>;
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
  const sayMetrics = async (id: number): Promise<void> => {
    for await (const slice of options.metrics()) say({ type: 'metrics', id, slice });
    say({ type: 'metrics', id, slice: null });
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
      else if (message.type === 'ping') say({ type: 'pong', id: message.id });
      else void sayMetrics(message.id);
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
