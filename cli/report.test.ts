/** `banksman report` on stores as the sinks write them. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Figures } from '../report/figures.ts';
import { DAY, FilledSite, fillMonths, HOUR, type IncidentSpec, picture } from '../report/testing.ts';
import { hasS3, S3Server } from '../test/services/s3.ts';
import { type ReportOptions, report } from './report.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const CAMERAS = ['gate', 'pit'];
const NIGHT = 'schedules: { night: { days: daily, from: "20:00", to: "06:00", timezone: Europe/Dublin } }';
const site = (more = ''): string =>
  `site: yard\ndata_dir: ./data\ncameras: { gate: { url: rtsp://10.0.0.1/a }, pit: { url: rtsp://10.0.0.1/b } }\n${NIGHT}\n${more}`;

/** Names that would break a page which believes them. */
const HOSTILE: IncidentSpec = {
  id: 'cafe0001-incident',
  openedAt: '2026-11-20T14:05:00.000Z',
  rule: '<script>alert(1)</script>',
  zone: '"><img src=x onerror=alert(2)>',
  severity: 'critical',
  state: 'closed',
  transition: 'closed',
  closedAt: '2026-11-20T14:05:30.000Z',
  closeReason: 'left',
  peopleMax: 4,
  acknowledgedAfter: 90,
};

let dir: string;
let config: string;
let filled: FilledSite;
let printed = '';

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-report-'));
  config = join(dir, 'site.yaml');
  await writeFile(config, site());
  filled = new FilledSite(join(dir, 'data'));
  await fillMonths(filled, CAMERAS, NOW, 1200);
  await filled.incidents([HOSTILE]);
  await filled.evidence(HOSTILE, { snapshot: await picture(40), annotated: await picture(200) });
});
afterAll(async () => {
  await filled.close();
  await rm(dir, { recursive: true });
});
beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

const make = (options: Partial<ReportOptions>): Promise<number> => report({ config, ...options }, NOW);

async function pageOf(options: Partial<ReportOptions>): Promise<string> {
  const out = join(dir, 'out.html');
  expect(await make({ out, ...options })).toBe(0);
  expect(printed).toBe(`${out}\n`);
  return readFile(out, 'utf8');
}

async function figuresOf(options: Partial<ReportOptions>): Promise<Figures> {
  await make({ json: true, ...options });
  return JSON.parse(printed);
}

