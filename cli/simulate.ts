import { BanksmanError } from '../runtime/errors.ts';
import { whyTaken } from '../runtime/ports.ts';
import type { RateControl } from '../simulator/camera.ts';
import type { ClipConditions, GradeFor } from '../simulator/clips/conditions.ts';
import { ENCODERS, type EncoderName } from '../simulator/clips/encoders.ts';
import { exportCoco } from '../simulator/clips/export/coco.ts';
import { exportMot } from '../simulator/clips/export/mot.ts';
import { exportTruth } from '../simulator/clips/export/site.ts';
import { inWords, renderClips } from '../simulator/clips/render.ts';
import { serveClips, siteClips } from '../simulator/clips/site_clips.ts';
import type { Clip } from '../simulator/clips/types.ts';
import { CAMERAS } from '../simulator/site.ts';
import type { Scenario } from '../simulator/world/scenarios.ts';
import { CLEAR, type Conditions } from '../simulator/world/types.ts';
import { SCENARIOS } from '../simulator/world/world.ts';
import { parseDuration } from './duration.ts';
import { unknownName } from './names.ts';
import { Progress } from './progress.ts';
import { StopSignal } from './stop_signal.ts';

const EXPORTS = { coco: exportCoco, mot: exportMot, truth: exportTruth };

export type SimulateOptions = {
  list?: boolean;
  scenario: string;
  seed: string;
  camera?: string[];
  duration?: string;
  port: string;
  renderOnly?: boolean;
  export?: keyof typeof EXPORTS;
  out?: string;
  every: string;
  strip?: boolean;
  clock: boolean;
  frozen?: string;
  encoder?: EncoderName;
  for?: string;
  json?: boolean;
} & { [Name in keyof Conditions]?: string };

