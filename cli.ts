/** Every command, thin: options here, work in `cli/` and the parts of the product. */
import { Command, Option } from 'commander';
import type { AddOptions, ApplyOptions } from './cli/cameras.ts';
import type { DrainOptions } from './cli/cameras_fleet.ts';
import type { ModelsCommandOptions } from './cli/models.ts';
import type { ProbeOptions } from './cli/probe.ts';
import type { SimulateOptions } from './cli/simulate.ts';
import type { TokensOptions } from './cli/tokens.ts';
import type { TopicsOptions } from './cli/topics.ts';
import { VERSION } from './cli/version.ts';
import type { Role } from './dashboards/console/access/roles.ts';
import { asError } from './runtime/errors.ts';

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

const configOption = (): Option =>
  new Option('-c, --config <file>', 'the site file').default('site.yaml').env('BANKSMAN_CONFIG');
const jsonOption = (): Option => new Option('--json', 'print JSON for programs');
function example(...lines: string[]): string {
  return `\nExample${lines.length === 1 ? '' : 's'}:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}

/** Runs an action; its number is the exit code, its errors are told with what, where and how to mend. */
function action<Args extends unknown[]>(run: (...args: Args) => Promise<number>): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      process.exitCode = await run(...args);
    } catch (thrown) {
      const { displayOf, exitCodeOf } = await import('./cli/role.ts');
      const error = asError(thrown);
      process.stderr.write(`${displayOf(error)}\n`);
      process.exitCode = exitCodeOf(error);
    }
  };
}

program
  .command('up')
  .description('run everything on this machine: bus, cameras, detection, incidents, evidence, alerts, console')
  .addOption(configOption())
  .option('--for <duration>', 'stop by itself after this long, e.g. 60s, 5m')
  .addHelpText('after', example('banksman up -c site.yaml'))
  .action(action(async (options: { config: string; for?: string }) => (await import('./cli/up.ts')).up(options)));

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
      (await import('./cli/roles.ts')).role(name, options.config, options.only),
    ),
  );
}

program
  .command('check')
  .description('check a site file and name every mistake with line and column')
  .addOption(configOption())
  .addOption(jsonOption())
  .addHelpText('after', example('banksman check -c site.yaml'))
  .action(
    action(async (options: { config: string; json?: boolean }) => (await import('./cli/check.ts')).check(options)),
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
    action(async (url: string, options: ProbeOptions) => (await import('./cli/probe.ts')).probeCommand(url, options)),
  );

program
  .command('status')
  .description('every camera, its state and why')
  .addOption(configOption())
  .addOption(jsonOption())
  .addHelpText('after', example('banksman status -c site.yaml'))
  .action(
    action(async (options: { config: string; json?: boolean }) => (await import('./cli/status.ts')).status(options)),
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
      }) => (await import('./cli/incidents.ts')).incidents(options),
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
      ) => (await import('./cli/tail.ts')).tail(topic, options),
    ),
  );

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
  command.action(action(async (options: TopicsOptions) => (await import('./cli/topics.ts'))[name](options)));
}

const models = program
  .command('models')
  .description('model manifests and their weights')
  .addHelpText('after', example('banksman models list', 'banksman models pull yolox-nano'));
const modelsConfigOption = (): Option => new Option('-c, --config <file>', 'as the `models` of this site file say');
models
  .command('list')
  .description('every manifest, and whether its weights are here')
  .addOption(modelsConfigOption())
  .addOption(jsonOption())
  .addHelpText('after', example('banksman models list'))
  .action(action(async (options: ModelsCommandOptions) => (await import('./cli/models.ts')).list(options)));
models
  .command('pull')
  .argument('<name>')
  .description('download the weights of a model, check and keep them')
  .addOption(modelsConfigOption())
  .option('--from <file>', 'take a local file instead')
  .addHelpText(
    'after',
    example('banksman models pull yolox-nano', 'banksman models pull yolox-nano --from yolox_nano.onnx'),
  )
  .action(
    action(async (name: string, options: ModelsCommandOptions & { from?: string }) =>
      (await import('./cli/models.ts')).pull(name, options),
    ),
  );
models
  .command('check')
  .argument('[name]')
  .description('checksum, signature and a warm-up run')
  .addOption(modelsConfigOption())
  .addOption(jsonOption())
  .addHelpText('after', example('banksman models check yolox-nano'))
  .action(
    action(async (name: string | undefined, options: ModelsCommandOptions) =>
      (await import('./cli/models.ts')).check(name, options),
    ),
  );

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
      (await import('./cli/tokens.ts')).add(name, options),
    ),
  );
tokens
  .command('list')
  .description('who has an account, and its role')
  .addOption(configOption())
  .addOption(accountsFileOption())
  .addOption(jsonOption())
  .addHelpText('after', example('banksman tokens list -c site.yaml'))
  .action(action(async (options: TokensOptions) => (await import('./cli/tokens.ts')).list(options)));
tokens
  .command('remove')
  .argument('<name>')
  .description('take an account back: its token and its open pages end within seconds')
  .addOption(configOption())
  .addOption(accountsFileOption())
  .addHelpText('after', example('banksman tokens remove ada -c site.yaml'))
  .action(
    action(async (name: string, options: TokensOptions) => (await import('./cli/tokens.ts')).remove(name, options)),
  );

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
      (await import('./cli/cameras_fleet.ts')).list(options),
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
      (await import('./cli/cameras_fleet.ts')).agents(options),
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
  .action(action(async (options: ApplyOptions) => (await import('./cli/cameras.ts')).apply(options)));
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
  .action(action(async (ids: string[], options: AddOptions) => (await import('./cli/cameras.ts')).add(ids, options)));
cameras
  .command('remove')
  .argument('<id...>')
  .description('take cameras out')
  .addOption(configOption())
  .addOption(dryRunOption())
  .addOption(yesOption())
  .addHelpText('after', example('banksman cameras remove gate'))
  .action(
    action(async (ids: string[], options: AddOptions) => (await import('./cli/cameras.ts')).remove(ids, options)),
  );
cameras
  .command('drain')
  .description('give the cameras of an agent to others, a few at a time, and it no more; waits until it has none')
  .addOption(configOption())
  .requiredOption('--agent <id>', 'as banksman cameras agents shows it')
  .option('--cancel', 'let it take cameras again')
  .option('--no-wait', 'do not wait')
  .addHelpText('after', example('banksman cameras drain --agent ingest-2-3f9a1c'))
  .action(action(async (options: DrainOptions) => (await import('./cli/cameras_fleet.ts')).drain(options)));

const simulate = program
  .command('simulate')
  .description('a building site that exists only in numbers: render what its cameras see and serve it over RTSP')
  .option('--list', 'the scenarios and cameras there are')
  .option('--scenario <name>', 'what happens', 'demo')
  .option('--seed <n>', 'the same number gives the same pictures', '1')
  .option('--camera <id>', 'only this one; may be repeated', (id: string, before: string[] = []) => [...before, id])
  .option('--duration <duration>', 'of scenarios that can be as long as wanted, e.g. 5m')
  .option('--port <n>', 'where RTSP is served, on loopback; 0: any that is free', '8554')
  .option('--for <duration>', 'stop serving by itself after this long, e.g. 60s')
  .option('--render-only', 'render into the cache and serve nothing')
  .addOption(new Option('--export <form>', 'write pictures and truth and serve nothing').choices(['coco', 'mot']))
  .option('--out <dir>', 'where to export')
  .option('--every <n>', 'export each such frame only', '1')
  .option('--strip', 'a machine-readable strip in each picture: frame number and milliseconds of the scenario')
  .option('--no-clock', 'no burnt-in clock')
  .option('--frozen <from-to>', 'the picture stands still, e.g. 20s-30s')
  .addOption(jsonOption());
for (const [name, what] of [
  ['noise', 'of the sensor'],
  ['night', 'from noon to night'],
  ['flicker', 'of lamps on the mains'],
  ['switched', 'lamps just switched'],
  ['clouds', 'that pass'],
  ['rain', 'streaks, veil, wet ground'],
  ['sway', 'of trees and tarpaulin'],
  ['headlights', 'of vehicles out of sight'],
  ['shake', 'of the mounting'],
  ['turning', 'of the camera, left and right'],
  ['dirt', 'on the lens'],
  ['reflections', 'in the pane before the lens'],
  ['covered', 'something before the lens'],
] as const) {
  simulate.option(`--${name} <grade>`, `0 (off) to 3 (worst), instead of the scenario's: ${what}`);
}
simulate
  .addHelpText(
    'after',
    example(
      'banksman simulate --list',
      'banksman simulate --scenario demo --night 2 --rain 1',
      'banksman simulate --scenario busy --seed 7 --camera gate --export coco --out site-7',
    ),
  )
  .action(action(async (options: SimulateOptions) => (await import('./cli/simulate.ts')).simulate(options)));