const refused = (options: Partial<ReportOptions>) =>
  make(options).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('the page of a period', () => {
  it('has every part, in tables with heads and pictures with words, and loads nothing', async () => {
    const text = await pageOf({ weekly: true });
    const titles = [...text.matchAll(/<h2 [^>]*>([^<]*)</g)].map(([, title]) => title);
    expect(titles).toEqual([
      'When',
      'What and where',
      'Where in the picture',
      'Cameras',
      'Time not watched',
      'Answers of people',
      'The gravest incidents',
      'What it costs',
      'How to read this',
    ]);
    const tables = text.match(/<table>.*?<\/table>/gs) ?? [];
    expect(tables.length).toBeGreaterThan(8);
    for (const one of tables) expect(one).toMatch(/<caption>.+<th scope="col".*<th scope="row">/s);
    const images = text.match(/<img [^>]*>/g) ?? [];
    expect(images.length).toBeGreaterThan(2);
    for (const one of images) expect(one).toMatch(/src="data:image\/jpeg;base64,[^"]+".* alt="[^"]{10,}"/);
    expect(text.replaceAll(/data:image\/jpeg;base64,[^"]+/g, '')).not.toMatch(/https?:\/\/|<script|<link|url\(/);
    expect(text).toContain('Europe/Dublin');
    expect(text).toContain('Mon, 16 Nov 2026 to Sun, 22 Nov 2026, 12:00');
  });

  it('takes names of rules and zones for nothing but names', async () => {
    const text = await pageOf({ weekly: true });
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(text).not.toMatch(/<script|<img src=x/);
  });

  it('holds few pictures, however many incidents there are', async () => {
    const text = await pageOf({ monthly: true });
    expect(text.match(/<figure>/g)?.length).toBeLessThanOrEqual(24);
    expect(text.length).toBeLessThan(3_000_000);
  });

  it('of a time without incidents says how much of it was watched', async () => {
    const quiet = join(dir, 'quiet');
    const other = new FilledSite(quiet);
    const from = NOW - 8 * DAY;
    await other.coverage('gate', [
      [from, NOW - 2 * HOUR, null],
      [NOW - 2 * HOUR, NOW - HOUR, 'blind:RTSP_REFUSED'],
      [NOW - HOUR, NOW, null],
    ]);
    await other.close();
    const file = join(dir, 'quiet.yaml');
    await writeFile(file, `site: yard\ndata_dir: ./quiet\ncameras: { gate: { url: rtsp://10.0.0.1/a } }`);
    const text = await pageOf({ config: file, weekly: true, timezone: 'UTC' });
    // 155 of 156 hours.
    expect(text).toContain('No incidents; 1 camera watched 99.4 % of the time.');
    expect(text).toContain('For 60 min of camera time nobody could look: incidents then would not be in this report.');
    expect(text).toContain('No incidents in this period; watched 99.4 % of the time.');
    expect(text).toContain('the host refused the connection');
    expect(text).toContain('there was nothing to answer');
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('compares with nothing where nothing is on record, and says since when there is a record', async () => {
    const fresh = new FilledSite(join(dir, 'fresh'));
    await fresh.coverage('gate', [[NOW - HOUR, NOW, null]]);
    await fresh.close();
    const file = join(dir, 'fresh.yaml');
    await writeFile(file, site().replace('./data', './fresh'));
    const text = await pageOf({ config: file, weekly: true });
    expect(text).toContain('nothing is on record of the period before');
    expect(text).toContain('The record begins only on Sun, 22 Nov 2026, 11:00.');
    expect(text).toMatch(/camera time there is no record at all: incidents then would not be in this report/);
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('is made without pictures where nobody wants them', async () => {
    const text = await pageOf({ weekly: true, pictures: false });
    expect(text).toContain('Pictures were left out.');
  });
});

describe('the figures', () => {
  it('count what the store has, each incident once', async () => {
    const { incidents, days, timezone, from, to } = await figuresOf({ monthly: true });
    const { total } = await filled.state.counts({ site: 'yard', from, to });
    expect(incidents.incidents + incidents.rejected).toBe(total);
    expect([days.length, timezone]).toEqual([31, 'Europe/Dublin']);
    const all = (lists: { critical: number; high: number; medium: number; low: number }[]): number =>
      lists.reduce((sum, { critical, high, medium, low }) => sum + critical + high + medium + low, 0);
    expect([all(incidents.byDay), all(incidents.byHour)]).toEqual([incidents.incidents, incidents.incidents]);
  });

  it('of watched and other time are the whole period, of each camera', async () => {
    const { watch, from, to, cameras } = await figuresOf({ weekly: true, until: '2026-11-15' });
    const ms = Date.parse(to) - Date.parse(from);
    expect([cameras, ms]).toEqual([CAMERAS, 7 * DAY]);
    expect(watch.watchedMs + watch.unwatchedMs + watch.unrecordedMs).toBe(2 * ms);
    const byHour = watch.byHour.reduce((sum, one) => sum + one.watchedMs + one.unwatchedMs + one.unrecordedMs, 0);
    expect(byHour).toBe(2 * ms);
  });

  it('write no file', async () => {
    const before = await readdir(dir);
    await figuresOf({ weekly: true });
    expect(await readdir(dir)).toEqual(before);
  });
});

describe('what it costs', () => {
  const PRICES = 'prices: { currency: EUR, cpu_core_month: 20, memory_gib_month: 3, storage_gb_month: 500 }';
  const words = (text: string): string =>
    text
      .replaceAll('\u00a0', ' ')
      .replaceAll(/<[^>]+>/g, ' ')
      .replaceAll(/\s+/g, ' ');
  let priced: string;
  beforeAll(async () => {
    priced = join(dir, 'priced.yaml');
    await writeFile(priced, site(PRICES));
  });

  it('is bytes, and how to get to money, where the site file has no prices', async () => {
    const { storage, incidents } = await figuresOf({ weekly: true });
    expect(storage).toMatchObject({ prices: null, ofPeriod: { bytes: incidents.evidence.bytes, aMonth: null } });
    printed = '';
    const text = words(await pageOf({ weekly: true }));
    expect(text).toContain('the site file has no prices');
    expect(text).toContain('prices: { currency: EUR, cpu_core_month:');
    expect(text).not.toMatch(/EUR \d/);
  });

  it('is money by the prices of the site file, of storage and of nothing else', async () => {
    const { storage } = await figuresOf({ config: priced, weekly: true });
    const { ofPeriod, ofIncident, inTheLongRun } = storage;
    expect(ofPeriod.bytes).toBeGreaterThan(1000);
    expect(ofPeriod.aMonth).toBeCloseTo((ofPeriod.bytes / 1e9) * 500, 9);
    // The one incident of the week that has evidence.
    expect(ofIncident).toMatchObject({ bytes: ofPeriod.bytes });
    expect(inTheLongRun).toMatchObject({ measuredMs: 6.5 * DAY, full: false });
    printed = '';
    const text = words(await pageOf({ config: priced, weekly: true }));
    expect(text).toMatch(/Of the incidents of this week [\d.]+ kB EUR 0\.\d+/);
    expect(text).toMatch(/In the long run, at the pace of this week [\d.]+ kB EUR 0\.\d+/);
    expect(text).toContain('Pictures go after 30 days, records after 365 days, and 50 GB is the most');
    expect(text).toContain('At EUR 500.00 for a GB that is stored for 30 days');
    expect(text).toContain('Cores and memory are not in here');
  });

  it('of a time whose pictures are gone is no guess', async () => {
    const { storage } = await figuresOf({ config: priced, weekly: true, until: '2026-10-10' });
    expect(storage).toMatchObject({ ofIncident: null, inTheLongRun: null });
    printed = '';
    const text = words(await pageOf({ config: priced, weekly: true, until: '2026-10-10' }));
    expect(text).toContain('not to be told from this week');
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('is said of one incident too, for as long as its files are kept', async () => {
    const text = words(await pageOf({ config: priced, incident: 'cafe0001' }));
    expect(text).toMatch(
      /Together [\d.]+ kB. Keeping them costs EUR 0\.\d+ for 30 days, and EUR 0\.\d+ for all of their time/,
    );
    printed = '';
    expect(words(await pageOf({ incident: 'cafe0001' }))).toMatch(/Together [\d.]+ kB. No money is said/);
  });
});

describe('the page of an incident', () => {
  it('has its course, its pictures, who answered, and checksums that were tried', async () => {
    const text = await pageOf({ incident: 'cafe0001' });
    expect(text.match(/<img src="data:/g)).toHaveLength(2);
    expect(text).toMatch(/opened.*acknowledged.*by shift lead/s);
    expect(text.match(/✓ is what was stored/g)).toHaveLength(3);
    expect(text).toContain('Fri, 20 Nov 2026, 14:06:30');
    expect(text).not.toMatch(/<script|<img src=x/);
  });

  it('says when a file is not what was stored, or gone', async () => {
    const copy = join(dir, 'changed');
    const other = new FilledSite(copy);
    await other.incidents([HOSTILE]);
    await other.evidence(HOSTILE, { snapshot: await picture(1), annotated: await picture(2) });
    await other.close();
    const folder = join(copy, 'evidence/yard/gate/2026-11-20/cafe0001-incident');
    await writeFile(join(folder, 'annotated.jpg'), 'something else');
    await rm(join(folder, 'snapshot.jpg'));
    const file = join(dir, 'changed.yaml');
    await writeFile(file, site().replace('./data', './changed'));
    const text = await pageOf({ config: file, incident: 'cafe0001' });
    expect(text).toContain('✗ is not what was stored');
    expect(text).toContain('– no longer there');
    expect(text).toContain('No picture is stored');
  });
});

describe('a mistake', () => {
  it.each([
    [{}, 'a report of what?'],
    [{ weekly: true, monthly: true }, '--weekly and --monthly are two reports'],
    [{ incident: 'cafe0001', until: '2026-11-20' }, '--until goes with'],
    [{ incident: 'cafe0001', pictures: false }, '--no-pictures goes with'],
    [{ weekly: true, json: true, pdf: true }, '--json writes no file'],
    [{ weekly: true, until: '2026-02-30' }, '2026-02-30 is no day'],
    [{ weekly: true, until: '2026-11-23' }, '2026-11-23 is still to come'],
    [{ weekly: true, timezone: 'Europe/Nowhere' }, 'Europe/Nowhere is no time zone'],
    [{ incident: 'cafe9999' }, 'site yard has no incident cafe9999'],
    [{ incident: '0000000' }, 'site yard has no incident 0000000'],
    [{ weekly: true, out: '/nowhere/report.html' }, 'cannot write /nowhere/report.html'],
  ] satisfies [Partial<ReportOptions>, string][])('%j is said with the way to mend it', async (options, message) => {
    expect(await refused(options)).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
      mend: expect.not.stringMatching(/^See --help/),
    });
  });

  it('in the place of the stores is not a quiet site', async () => {
    const file = join(dir, 'nothing.yaml');
    await writeFile(file, site().replace('./data', './nothing'));
    expect(await refused({ config: file, weekly: true })).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('nothing is stored of this site'),
    });
    expect(await refused({ config: file, incident: 'cafe0001' })).toMatchObject({
      mend: expect.stringContaining('No incident is stored'),
    });
  });

  it('of an evidence store that is away leaves a way out', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b');
    const file = join(dir, 's3.yaml');
    await writeFile(file, site('evidence: { store: s3, s3: { bucket: evidence, endpoint: "http://127.0.0.1:9" } }'));
    expect(await refused({ config: file, weekly: true })).toMatchObject({
      code: 'STORE_UNREACHABLE',
      where: expect.stringContaining('s3://evidence'),
      mend: expect.stringContaining('--no-pictures'),
    });
    expect(await make({ config: file, weekly: true, pictures: false, out: join(dir, 'away.html') })).toBe(0);
    vi.unstubAllEnvs();
  });
});

describe.skipIf(!hasS3())('with evidence in a bucket', () => {
  it('has the same pictures', async () => {
    const server = await S3Server.start();
    const file = join(dir, 'bucket.yaml');
    await writeFile(file, site(`evidence: { store: s3, s3: { bucket: evidence, endpoint: "${server.endpoint}" } }`));
    const { S3ObjectStore } = await import('../runtime/stores/objects/s3.ts');
    const { loadOrThrow } = await import('./role.ts');
    const { config: loaded } = await loadOrThrow(file);
    if (!loaded.evidence.s3) throw new Error('no bucket');
    const bucket = new S3ObjectStore(loaded.evidence.s3);
    await bucket.start();
    const [incident] = (
      await filled.state.incidents({ site: 'yard', severity: ['critical'], from: HOSTILE.openedAt })
    ).incidents.filter(({ id }) => id === HOSTILE.id);
    for (const { key, sha256 } of incident?.evidence ?? []) {
      const bytes = await filled.objects.get(key);
      if (bytes) await bucket.put(key, bytes, { contentType: 'image/jpeg', sha256 });
    }
    await bucket.close();
    const text = await pageOf({ config: file, incident: HOSTILE.id });
    expect(text.match(/✓ is what was stored/g)).toHaveLength(3);
    await server.stop();
  });
});
