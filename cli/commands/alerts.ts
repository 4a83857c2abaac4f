import type { Command } from 'commander';
import type { AlertsOptions } from '../alerts.ts';
import { action, configOption, example, jsonOption } from './parts.ts';

export function alertsCommands(program: Command): void {
  const alerts = program
    .command('alerts')
    .description('messages to people')
    .addHelpText('after', example('banksman alerts test -c site.yaml', 'banksman alerts redeliver --channel ops'));
  for (const [name, description] of [
    ['test', 'send a test over each channel; exit code 1 when one does not work'],
    ['redeliver', 'try again what was given up, on the machine of the sink'],
  ] as const) {
    alerts
      .command(name)
      .description(description)
      .option('--channel <id>', 'only this one')
      .addOption(configOption())
      .addOption(jsonOption())
      .addHelpText('after', example(`banksman alerts ${name} -c site.yaml`))
      .action(action(async (options: AlertsOptions) => (await import('../alerts.ts'))[name](options)));
  }
}
