/**
 * `npm run demo`: a simulated building site before four cameras, banksman watching them, and beside each
 * incident what truly happened.
 */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDuration } from '../../cli/duration.ts';
import { Progress } from '../../cli/progress.ts';
import { StopSignal } from '../../cli/stop_signal.ts';
import { type DataDirLock, lockDataDir } from '../../runtime/bus/local/lock.ts';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import { renderClips } from '../../simulator/clips/render.ts';
import { serveClips, siteClips } from '../../simulator/clips/site_clips.ts';
import type { Score } from '../../simulator/score.ts';
import type { World } from '../../simulator/world/types.ts';
import { Judge } from './judge.ts';
import { siteWithFreePorts } from './ports.ts';
import { Product } from './product.ts';
import { SiteFile } from './site_file.ts';
import { Words } from './words.ts';

const SITE = join(import.meta.dirname, 'site.yaml');
const WORK = join(import.meta.dirname, '../../.cache/demo');
const LOCK = join(WORK, '../demo-running');
const TICK_MS = 250;
const WATCHED_LATE_MS = 20_000;
/** Nobody looks at an unattended demo. */
const WATCHED_LIMIT_MS = 180_000;
/** Until an edited site file is in force. */
const APPLIED_MS = 5_000;

type Options = ReturnType<typeof options>['values'];

async function main(): Promise<number> {
  const { values } = options();
  const forMs = values.for === undefined ? undefined : parseDuration(values.for, '--for');
  const seed = seedOf(values.seed);
  const lock = await onlyDemo();
  try {
    return await demo(values, seed, forMs);
  } finally {
    await lock.release();
  }
}

/** @returns the exit status. */
async function demo(values: Options, seed: number, forMs: number | undefined): Promise<number> {
  const stop = new StopSignal();
  const words = new Words(values.json);
  const { specs, world } = siteClips({ scenario: 'demo', seed });

  const progress = new Progress('pictures of the site');
  const clips = await renderClips(specs, {
    incidents: () => world.incidents,
    signal: stop.signal,
    onProgress: ({ done, cached, total }) => {
      if (cached < total) progress.show(done, total, cached);
    },
  })
    .catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    })
    .finally(() => progress.end());
  if (!clips) {
    words.note('stopped; the next demo goes on from the pictures that are finished');
    return 1;
  }

  await mkdir(WORK, { recursive: true });
  const site = await siteWithFreePorts(values.site ?? SITE, join(WORK, 'site.yaml'));
  for (const change of site.changes) words.note(change);
  const server = await serveClips(clips, site.rtspPort);
  const product = new Product(site.path);
  // A second Ctrl-C waits for nobody; what the product has committed stays.
  stop.onInsisted = () => {
    product.kill();
    process.exit(1);
  };
  let isInOrder = false;
  try {
    await product.ready(stop.signal);
    if (!stop.signal.aborted) {
      words.greet(product.console);
      if (!values.json && values.open) open(product.console);
      const began = () => Math.min(...server.segments.map(({ atMs }) => atMs));
      words.sum(await judgeUntilStop(product, { world, began, sitePath: site.path, forMs }, words, stop));
    }
  } finally {
    isInOrder = await product.stop();
    await server.stop();
  }
  if (!isInOrder) words.note('banksman up did not stop in order');
  return isInOrder ? 0 : 1;
}

interface Judged {
  world: World;
  /** When the first picture was sent, epoch milliseconds; infinity while none was. */
  began: () => number;
  sitePath: string;
  /** Counted from when all cameras are watched. */
  forMs: number | undefined;
}

