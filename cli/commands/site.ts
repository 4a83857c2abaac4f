import { type Command, Option } from 'commander';
import type { ProbeOptions } from '../probe.ts';
import { action, configOption, example, jsonOption } from './parts.ts';

/** What can be known of a site file and of a camera before anything runs. */
export function siteCommands(program: Command): void {
  program
    .command('check')
    .description('check a site file and name every mistake with line and column')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', example('banksman check -c site.yaml'))
    .action(
      action(async (options: { config: string; json?: boolean }) => (await import('../check.ts')).check(options)),
    );

  program
    .command('probe')
    .argument('<url>', 'rtsp://HOST:PORT/PATH')
    .description('connect to a camera once and say what it sends and what to write in the site file')
    .option('--username <name>', 'user of the camera')
    .option('--password-env <NAME>', 'environment variable that holds the password', 'BANKSMAN_PASSWORD')
    .addOption(new Option('--transport <how>', 'how pictures come').choices(['tcp', 'udp']).default('tcp'))
    .option('--tls-ca-file <file>', 'rtsps: certificate of your own authority')
    .option('--no-tls-verify', 'rtsps: accept any certificate')
    .option('--timeout <duration>', 'how long to wait for pictures', '15s')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      example(
        'banksman probe rtsp://10.0.0.11:554/stream2',
        'GATE=secret banksman probe rtsp://10.0.0.11/stream2 --username admin --password-env GATE',
      ),
    )
    .action(
      action(async (url: string, options: ProbeOptions) => (await import('../probe.ts')).probeCommand(url, options)),
    );
}