const evidence = program
  .command('evidence')
  .description('the bucket of evidence (evidence.store: s3)')
  .addHelpText('after', example('banksman evidence check -c site.yaml', 'banksman evidence lifecycle -c site.yaml'));
evidence
  .command('check')
  .description('write, read and remove one object, as the sink and the console do, and say what is wrong')
  .addOption(configOption())
  .addHelpText('after', example('banksman evidence check -c site.yaml'))
  .action(action(async (options: { config: string }) => (await import('./cli/evidence.ts')).check(options)));
evidence
  .command('lifecycle')
  .description('the rules by which the store clears away what retention cannot see, as JSON')
  .addOption(configOption())
  .option('--apply', 'set them on the bucket; rules of others stay')
  .option('--expire', 'also remove everything after retention.records_days: what is held as well')
  .addHelpText('after', example('banksman evidence lifecycle -c site.yaml --apply'))
  .action(
    action(async (options: { config: string; apply?: boolean; expire?: boolean }) =>
      (await import('./cli/evidence.ts')).lifecycle(options),
    ),
  );

// Whoever mistypes an option of a command is sent to the help of that command.
for (const command of [...program.commands, ...models.commands, ...tokens.commands, ...evidence.commands]) {
  const path = command.parent === program ? command.name() : `${command.parent?.name()} ${command.name()}`;
  command.showHelpAfterError(`(see banksman ${path} --help)`);
}

if (process.argv[1] === import.meta.filename) await program.parseAsync();