/** Says each verdict as it is sure. @returns the score, when asked to stop or the time is up. */
async function judgeUntilStop(product: Product, judged: Judged, words: Words, stop: StopSignal): Promise<Score> {
  const { world, began, sitePath, forMs } = judged;
  const file = new SiteFile(sitePath);
  const startedMs = Date.now();
  const watches = await file.watches();
  while (began() === Number.POSITIVE_INFINITY && !stop.signal.aborted) {
    product.mustRun();
    if (forMs !== undefined && Date.now() - startedMs > WATCHED_LIMIT_MS) throw notWatched(await product.unwatched());
    await sleep();
  }
  const beganMs = began();
  let judge = new Judge(world, watches, beganMs, startedMs);
  const following = product.follow((incident) => judge.report(incident), stop.signal);
  let isWatched = false;
  let isLateSaid = false;
  while (!stop.signal.aborted) {
    product.mustRun();
    if (!isWatched) {
      const unwatched = await product.unwatched();
      const waitedMs = Date.now() - startedMs;
      isWatched = unwatched?.length === 0;
      if (isWatched) {
        judge.watched(Date.now());
        if (forMs !== undefined) stop.after(forMs);
      } else if (forMs !== undefined && waitedMs > WATCHED_LIMIT_MS) throw notWatched(unwatched);
      else if (!isLateSaid && waitedMs > WATCHED_LATE_MS) {
        isLateSaid = true;
        words.note(`not watched yet: ${unwatched?.join(', ') ?? 'the console does not answer'}`);
      }
    }
    const edited = isWatched ? await file.edited((why) => words.note(why)) : null;
    if (edited) {
      const nowMs = Date.now();
      for (const verdict of judge.news(nowMs, true)) words.verdict(verdict);
      words.note('judged by the edited site file from here on');
      judge = new Judge(world, edited, beganMs, nowMs + APPLIED_MS);
      judge.watched(nowMs + APPLIED_MS);
    }
    for (const verdict of judge.news(Date.now())) words.verdict(verdict);
    await sleep();
  }
  await following;
  const nowMs = Date.now();
  for (const verdict of judge.news(nowMs, true)) words.verdict(verdict);
  return judge.score(nowMs);
}

function notWatched(cameras: string[] | null): BanksmanError {
  return new BanksmanError('ROLE_FAILED', {
    where: 'npm run demo',
    message: `not watched after ${WATCHED_LIMIT_MS / 1000} s: ${cameras?.join(', ') ?? 'the console does not answer'}`,
    mend: 'See the camera in the console without --for; a machine with other work to do may need a second try.',
  });
}

/** Two would draw the same pictures and record into the same folder. */
async function onlyDemo(): Promise<DataDirLock> {
  try {
    return await lockDataDir(LOCK);
  } catch (error) {
    if (!(error instanceof BanksmanError) || error.code !== 'DATA_DIR_LOCKED') throw error;
    throw new BanksmanError('DATA_DIR_LOCKED', {
      where: 'npm run demo',
      message: 'a demo is running here already',
      mend: 'Look at its page, or stop it with Ctrl-C where it runs; a second one can run in another clone.',
    });
  }
}

function options() {
  try {
    return parseArgs({
      options: {
        for: { type: 'string' },
        json: { type: 'boolean', default: false },
        open: { type: 'boolean', default: true },
        site: { type: 'string' },
        seed: { type: 'string', default: '1' },
      },
      allowNegative: true,
    });
  } catch (error) {
    throw misuse(asError(error).message);
  }
}

function seedOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw misuse(`--seed ${text} is no whole number`);
  return Number(text);
}

function misuse(message: string): BanksmanError {
  return new BanksmanError('USAGE', {
    where: 'npm run demo',
    message,
    mend: 'There are --for 120s, --json, --no-open, --seed 7 (other people) and --site FILE: npm run demo -- --for 120s',
  });
}

/** Shows the console where there is a desktop; a browser that is not there is no failure. */
function open(address: string): void {
  if (process.stdout.isTTY !== true || !(process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY'])) return;
  spawn('xdg-open', [address], { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref();
}

function sleep(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, TICK_MS));
}

try {
  process.exitCode = await main();
} catch (error) {
  const known = error instanceof BanksmanError;
  process.stderr.write(`${known ? error.toDisplay() : asError(error).stack}\n`);
  process.exitCode = known && error.code === 'USAGE' ? 2 : 1;
}
