import type { Command } from 'commander';
import { action, configOption, example } from './parts.ts';

export function evidenceCommands(program: Command): Command {
  const evidence = program
    .command('evidence')
    .description('the bucket of evidence (evidence.store: s3)')
    .addHelpText('after', example('banksman evidence check -c site.yaml', 'banksman evidence lifecycle -c site.yaml'));
  evidence
    .command('check')
    .description('write, read and remove one object, as the sink and the console do, and say what is wrong')
    .addOption(configOption())
    .addHelpText('after', example('banksman evidence check -c site.yaml'))
    .action(action(async (options: { config: string }) => (await import('../evidence.ts')).check(options)));
  evidence
    .command('lifecycle')
    .description('the rules by which the store clears away what retention cannot see, as JSON')
    .addOption(configOption())
    .option('--apply', 'set them on the bucket; rules of others stay')
    .option('--expire', 'also remove everything after retention.records_days: what is held as well')
    .addHelpText('after', example('banksman evidence lifecycle -c site.yaml --apply'))
    .action(
      action(async (options: { config: string; apply?: boolean; expire?: boolean }) =>
        (await import('../evidence.ts')).lifecycle(options),
      ),
    );
  return evidence;
}
