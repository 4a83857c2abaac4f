import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { parse } from 'yaml';
import { formatProblems, wantsColor } from '../config/check.ts';
import type { SitePlan } from '../config/compile.ts';
import { CameraControl, type CameraOptions, type Planned } from '../config/control.ts';
import type { Problem } from '../config/problems.ts';
import type { SiteConfig } from '../config/site.ts';
import { openBus } from '../runtime/bus/open.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { BanksmanError } from '../runtime/errors.ts';
import { painter } from '../supervisor/screen.ts';
import { knownModels, manifestsNamedIn } from './models.ts';
import { busAddressOf, loadOrThrow, ProblemsError } from './role.ts';
import { commandLogger } from './terminal_log.ts';

export interface CamerasOptions {
  /** The site file that the roles run with. */
  config: string;
}

interface ChangeOptions extends CamerasOptions {
  dryRun?: boolean;
  yes?: boolean;
}

export interface ApplyOptions extends ChangeOptions {
  file: string;
}

export interface AddOptions extends ChangeOptions {
  file?: string;
  url?: string;
  usernameEnv?: string;
  passwordEnv?: string;
}

export const NOT_FOR_LONG =
  'banksman up goes by its own site file: when that is edited, or up is started anew, it holds again';

/** Makes the fleet's cameras what a file says. @returns 0; 1 when the person said no. */
export async function apply(options: ApplyOptions): Promise<number> {
  return withControl(options, async ({ control, config }) => {
    const text = await read(options.file);
    const planned = await control.planApply(text);
    const color = wantsColor(process.stderr, process.env);
    const tell = (problems: readonly Problem[]) =>
      formatProblems(problems, { file: options.file, source: text, color });
    return change(planOf(planned, tell), control, config, options);
  });
}

/** Adds cameras, or changes those of the same name; all others stay. */
export async function add(ids: string[], options: AddOptions): Promise<number> {
  return withControl(options, async ({ control, config }) => {
    const cameras = await camerasToAdd(ids, options);
    // Together with the site file they stand in no file: what is wrong is told by its path.
    const tell = (problems: readonly Problem[]) =>
      problems.map(({ path, message, code, mend }) => `${path}: ${message} [${code}]\n  ${mend}`).join('\n');
    return change(planOf(await control.planAdd(cameras), tell), control, config, options);
  });
}

export async function remove(ids: string[], options: ChangeOptions): Promise<number> {
  return withControl(options, async ({ control, config }) =>
    change(await control.planRemove(ids), control, config, options),
  );
}

/** Shows what changes, asks, and does it. */
async function change(
  plan: SitePlan,
  control: CameraControl,
  config: SiteConfig,
  { dryRun = false, yes = false }: ChangeOptions,
): Promise<number> {
  const paint = painter(wantsColor(process.stdout, process.env));
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  if (plan.lines.length === 0) {
    write('nothing to change');
    return 0;
  }
  for (const line of plan.lines) write(`  ${paint(line, / removed$/.test(line) ? 'red' : 'green')}`);
  write(`${plan.records} ${plan.records === 1 ? 'record' : 'records'}, ${plan.bytes} bytes`);
  if (dryRun) return 0;
  if (!(yes || (await confirmed()))) {
    write('nothing was changed');
    return 1;
  }
  await control.carryOut(plan);
  write(paint('applied', 'green'));
  if (busAddressOf(config).type === 'local') write(NOT_FOR_LONG);
  return 0;
}

async function confirmed(): Promise<boolean> {
  if (process.stdin.isTTY !== true) {
    throw new BanksmanError('USAGE', {
      where: '--yes',
      message: 'there is nobody to ask whether to go on',
      mend: 'Add --yes to go on without a question, or --dry-run to see the changes alone.',
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question('Apply? [y/N] ');
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function camerasToAdd(ids: string[], options: AddOptions): Promise<Record<string, CameraOptions>> {
  const { file, url, usernameEnv, passwordEnv } = options;
  const usage = (where: string, message: string, mend: string): BanksmanError =>
    new BanksmanError('USAGE', { where, message, mend });
  if (file === undefined) {
    const [id] = ids;
    if (id === undefined || ids.length > 1 || url === undefined) {
      throw usage('cameras add', 'one ID with --url, or a file', 'banksman cameras add gate --url rtsp://HOST/PATH');
    }
    const secret = (name: string | undefined, key: string) => (name === undefined ? {} : { [key]: `\${${name}}` });
    return { [id]: { url, ...secret(usernameEnv, 'username'), ...secret(passwordEnv, 'password') } };
  }
  if (url !== undefined) throw usage('--url', 'either a file or an address', 'Leave one of them out.');
  const content: unknown = parse(await read(file));
  const cameras = isMap(content) && isMap(content['cameras']) ? content['cameras'] : {};
  const missing = ids.find((id) => !Object.hasOwn(cameras, id));
  if (missing !== undefined)
    throw usage(file, `there is no camera ${missing} in it`, 'Name one that is, or none: all.');
  const wanted = Object.entries(cameras).filter(([id]) => ids.length === 0 || ids.includes(id));
  if (wanted.length === 0) throw usage(file, 'there are no cameras in it', 'Write them as in a site file: cameras: …');
  return Object.fromEntries(wanted.map(([id, camera]) => [id, isMap(camera) ? camera : {}]));
}

function planOf(planned: Planned, tell: (problems: readonly Problem[]) => string): SitePlan {
  if ('plan' in planned) return planned.plan;
  throw new ProblemsError(tell(planned.problems), planned.problems[0]?.code ?? 'CONFIG_SYNTAX');
}

interface Control {
  bus: Bus;
  config: SiteConfig;
  control: CameraControl;
}

/** Runs something with the bus of the site file. */
export async function withControl(options: CamerasOptions, run: (of: Control) => Promise<number>): Promise<number> {
  const { config } = await loadOrThrow(options.config);
  const log = commandLogger('cameras', 'warn');
  const bus = await openBus(busAddressOf(config), { clientId: 'banksman-cameras', log, onLost: () => undefined });
  try {
    const models = async () => knownModels(await manifestsNamedIn(options.config));
    return await run({ bus, config, control: new CameraControl({ bus, siteFile: options.config, models }) });
  } finally {
    await bus.close();
  }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new BanksmanError('CONFIG_NOT_FOUND', { where: file, message: 'the file cannot be read', cause });
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
