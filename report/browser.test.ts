/** Reports as people see them: in a real Chromium, on a screen, on a phone and on paper. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { report } from '../cli/report.ts';
import { Browser } from '../test/browser.ts';
import { findChromium, printPdf } from './pdf.ts';
import { FilledSite, fillMonths, picture } from './testing.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const CAMERAS = ['gate', 'the-camera-with-the-longest-name-anybody-ever-thought-of-for-one'];
const PRICES = 'prices: { currency: EUR, cpu_core_month: 20, memory_gib_month: 3, storage_gb_month: 0.05 }\n';
/** What margins leave of A4's width, in CSS pixels. */
const A4_PX = Math.floor(((210 - 24) / 25.4) * 96);

let dir: string;
let browser: Browser;
const pages: Record<string, string> = {};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-report-'));
  const config = join(dir, 'site.yaml');
  const cameras = CAMERAS.map((id) => `${id}: { url: "rtsp://10.0.0.1/${id}" }`).join(', ');
  await writeFile(config, `site: yard\ndata_dir: ./data\ncameras: { ${cameras} }\n${PRICES}`);
  const filled = new FilledSite(join(dir, 'data'));
  const specs = await fillMonths(filled, CAMERAS, NOW, 500);
  const grave = specs.filter(({ severity }) => severity === 'critical').slice(0, 20);
  for (const spec of grave) {
    await filled.evidence(spec, { snapshot: await picture(40), annotated: await picture(200) });
  }
  await filled.close();
  vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
  for (const [name, asked] of [
    ['week', { weekly: true }],
    ['month', { monthly: true }],
    ['incident', { incident: grave[0]?.id ?? '' }],
  ] as const) {
    const out = join(dir, `${name}.html`);
    await report({ config, out, timezone: 'Europe/Dublin', ...asked }, NOW);
    pages[name] = out;
  }
  vi.restoreAllMocks();
  browser = await Browser.start({ width: 1240, height: 900 });
}, 60_000);
afterAll(async () => {
  await browser.close();
  await rm(dir, { recursive: true });
});
afterEach(() => vi.unstubAllEnvs());

/** What sticks out to the right, or is cut off within its own card. As text: it runs in the page. */
function tooWide(page: Page, tablesMayScroll: boolean): Promise<string[]> {
  return page.evaluate<string[]>(`[...document.querySelectorAll('main *')].filter((element) => {
    const table = element.closest('.scroll');
    if (element.closest('.hidden') || (${tablesMayScroll} && table && table !== element)) return false;
    const cut = element === table && element.scrollWidth > element.clientWidth + 1;
    const out = element.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
    return out || (cut && !${tablesMayScroll});
  }).map((element) => element.tagName + '.' + element.className + ': ' + element.textContent.slice(0, 60))`);
}

it.each(['week', 'month', 'incident'])(
  '%s: nothing sticks out on a screen, a phone or paper, and nothing fails',
  async (name) => {
    const { page, errors } = await browser.open(pathToFileURL(pages[name] ?? '').href);
    expect(await tooWide(page, false)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await tooWide(page, true)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    await page.setViewportSize({ width: A4_PX, height: 1000 });
    await page.emulateMedia({ media: 'print' });
    expect(await tooWide(page, false)).toEqual([]);
    expect(await page.evaluate('[...document.images].filter((image) => image.naturalWidth === 0).length')).toBe(0);
    expect(errors).toEqual([]);
    await page.close();
  },
);

it('becomes a PDF on A4', async () => {
  const target = join(dir, 'week.pdf');
  await printPdf(pages['week'] ?? '', target);
  const pdf = (await readFile(target)).toString('latin1');
  expect(pdf.startsWith('%PDF-')).toBe(true);
  expect(pdf.match(/\/Type\s*\/Page\b/g)?.length).toBeGreaterThan(1);
  const [, width, height] = /\/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]/.exec(pdf) ?? [];
  // Points of 1/72 inch.
  expect([Math.round(Number(width)), Math.round(Number(height))]).toEqual([595, 842]);
}, 60_000);

it('says how to get a Chromium where there is none, and what it said where it fails', async () => {
  expect(() => findChromium({ PATH: dir })).toThrow(expect.objectContaining({ code: 'CHROMIUM_MISSING' }));
  expect(() => findChromium({ PATH: '/usr/bin', BANKSMAN_CHROMIUM: join(dir, 'none') })).toThrow(/no program at/);
  const broken = join(dir, 'broken');
  await writeFile(broken, '#!/bin/sh\necho out of order >&2\nexit 3\n', { mode: 0o755 });
  vi.stubEnv('BANKSMAN_CHROMIUM', broken);
  await expect(printPdf(pages['week'] ?? '', join(dir, 'none.pdf'))).rejects.toMatchObject({ code: 'CHROMIUM_FAILED' });
});
