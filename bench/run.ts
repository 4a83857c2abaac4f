/**
 * usage: npm run bench -- NAME [options of that benchmark]
 * Each benchmark is a module beside this one that exports `run(args)`.
 */
import { readdirSync } from 'node:fs';

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -'.ts'.length));

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- NAME [options]\n  NAME: ${names.join(', ')}`);
  process.exitCode = 2;
} else {
  const benchmark: { run: (args: string[]) => Promise<void> } = await import(`./${name}.ts`);
  await benchmark.run(args);
}
