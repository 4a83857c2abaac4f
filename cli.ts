/** Every command, thin: options in `cli/commands/`, work in `cli/` and the parts of the product. */
import { Command } from 'commander';
import { alertsCommands } from './cli/commands/alerts.ts';
import { camerasCommands } from './cli/commands/cameras.ts';
import { evidenceCommands } from './cli/commands/evidence.ts';
import { lookCommands } from './cli/commands/look.ts';
import { modelsCommands } from './cli/commands/models.ts';
import { example } from './cli/commands/parts.ts';
import { reportCommand } from './cli/commands/report.ts';
import { runCommands } from './cli/commands/run.ts';
import { simulateCommand } from './cli/commands/simulate.ts';
import { siteCommands } from './cli/commands/site.ts';
import { tokensCommands } from './cli/commands/tokens.ts';
import { topicsCommands } from './cli/commands/topics.ts';
import { VERSION } from './cli/version.ts';

// A reader that goes away, as `head` does, ends a command quietly, unless the command has its own mind about it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (process.stdout.listenerCount('error') === 1) process.exit(0);
});

export const program = new Command('banksman')
  .description('Watches live cameras for people where a machine can hurt them, and says when it cannot see.')
  .version(VERSION)
  .showHelpAfterError('(see banksman --help)')
  .addHelpText('after', () =>
    example('banksman models pull yolox-nano', 'banksman check -c site.yaml', 'banksman up -c site.yaml'),
  )
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  });

// In the order in which the help lists them.
runCommands(program);
siteCommands(program);
lookCommands(program);
reportCommand(program);
topicsCommands(program);
modelsCommands(program);
tokensCommands(program);
camerasCommands(program);
simulateCommand(program);
evidenceCommands(program);
alertsCommands(program);

// Whoever mistypes an option of a command is sent to the help of that command.
for (const command of program.commands.flatMap((group) => [group, ...group.commands])) {
  const path = command.parent === program ? command.name() : `${command.parent?.name()} ${command.name()}`;
  command.showHelpAfterError(`(see banksman ${path} --help)`);
}

if (process.argv[1] === import.meta.filename) await program.parseAsync();
