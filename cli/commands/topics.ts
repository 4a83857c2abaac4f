import type { Command } from 'commander';
import type { TopicsOptions } from '../topics.ts';
import { action, configOption, example, jsonOption } from './parts.ts';

export function topicsCommands(program: Command): void {
  const topics = program
    .command('topics')
    .description('the topics of a fleet on Kafka')
    .addHelpText('after', example('banksman topics plan -c site.yaml', 'banksman topics apply -c site.yaml'));
  for (const [name, description] of [
    ['plan', 'what `apply` would do'],
    ['apply', 'make and change topics so that a fleet can run on the cluster'],
    ['check', 'whether a fleet can run on the cluster as it is; exit code 1 when not'],
  ] as const) {
    const command = topics
      .command(name)
      .description(description)
      .addOption(configOption())
      .addHelpText('after', example(`banksman topics ${name} -c site.yaml`));
    if (name === 'apply') command.option('--yes', 'without asking');
    else command.addOption(jsonOption());
    command.action(action(async (options: TopicsOptions) => (await import('../topics.ts'))[name](options)));
  }
}
