import { fileURLToPath } from 'node:url';
import { formatProblems, wantsColor } from '../config/check.ts';
import { SiteWatcher } from '../config/watch.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import { isCameraState } from '../supervisor/log_lines.ts';
import { logIncidents, type Paint, painter, showChanges } from '../supervisor/screen.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { parseDuration } from './duration.ts';
import { knownModels, manifestsNamedIn, verifyModels } from './models.ts';
import { reload } from './reload.ts';
import { loadOrThrow } from './role.ts';
import { StopSignal } from './stop_signal.ts';
import { commandLogger, roleLineWriter } from './terminal_log.ts';
import { VERSION } from './version.ts';

export interface UpOptions {
  config: string;
  for?: string;
}

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url));

/** Runs everything until Ctrl-C, SIGTERM or the end of `--for`. @returns the exit code. */
export async function up(options: UpOptions): Promise<number> {
  const durationMs = options.for === undefined ? undefined : parseDuration(options.for, '--for');
  const path = options.config;
  // For people on a terminal, JSON lines for programs otherwise.
  const tty = process.stdout.isTTY === true;
  const color = wantsColor(process.stdout, process.env);
  const paint = painter(color);
  const log = commandLogger('up', 'warn');
  const write = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };

  // Cameras are not left alone because a reader of the output has gone.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const writeRoleLine = roleLineWriter('warn');
  const stop = new StopSignal();
  const loaded = await loadOrThrow(path, { models: await knownModels(await manifestsNamedIn(path)) });
  const [missing] = await verifyModels(loaded.config, path);
  if (missing) throw missing;
  if (loaded.warnings.length > 0) write(formatProblems(loaded.warnings, { file: path, color, kind: 'warning' }));

  const supervisor = new Supervisor({
    loaded,
    version: VERSION,
    roleCommand: (role) => ({ module: CLI, args: [role, '-c', path] }),
    clock: systemClock,
    log,
    onLine: (role, line) => {
      if (!(tty && process.stderr.isTTY === true && isCameraState(line))) writeRoleLine(role, line);
    },
  });
  // A second Ctrl-C does not wait for anybody. What was committed stays.
  stop.onInsisted = () => {
    supervisor.kill();
    process.exit(1);
  };

  const started = await supervisor.start(stop.signal);
  if (started) {
    greet(supervisor, write, paint);
    if (durationMs !== undefined) stop.after(durationMs);
    await watchUntilStop(supervisor, { path, sourceHash: loaded.sourceHash, tty, color, write, log }, stop);
  }
  if (tty) write(paint(`${stop.reason}: stopping`, 'dim'));
  return (await supervisor.stop()) ? 0 : 1;
}

function greet(supervisor: Supervisor, write: (line: string) => void, paint: Paint): void {
  const { config } = supervisor.loaded;
  const count = Object.values(config.cameras).filter((camera) => camera.enabled).length;
  write(
    `${paint('banksman', 'bold')} ${VERSION} looks at ${count} ${count === 1 ? 'camera' : 'cameras'} of ${config.site}`,
  );
  for (const [what, address] of Object.entries(supervisor.addresses())) write(`  ${what.padEnd(8)} ${address}`);
}

interface Surroundings {
  path: string;
  sourceHash: string;
  tty: boolean;
  color: boolean;
  write: (line: string) => void;
  log: Logger;
}

async function watchUntilStop(supervisor: Supervisor, around: Surroundings, stop: StopSignal): Promise<void> {
  const { path, tty, color, write, log, sourceHash } = around;
  const paint = painter(color);
  const watcher = new SiteWatcher({
    path,
    sourceHash,
    log,
    onChange: () =>
      reload(supervisor, path, {
        applied: (lines) => {
          log.info({ changes: lines }, 'site file applied');
          write(`${paint('site file applied', 'green')}: ${lines.join('; ')}`);
        },
        refused: (why) => {
          if (!tty) {
            log.error(
              { code: 'CONFIG_RELOAD_FAILED', why },
              'the edited site file was refused; the one before stays active',
            );
          }
          write(`${paint('the edited site file was refused; the one before stays active', 'red')}\n${why}`);
        },
      }),
  });
  await watcher.start();
  const changes = tty
    ? showChanges(supervisor.bus, { write, color }, stop.signal)
    : logIncidents(supervisor.bus, log, stop.signal);
  const screen = changes.catch((error: unknown) => log.error({ err: error }, 'screen'));
  await stop.asked;
  await watcher.stop();
  await screen;
}
