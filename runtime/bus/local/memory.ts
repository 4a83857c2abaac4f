import { SessionBus } from '../session/bus.ts';
import { Engine, type EngineOptions } from './engine.ts';

/**
 * The local bus inside this process, nothing on disk: for tests and one-off commands. Several
 * connections to one bus: `new Engine(...)` and a `SessionBus` over each `engine.session(...)`.
 */
export function openMemoryBus(options: Omit<EngineOptions, 'path'> = {}): SessionBus {
  const engine = new Engine({ ...options, path: ':memory:' });
  return new SessionBus(engine.session({ copy: true }), () => engine.close());
}
