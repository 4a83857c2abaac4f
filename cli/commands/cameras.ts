import { type Command, Option } from 'commander';
import type { AddOptions, ApplyOptions } from '../cameras.ts';
import type { DrainOptions } from '../cameras_fleet.ts';
import { action, configOption, example, jsonOption } from './parts.ts';

export function camerasCommands(program: Command): void {
  const cameras = program
    .command('cameras')
    .description('the cameras of a fleet and the ingest agents that have them')
    .addHelpText('after', example('banksman cameras list', 'banksman cameras apply -f cameras.yaml --dry-run'));
  const fileOption = (what: string): Option => new Option('-f, --file <file>', what);
  const dryRunOption = (): Option => new Option('--dry-run', 'show what would change, and change nothing');
  const yesOption = (): Option => new Option('-y, --yes', 'do not ask');
  cameras
    .command('list')
    .description('every camera, the agent that has it, its state and why')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', example('banksman cameras list --json'))
    .action(
      action(async (options: { config: string; json?: boolean }) =>
        (await import('../cameras_fleet.ts')).list(options),
      ),
    );
  cameras
    .command('agents')
    .description('every ingest agent that lives: its cameras, load and clock')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', example('banksman cameras agents'))
    .action(
      action(async (options: { config: string; json?: boolean }) =>
        (await import('../cameras_fleet.ts')).agents(options),
      ),
    );
  cameras
    .command('apply')
    .description('make the cameras what a file says; shows what changes, and asks')
    .addOption(configOption())
    .addOption(fileOption('cameras (and rules, schedules, …) as in a site file').makeOptionMandatory())
    .addOption(dryRunOption())
    .addOption(yesOption())
    .addHelpText('after', example('banksman cameras apply -f cameras.yaml'))
    .action(action(async (options: ApplyOptions) => (await import('../cameras.ts')).apply(options)));
  cameras
    .command('add')
    .argument('[id...]')
    .description('add a camera, or cameras of a file; others of the same name are changed')
    .addOption(configOption())
    .addOption(fileOption('cameras as in a site file; with IDs only these of it'))
    .option('--url <url>', 'rtsp://HOST:PORT/PATH, of one ID')
    .option('--username-env <NAME>', 'environment variable of the ingest agents that holds the user')
    .option('--password-env <NAME>', 'environment variable of the ingest agents that holds the password')
    .addOption(dryRunOption())
    .addOption(yesOption())
    .addHelpText('after', example('banksman cameras add gate --url rtsp://10.0.0.11:554/stream2'))
    .action(action(async (ids: string[], options: AddOptions) => (await import('../cameras.ts')).add(ids, options)));
  cameras
    .command('remove')
    .argument('<id...>')
    .description('take cameras out')
    .addOption(configOption())
    .addOption(dryRunOption())
    .addOption(yesOption())
    .addHelpText('after', example('banksman cameras remove gate'))
    .action(action(async (ids: string[], options: AddOptions) => (await import('../cameras.ts')).remove(ids, options)));
  cameras
    .command('drain')
    .description('give the cameras of an agent to others, a few at a time, and it no more; waits until it has none')
    .addOption(configOption())
    .requiredOption('--agent <id>', 'as banksman cameras agents shows it')
    .option('--cancel', 'let it take cameras again')
    .option('--no-wait', 'do not wait')
    .addHelpText('after', example('banksman cameras drain --agent ingest-2-3f9a1c'))
    .action(action(async (options: DrainOptions) => (await import('../cameras_fleet.ts')).drain(options)));
}
