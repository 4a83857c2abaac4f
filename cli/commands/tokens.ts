import { type Command, Option } from 'commander';
import type { Role } from '../../dashboards/console/access/roles.ts';
import type { TokensOptions } from '../tokens.ts';
import { action, configOption, example, jsonOption } from './parts.ts';

export function tokensCommands(program: Command): Command {
  const tokens = program
    .command('tokens')
    .description('accounts of the console: named tokens with a role')
    .addHelpText('after', example('banksman tokens add ada --role operator -c site.yaml', 'banksman tokens list'));
  const accountsFileOption = (): Option =>
    new Option('--file <file>', 'the file of accounts, instead of asking the site file');
  tokens
    .command('add')
    .argument('<name>', 'whom judgements are from, as the page and the records say it')
    .description('make an account and print its token, this once')
    .addOption(
      new Option('--role <role>', 'viewer reads; operator judges and mutes as well; admin does everything')
        .choices(['viewer', 'operator', 'admin'])
        .makeOptionMandatory(),
    )
    .addOption(configOption())
    .addOption(accountsFileOption())
    .addOption(jsonOption())
    .addHelpText('after', example('banksman tokens add ada --role operator -c site.yaml'))
    .action(
      action(async (name: string, options: TokensOptions & { role: Role }) =>
        (await import('../tokens.ts')).add(name, options),
      ),
    );
  tokens
    .command('list')
    .description('who has an account, and its role')
    .addOption(configOption())
    .addOption(accountsFileOption())
    .addOption(jsonOption())
    .addHelpText('after', example('banksman tokens list -c site.yaml'))
    .action(action(async (options: TokensOptions) => (await import('../tokens.ts')).list(options)));
  tokens
    .command('remove')
    .argument('<name>')
    .description('take an account back: its token and its open pages end within seconds')
    .addOption(configOption())
    .addOption(accountsFileOption())
    .addHelpText('after', example('banksman tokens remove ada -c site.yaml'))
    .action(
      action(async (name: string, options: TokensOptions) => (await import('../tokens.ts')).remove(name, options)),
    );
  return tokens;
}