/** Renders, then exports or serves, until Ctrl-C or the end of `--for`. @returns the exit code. */
export async function simulate(options: SimulateOptions): Promise<number> {
  if (options.list) return list(options.json === true);
  const wanted = clipsOf(options);
  const port = wholeNumber('--port', options.port, 65_535);
  const every = Math.max(1, wholeNumber('--every', options.every, 1_000_000));
  const forMs = options.for === undefined ? undefined : parseDuration(options.for, '--for');
  if (options.export !== undefined && options.out === undefined) {
    throw new BanksmanError('USAGE', { where: '--export', message: 'no folder to write to', mend: 'Add --out DIR.' });
  }
  const isServing = options.export === undefined && options.renderOnly !== true;
  // Said before minutes of rendering rather than after.
  if (isServing) await refuseTaken(port);

  const stop = new StopSignal();
  stop.onInsisted = () => process.exit(1);
  const progress = new Progress('frames');
  let clips: Clip[];
  try {
    clips = await renderClips(wanted.specs, {
      incidents: () => wanted.world.incidents,
      signal: stop.signal,
      onProgress: ({ done, cached, total }) =>
        done < total || cached < total ? progress.show(done, total, cached) : undefined,
    }).finally(() => progress.end());
    if (options.export !== undefined && options.out !== undefined) {
      await EXPORTS[options.export](clips, options.out, { every, signal: stop.signal }).catch((error: unknown) => {
        throw inWords(error, options.out ?? '');
      });
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write('stopped; the same command goes on from what is finished\n');
    return 1;
  }
  if (!isServing) {
    say(
      options,
      { clips: clips.map(({ spec, units, truth }) => ({ camera: spec.camera.id, units, truth })), out: options.out },
      () =>
        options.out === undefined
          ? clips.map(({ spec, units }) => `${spec.camera.id.padEnd(8)} ${units}`)
          : [options.out],
    );
    return 0;
  }
  if (forMs !== undefined) stop.after(forMs);
  return serve(clips, port, options, stop);
}

async function serve(
  clips: readonly Clip[],
  port: number,
  options: SimulateOptions,
  stop: StopSignal,
): Promise<number> {
  const server = await serveClips(clips, port);
  try {
    const urls = clips.map(({ spec, truth }) => ({
      camera: spec.camera.id,
      url: server.url(`/${spec.camera.id}`),
      truth,
    }));
    say(options, { cameras: urls }, () => urls.map(({ camera, url }) => `${camera.padEnd(8)} ${url}`));
    // The milliseconds of the strip count from here.
    if (options.strip) {
      server.onSegment(({ path, atMs }) =>
        say(options, { camera: path.slice(1), loop_began_ms: atMs }, () => [
          `${path.slice(1).padEnd(8)} began at ${new Date(atMs).toISOString()}`,
        ]),
      );
    }
    const ended = server.endedByItself().then(() => 'ended' as const);
    if ((await Promise.race([stop.asked, ended])) === 'ended') {
      throw new BanksmanError('SIMULATOR_FAILED', { where: 'RTSP server', message: 'it ended by itself' });
    }
    return 0;
  } finally {
    await server.stop();
  }
}

function list(isJson: boolean): number {
  const scenarios = Object.entries(SCENARIOS as Record<string, Scenario>).map(
    ([id, { description, durationS, isElastic = false }]) => ({
      id,
      description,
      duration_s: durationS,
      any_duration: isElastic,
    }),
  );
  const cameras = CAMERAS.map(({ id, width, height, fps, rate }) => ({ id, width, height, fps, ...rate }));
  const encoders = Object.entries(ENCODERS).map(([id, rate]) => ({ id, ...rate }));
  const encoding = ({ mode, gop, smartGop }: Omit<RateControl, 'kbps'>, kbps?: number): string =>
    `${mode.toUpperCase()}${kbps === undefined ? '' : ` ${kbps} kbit/s`}, key picture every ${gop}${smartGop === null ? '' : ` (${smartGop} while nothing moves)`}`;
  say({ json: isJson }, { scenarios, cameras, encoders }, () => [
    'scenarios',
    ...scenarios.map(
      ({ id, description, duration_s, any_duration }) =>
        `  ${id.padEnd(14)} ${String(duration_s).padStart(4)} s${any_duration ? ' or --duration' : ''}  ${description}`,
    ),
    'cameras',
    ...cameras.map(
      ({ id, width, height, fps, ...rate }) =>
        `  ${id.padEnd(14)} ${width}×${height}, ${fps} fps, ${encoding(rate, rate.kbps)}`,
    ),
    'encoders (--encoder, instead of the cameras’ own)',
    ...encoders.map(({ id, ...rate }) => `  ${id.padEnd(14)} ${encoding(rate)}`),
  ]);
  return 0;
}

function clipsOf(options: SimulateOptions): ReturnType<typeof siteClips> {
  const { scenario, camera, frozen, duration, strip = false, clock, encoder } = options;
  const scenarios: Record<string, Scenario> = SCENARIOS;
  const played = Object.hasOwn(scenarios, scenario) ? scenarios[scenario] : undefined;
  if (!played) throw unknownName('--scenario', 'scenario', scenario, Object.keys(scenarios));
  const ids = CAMERAS.map(({ id }) => id);
  for (const id of camera ?? []) if (!ids.includes(id)) throw unknownName('--camera', 'camera', id, ids);
  if (duration !== undefined && !played.isElastic) {
    const mend = `Leave it out, or take ${Object.keys(scenarios)
      .filter((id) => scenarios[id]?.isElastic)
      .join(' or ')}.`;
    throw new BanksmanError('USAGE', { where: '--duration', message: `${scenario} lasts ${played.durationS} s`, mend });
  }
  return siteClips({
    scenario,
    seed: wholeNumber('--seed', options.seed, 2 ** 31 - 1),
    ...(camera ? { cameras: camera } : {}),
    ...(duration === undefined
      ? {}
      : { durationS: Math.max(1, Math.round(parseDuration(duration, '--duration') / 1000)) }),
    conditions: conditionsOf(options),
    clock,
    strip,
    frozen: frozen === undefined ? null : stretch(frozen, '--frozen'),
    ...(encoder ? { encoder } : {}),
  });
}

function conditionsOf(options: SimulateOptions): ClipConditions {
  const given: { [Name in keyof Conditions]?: number | GradeFor } = {};
  for (const name of Object.keys(CLEAR) as (keyof Conditions)[]) {
    const text = options[name];
    if (text === undefined) continue;
    const [gradeText = '', when, ...more] = text.split('@');
    const grade = Number(gradeText);
    if (gradeText.trim() === '' || !(grade >= 0 && grade <= 3) || more.length > 0) {
      throw new BanksmanError('USAGE', {
        where: `--${name}`,
        message: `${text} is no grade: give 0 (off) to 3 (worst), or for a stretch of time 3@20s-30s`,
      });
    }
    if (when === undefined) given[name] = grade;
    else {
      const [fromS, toS] = stretch(when, `--${name}`);
      given[name] = { grade, fromS, toS };
    }
  }
  return given;
}

/** `20s-30s`. @returns seconds. */
function stretch(text: string, where: string): [number, number] {
  const [from, to, ...more] = text.split('-').map((part) => parseDuration(part, where) / 1000);
  if (from === undefined || to === undefined || to <= from || more.length > 0) {
    throw new BanksmanError('USAGE', { where, message: `${text} is no stretch of time: write 20s-30s` });
  }
  return [from, to];
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > most) {
    throw new BanksmanError('USAGE', { where: option, message: `${text} is not a whole number from 0 to ${most}` });
  }
  return value;
}

/** @throws BanksmanError PORT_TAKEN. */
async function refuseTaken(port: number): Promise<void> {
  if (port === 0) return;
  const cause = await whyTaken(port);
  if (cause === null) return;
  const mend = 'Give another with --port, or --port 0 for any that is free.';
  const why = cause.code === 'EACCES' ? { message: 'this user may not listen there' } : {};
  throw new BanksmanError('PORT_TAKEN', { where: `127.0.0.1:${port}`, mend, cause, ...why });
}

function say(options: { json?: boolean }, value: object, lines: () => readonly string[]): void {
  process.stdout.write(options.json ? `${JSON.stringify(value)}\n` : `${lines().join('\n')}\n`);
}
