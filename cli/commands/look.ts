import { type Command, Option } from 'commander';
import { action, configOption, example, jsonOption } from './parts.ts';

/** What a site is seen to do. */
export function lookCommands(program: Command): void {
  program
    .command('status')
    .description('every camera, its state and why')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', example('banksman status -c site.yaml'))
    .action(
      action(async (options: { config: string; json?: boolean }) => (await import('../status.ts')).status(options)),
    );

  program
    .command('incidents')
    .description('incidents, newest first')
    .addOption(configOption())
    .addOption(jsonOption())
    .option('--camera <id>', 'only of this camera')
    .option('--rule <id>', 'only of this rule')
    .addOption(new Option('--state <state>', 'only in this state').choices(['open', 'unobserved', 'closed']))
    .option('--limit <n>', 'at most this many', '100')
    .addHelpText(
      'after',
      example('banksman incidents -c site.yaml --state open', 'banksman incidents -c site.yaml --json'),
    )
    .action(
      action(
        async (options: {
          config: string;
          json?: boolean;
          camera?: string;
          rule?: string;
          state?: 'open' | 'unobserved' | 'closed';
          limit: string;
        }) => (await import('../incidents.ts')).incidents(options),
      ),
    );

  program
    .command('tail')
    .argument('<topic>', 'e.g. tracks.v1, incidents.v1, frames.v1 (headers only)')
    .description('follow a topic of a running `up`')
    .addOption(configOption())
    .addOption(jsonOption())
    .option('--camera <id>', 'only of this camera')
    .addOption(new Option('--from <where>', 'where to begin').choices(['latest', 'earliest']).default('latest'))
    .addHelpText('after', example('banksman tail tracks.v1 -c site.yaml --camera gate --json'))
    .action(
      action(
        async (
          topic: string,
          options: { config: string; json?: boolean; camera?: string; from: 'latest' | 'earliest' },
        ) => (await import('../tail.ts')).tail(topic, options),
      ),
    );
}
