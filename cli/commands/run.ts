import type { Command } from 'commander';
import { action, configOption, example } from './parts.ts';

/** Everything on this machine, or one role of it. */
export function runCommands(program: Command): void {
  program
    .command('up')
    .description('run everything on this machine: bus, cameras, detection, incidents, evidence, alerts, console')
    .addOption(configOption())
    .option('--for <duration>', 'stop by itself after this long, e.g. 60s, 5m')
    .addHelpText('after', example('banksman up -c site.yaml'))
    .action(action(async (options: { config: string; for?: string }) => (await import('../up.ts')).up(options)));

  for (const [name, description] of [
    ['ingest', 'read the cameras (one process a camera)'],
    ['process', 'detect, clean up and track, judge incidents'],
    ['sink', 'keep evidence and state, send alerts'],
    ['console', 'serve the HTTP API and the page'],
  ] as const) {
    const command = program
      .command(name)
      .description(`one role alone, beside a running \`up\`: ${description}`)
      .addOption(configOption())
      .addHelpText('after', example(`banksman ${name} -c site.yaml`));
    if (name === 'process' || name === 'sink') {
      command.option('--only <names>', 'only these, separated by commas');
    }
    command.action(
      action(async (options: { config: string; only?: string }) =>
        (await import('../roles.ts')).role(name, options.config, options.only),
      ),
    );
  }
}
