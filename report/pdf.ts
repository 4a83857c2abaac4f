/** The page on paper, by the browser of this machine. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { asError, BanksmanError } from '../runtime/errors.ts';

const run = promisify(execFile);
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'microsoft-edge'];
const LIMIT_MS = 120_000;

/** `$BANKSMAN_CHROMIUM`, or what the PATH has. @throws BanksmanError CHROMIUM_MISSING */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string {
  const named = env['BANKSMAN_CHROMIUM'];
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = named
    ? [isAbsolute(named) ? named : resolve(named)]
    : NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  if (!named) throw new BanksmanError('CHROMIUM_MISSING');
  throw new BanksmanError('CHROMIUM_MISSING', { where: 'BANKSMAN_CHROMIUM', message: `no program at ${named}` });
}

/** @throws BanksmanError CHROMIUM_MISSING, CHROMIUM_FAILED */
export async function printPdf(page: string, target: string, chromium = findChromium()): Promise<void> {
  const profile = await mkdtemp(join(tmpdir(), 'banksman-pdf-'));
  try {
    await rm(target, { force: true });
    const { stderr } = await run(
      chromium,
      [
        '--headless',
        // The page is a file of our own that runs no script; Chromium refuses to run as root otherwise.
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--no-first-run',
        `--user-data-dir=${profile}`,
        '--no-pdf-header-footer',
        `--print-to-pdf=${resolve(target)}`,
        pathToFileURL(resolve(page)).href,
      ],
      { timeout: LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 },
    );
    const bytes = await stat(target).then(
      ({ size }) => size,
      () => 0,
    );
    if (bytes === 0) throw new Error(stderr.trim().split('\n').at(-1) ?? 'it wrote nothing');
  } catch (error) {
    const message = `${chromium} made no PDF: ${asError(error).message.split('\n')[0]}`;
    throw new BanksmanError('CHROMIUM_FAILED', { where: target, message });
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
