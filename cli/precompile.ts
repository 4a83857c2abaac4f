/** Compiles every module of the product into Node's compile cache, see `runtime/lean.ts`. `./setup` calls it. */
import { globSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const entries = [
  'cli/commands/*.ts',
  'cli/{check,incidents,models,probe,reload,roles,simulate,status,tail,up}.ts',
  'config/*.ts',
  'ingest/{agent,camera}.ts',
  'processors/{registry,detect/worker,*/{detect,cleanup,incidents}}.ts',
  'sinks/{registry,*/{alerts,evidence,state}}.ts',
  'dashboards/console/console.ts',
  'runtime/bus/local/checkpoint_worker.ts',
];

for (const file of globSync(entries, { cwd: root })) {
  if (file.endsWith('.test.ts') || file === 'config/generate.ts') continue;
  try {
    await import(join(root, file));
  } catch {
    // Some want to be started as what they are, as workers do; they are compiled by then.
  }
}
process.exit(0);
