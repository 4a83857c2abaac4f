import { readFile } from 'node:fs/promises';
import { formatProblems, wantsColor } from '../config/check.ts';
import { type LoadedSite, type LoadOptions, loadSite } from '../config/load.ts';
import type { SiteConfig } from '../config/site.ts';
import { busSocketPath } from '../runtime/bus/local/paths.ts';
import { type BusAddress, openBus } from '../runtime/bus/open.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { asError, BanksmanError } from '../runtime/errors.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import { reportProcess } from '../runtime/process_metrics.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { type RoleToSupervisor, runRole } from '../runtime/role.ts';
import { withOwnMetrics } from './own_metrics.ts';
import { commandLogger } from './terminal_log.ts';
import { VERSION } from './version.ts';

/** What every component of a role is given. */
export interface RoleContext {
  bus: Bus;
  busAddress: BusAddress;
  site: string;
  active: ActiveConfig;
  log: Logger;
  metrics: PrometheusMetrics;
  clock: Clock;
  dataDir: string;
  /** Started by `banksman up`, which starts each role once. */
  supervised: boolean;
  /** For a component that cannot go on: ends the role with exit code 1; its supervisor starts it anew. */
  fail: (error: Error) => void;
}

export interface Role {
  components: Component[];
  addresses?: () => Record<string, string>;
}

/** Exit code 2 means that the user has to mend something first. */
export function exitCodeOf(error: unknown): 1 | 2 {
  return error instanceof BanksmanError && (error.code.startsWith('CONFIG_') || USAGE_CODES.has(error.code)) ? 2 : 1;
}

/** Names on the command line that name nothing, and what belongs to the configuration without being the site file. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'USAGE',
  'MODEL_UNKNOWN',
  'BUS_UNKNOWN_TOPIC',
  'MODEL_MANIFEST_INVALID',
]);

/** What, where, how to mend it; only for a mistake of banksman itself the stack as well. */
export function displayOf(error: Error): string {
  if (error instanceof BanksmanError) return error.toDisplay();
  return `${new BanksmanError('INTERNAL').toDisplay()}\n${error.stack}`;
}

/** A configuration that is in use. */
export interface ActiveConfig {
  config: SiteConfig;
  configHash: string;
}

const ACTIVE_CONFIG = 'BANKSMAN_ACTIVE_CONFIG';

/** The site file, or what the supervisor made active. @throws BanksmanError with every problem, formatted. */
export async function loadActive(path: string): Promise<ActiveConfig> {
  const active = process.env[ACTIVE_CONFIG];
  if (active === undefined) return loadOrThrow(path);
  const parsed: ActiveConfig = JSON.parse(await readFile(active, 'utf8'));
  return parsed;
}

export async function loadOrThrow(path: string, options: LoadOptions = {}): Promise<LoadedSite> {
  const result = await loadSite(path, options);
  if ('problems' in result) {
    const source = await readFile(path, 'utf8').catch(() => undefined);
    const color = wantsColor(process.stderr, process.env);
    const text = formatProblems(result.problems, { file: path, color, ...(source === undefined ? {} : { source }) });
    throw new ProblemsError(text, result.problems[0]?.code ?? 'CONFIG_SYNTAX');
  }
  return result;
}

/** Everything that is wrong with a site file, already formatted for people. */
export class ProblemsError extends BanksmanError {
  override toDisplay(): string {
    return this.message;
  }

  constructor(formatted: string, code: BanksmanError['code']) {
    super(code, { message: formatted });
  }
}

/** Where the roles of this configuration meet. */
export function busAddressOf({ bus, data_dir }: SiteConfig): BusAddress {
  return bus.kafka ? { type: 'kafka', kafka: bus.kafka } : { type: 'local', socket: busSocketPath(data_dir) };
}

/** Runs one role in this process. @returns the exit code. */
export async function runRoleCommand(
  name: string,
  configPath: string,
  make: (context: RoleContext) => Promise<Role>,
): Promise<number> {
  const log = commandLogger(name, 'info');
  const say = (message: RoleToSupervisor): Promise<void> =>
    new Promise((resolve) => {
      if (!process.connected || !process.send) return resolve();
      process.send(message, undefined, undefined, () => resolve());
    });
  try {
    const active = await loadActive(configPath);
    const dataDir = active.config.data_dir;
    const busAddress = busAddressOf(active.config);
    let failed = false;
    const fail = (error: Error): void => {
      if (failed) return;
      failed = true;
      log.error({ err: error }, 'cannot go on');
      // What is durable is with the bus; nobody waits long for a role that is broken.
      setTimeout(() => process.exit(1), 1_500).unref();
      process.kill(process.pid, 'SIGTERM');
    };
    const onLost = (): void => fail(new BanksmanError('BUS_LOST'));
    const bus = await openBus(busAddress, { clientId: `banksman-${name}`, log, onLost });
    const metrics = new PrometheusMetrics();
    metrics.set('build_info', 1, { version: VERSION, role: name });
    const stopReporting = reportProcess(metrics, name);
    const { site } = active.config;
    const supervised = process.env[ACTIVE_CONFIG] !== undefined;
    const context = { bus, busAddress, site, active, log, metrics, clock: systemClock, dataDir, supervised, fail };
    const { components, addresses } = await make(context);
    const code = await runRole({
      name,
      log,
      components: withOwnMetrics(components, { ...context, config: active.config }),
      metrics: () => metrics.slices(),
      ...(addresses ? { addresses } : {}),
    });
    stopReporting();
    await bus.close().catch(() => undefined);
    return failed ? 1 : code;
  } catch (thrown) {
    const error = asError(thrown);
    const known = error instanceof BanksmanError;
    // For people it is told below, with the way to mend it.
    if (process.stderr.isTTY !== true) {
      log.fatal(known ? { code: error.code, where: error.where } : { err: error }, error.message);
    }
    await say({
      type: 'failed',
      code: known ? error.code : 'INTERNAL',
      message: error.message,
      ...(known && error.where !== undefined ? { where: error.where } : {}),
    });
    if (!process.send) process.stderr.write(`${displayOf(error)}\n`);
    return exitCodeOf(error);
  }
}
