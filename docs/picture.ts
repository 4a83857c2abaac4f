/**
 * Makes `docs/console.png`: serves the painted yard of `yard.ts` as four cameras, runs banksman on them as
 * anybody would, and photographs the page. `node docs/picture.ts`, some minutes; needs `./setup --test` and the test data.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { type RtspServer, startRtspServer } from '../simulator/rtsp/server.ts';
import { Browser } from '../test/browser.ts';
import { Up } from '../test/system/up.ts';
import { until } from '../test/wait.ts';
import { FPS, SCENES, type Scene } from './yard.ts';

const TARGET = join(import.meta.dirname, 'console.png');
const CACHE = join(import.meta.dirname, '../.cache/yard');
const VIEWPORT = { width: 1280, height: 800 };
const LIMIT_MS = 300_000;

/** Motion JPEG in AVI, painted once for each state of `yard.ts`. @returns its path. */
async function film({ name, seconds, paint }: Scene): Promise<string> {
  const source = await readFile(join(import.meta.dirname, 'yard.ts'));
  const path = join(CACHE, `${name}-${createHash('sha256').update(source).digest('hex').slice(0, 12)}.avi`);
  if (existsSync(path)) return path;
  const folder = join(CACHE, name);
  await mkdir(folder, { recursive: true });
  for (let index = 0; index < seconds * FPS; index++) {
    const jpeg = await sharp(Buffer.from(paint(index / FPS)))
      .jpeg({ quality: 90 })
      .toBuffer();
    await writeFile(join(folder, `${String(index).padStart(5, '0')}.jpg`), jpeg);
  }
  const pictures = `multifilesrc location=${folder}/%05d.jpg caps=image/jpeg,framerate=${FPS}/1`;
  const pipeline = `${pictures} ! jpegparse ! avimux ! filesink location=${path}.part`;
  await promisify(execFile)('gst-launch-1.0', ['-q', ...pipeline.split(' ')]);
  await rename(`${path}.part`, path);
  await rm(folder, { recursive: true });
  return path;
}

const serve = (scenes: { name: string; file: string }[]): Promise<RtspServer> =>
  startRtspServer({
    streams: scenes.map(({ name, file }) => ({
      path: `/${name}`,
      source: { kind: 'file', segments: [{ file }], encode: { keyInt: FPS, bitrateKbps: 3_000 }, start: 'always' },
    })),
  });

async function photograph(address: string): Promise<void> {
  const browser = await Browser.start(VIEWPORT);
  try {
    const { page } = await browser.open(address);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.locator('.incident.open img').first().waitFor({ timeout: LIMIT_MS });
    // Pictures of the incidents below load as well.
    await page.waitForTimeout(1_500);
    const png = await page.screenshot();
    await writeFile(TARGET, await sharp(png).png({ palette: true, colours: 200, effort: 10 }).toBuffer());
  } finally {
    await browser.close();
  }
}

const films: { name: string; file: string }[] = [];
for (const scene of SCENES) films.push({ name: scene.name, file: await film(scene) });
const server = await serve(films.filter(({ name }) => name !== 'crane'));
const lost = await serve(films.filter(({ name }) => name === 'crane'));
try {
  const url = (name: string): string => (name === 'crane' ? lost : server).url(`/${name}`);
  const camera = (name: string, more: object = {}): object => ({
    url: url(name),
    sampling: { active_fps: 4 },
    ...more,
  });
  await using up = await Up.start({
    site: 'north-yard',
    cameras: {
      gate: camera('gate', {
        zones: {
          road: [
            [0, 0.58],
            [1, 0.5],
            [1, 1],
            [0, 1],
          ],
        },
      }),
      dock: camera('dock', {
        zones: {
          ramp: [
            [0.3, 0.5],
            [0.7, 0.5],
            [0.75, 1],
            [0.25, 1],
          ],
        },
      }),
      stores: camera('stores'),
      crane: camera('crane'),
    },
    rules: [
      { id: 'person-on-road', type: 'zone_entry', zone: 'road', classes: ['person'], hold_s: 3, severity: 'high' },
      { id: 'loitering', type: 'dwell', zone: 'ramp', classes: ['person'], dwell_s: 8, severity: 'medium' },
      { id: 'anybody', type: 'zone_entry', cameras: ['stores', 'crane'], classes: ['person'] },
    ],
  });
  await until(
    'the crane to be seen',
    async () => (await fetch(`${up.console}/api/v1/cameras/crane/snapshot.jpg`)).ok,
    LIMIT_MS,
    1_000,
  );
  await lost.kill();
  await until(
    'incidents to look at',
    async () => (await up.incidents()).filter(({ closedAt }) => closedAt !== null).length >= 4,
    LIMIT_MS,
    2_000,
  );
  await photograph(up.console);
} finally {
  await server.stop();
  await lost.stop();
}
