/** What the declarations of commands have in common. */
import { Option } from 'commander';
import { asError } from '../../runtime/errors.ts';

export const configOption = (): Option =>
  new Option('-c, --config <file>', 'the site file').default('site.yaml').env('BANKSMAN_CONFIG');
export const jsonOption = (): Option => new Option('--json', 'print JSON for programs');

export function example(...lines: string[]): string {
  return `\nExample${lines.length === 1 ? '' : 's'}:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}

/** Runs an action; its number is the exit code, its errors are told with what, where and how to mend. */
export function action<Args extends unknown[]>(
  run: (...args: Args) => Promise<number>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      process.exitCode = await run(...args);
    } catch (thrown) {
      const { displayOf, exitCodeOf } = await import('../role.ts');
      const error = asError(thrown);
      process.stderr.write(`${displayOf(error)}\n`);
      process.exitCode = exitCodeOf(error);
    }
  };
}
