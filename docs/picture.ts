/**
 * Makes `docs/console.png`: the demo's site before its four cameras, banksman on them as anybody would run it, one
 * camera that is switched off, and a photograph of the page. `node docs/picture.ts`, some minutes; needs
 * `./setup --test`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { parse } from 'yaml';
import { renderClips } from '../simulator/clips/render.ts';
import { serveClips, siteClips } from '../simulator/clips/site_clips.ts';
import type { Clip } from '../simulator/clips/types.ts';
import { Browser } from '../test/browser.ts';
import { Up } from '../test/system/up.ts';
import { until } from '../test/wait.ts';

const TARGET = join(import.meta.dirname, 'console.png');
const SITE = join(import.meta.dirname, '../deploy/demo/site.yaml');
const VIEWPORT = { width: 1280, height: 800 };
const LIMIT_MS = 300_000;
/** The camera that is switched off. */
const LOST = 'yard';

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

const { specs, world } = siteClips({ scenario: 'demo', seed: 1 });
const clips = await renderClips(specs, { incidents: () => world.incidents });
const isLost = ({ spec }: Clip): boolean => spec.camera.id === LOST;
const server = await serveClips(
  clips.filter((clip) => !isLost(clip)),
  0,
);
const lost = await serveClips(clips.filter(isLost), 0);
try {
  const site = parse(await readFile(SITE, 'utf8'));
  for (const { spec } of clips) {
    const { id } = spec.camera;
    site.cameras[id].url = (id === LOST ? lost : server).url(`/${id}`);
  }
  for (const what of ['data_dir', 'console', 'metrics']) delete site[what];
  await using up = await Up.start(site);
  const api = `${up.console}/api/v1`;
  const isSeen = async (): Promise<boolean> => (await fetch(`${api}/cameras/${LOST}/snapshot.jpg`)).ok;
  await until('the camera to be seen', isSeen, LIMIT_MS, 1_000);
  await lost.kill();
  const closed = async (): Promise<number> => (await up.incidents()).filter(({ closedAt }) => closedAt !== null).length;
  await until('incidents to look at', async () => (await closed()) >= 4, LIMIT_MS, 2_000);
  await photograph(up.console);
} finally {
  await server.stop();
  await lost.stop();
}
