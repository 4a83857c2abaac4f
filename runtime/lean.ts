import { flushCompileCache } from 'node:module';
import { join } from 'node:path';

/** Where `./setup` has compiled the sources to, unless the environment names another place. */
const COMPILE_CACHE = join(import.meta.dirname, '../.cache/compile');

/**
 * Environment for processes of the product that keeps them small. With its modules in the compile
 * cache a process does not load the part of Node that strips types: about 30 MB each. glibc gives every thread
 * an arena of its own; with many threads these are most of what a process would hold. It also raises
 * the size from which memory goes back to the system with every large piece that is freed: pictures
 * would then stay; a size that is given stays as it is.
 */
export function leanEnv(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return {
    NODE_COMPILE_CACHE: env['NODE_COMPILE_CACHE'] ?? COMPILE_CACHE,
    MALLOC_ARENA_MAX: env['MALLOC_ARENA_MAX'] ?? '2',
    MALLOC_MMAP_THRESHOLD_: env['MALLOC_MMAP_THRESHOLD_'] ?? '131072',
  };
}

/** Node arguments for the same. */
export const LEAN_ARGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4'];

/** Writes what this process compiled, so that the next one finds it even when this one is killed. */
export function rememberCompiled(): void {
  flushCompileCache();
}
