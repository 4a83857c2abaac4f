import { LocalBus } from './bus.ts';
import { Engine, type EngineOptions } from './engine.ts';

/**
 * The local bus inside this process, nothing on disk: for tests and one-off commands. Several
 * connections to one bus: `new Engine(...)` and a `LocalBus` over each `engine.session(...)`.
 */
export function openMemoryBus(options: Omit<EngineOptions, 'path'> = {}): LocalBus {
  const engine = new Engine({ ...options, path: ':memory:' });
  return new LocalBus(engine.session({ copy: true }), () => engine.close());
}
