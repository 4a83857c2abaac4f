/** `banksman report`: what happened in a week or a month, or one incident, as one file for people. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { SiteConfig } from '../config/site.ts';
import type { StorageTerms } from '../report/cost.ts';
import { Calendar, periodOf } from '../report/period.ts';
import { asError, BanksmanError } from '../runtime/errors.ts';
import { type EvidenceReader, openEvidenceReader } from '../runtime/stores/objects/open.ts';
import type { ObjectReader } from '../runtime/stores/objects/types.ts';
import { openStateReader } from '../runtime/stores/state/open.ts';
import type { StateReader } from '../runtime/stores/state/types.ts';
import { loadOrThrow } from './role.ts';
import { VERSION } from './version.ts';

export interface ReportOptions {
  config: string;
  weekly?: boolean;
  monthly?: boolean;
  incident?: string;
  /** The last day, `YYYY-MM-DD`. */
  until?: string;
  timezone?: string;
  out?: string;
  pdf?: boolean;
  /** False: none, and the evidence store is not asked. */
  pictures?: boolean;
  json?: boolean;
}

interface Made {
  /** Of the file, without its ending. */
  name: string;
  figures: unknown;
  page: () => Promise<string>;
}

interface Stores {
  state: StateReader;
  objects: ObjectReader;
}

const NO_PICTURES: ObjectReader = {
  get: async () => undefined,
  presign: async () => null,
  close: async () => undefined,
};

/** @returns 0, or throws what is wrong. */
export async function report(options: ReportOptions, now = Date.now()): Promise<number> {
  mustAskForOne(options);
  const { config } = await loadOrThrow(options.config);
  const calendar = calendarOf(options, config);
  const state = await openStateReader(config.state, config.data_dir);
  let evidence: EvidenceReader | undefined;
  try {
    const wantsObjects = options.pictures !== false && (options.json !== true || options.incident !== undefined);
    if (wantsObjects) evidence = await openEvidenceReader(config.evidence, config.data_dir);
    const stores = { state, objects: evidence ?? NO_PICTURES };
    const made =
      options.incident === undefined
        ? await ofPeriod(options, config, calendar, stores, now)
        : await ofIncident(options.incident, config, calendar, stores, now);
    if (options.json) {
      process.stdout.write(`${JSON.stringify(made.figures, null, 2)}\n`);
      return 0;
    }
    await write(made, options);
    return 0;
  } catch (error) {
    throw withWayOut(error, options);
  } finally {
    await state.close();
    await evidence?.close();
  }
}

async function ofPeriod(
  { weekly, until, pictures }: ReportOptions,
  config: SiteConfig,
  calendar: Calendar,
  { state, objects }: Stores,
  now: number,
): Promise<Made> {
  const { gather } = await import('../report/figures.ts');
  const { site, cameras } = config;
  const storage = storageTerms(config);
  const kind = weekly ? 'weekly' : 'monthly';
  const period = periodOf(kind, lastDay(until, calendar, now), calendar, now);
  const enabled = Object.values(cameras).filter((camera) => camera.enabled);
  const gathered = await gather({ state, site, cameras: enabled.map(({ id }) => id), period, calendar, storage, now });
  const leftOut = pictures === false;
  return {
    name: `${site}-${kind}-${period.days.at(-1)}`,
    figures: gathered.figures,
    page: async () => {
      const { makePeriodPage } = await import('../report/make.ts');
      return makePeriodPage(gathered, { state, objects, calendar, version: VERSION }, leftOut);
    },
  };
}

async function ofIncident(
  id: string,
  config: SiteConfig,
  calendar: Calendar,
  { state, objects }: Stores,
  now: number,
): Promise<Made> {
  const { site } = config;
  const { findIncident, readIncident } = await import('../report/incident.ts');
  const file = await readIncident(await findIncident(state, site, id), objects, storageTerms(config));
  return {
    name: `${site}-incident-${file.incident.id.slice(0, 12)}`,
    figures: file,
    page: async () => {
      const { makeIncidentPage } = await import('../report/make.ts');
      return makeIncidentPage(file, { state, objects, calendar, version: VERSION }, now);
    },
  };
}

const storageTerms = ({ evidence, prices }: SiteConfig): StorageTerms => ({ retention: evidence.retention, prices });

async function write({ name, page }: Made, { out, pdf }: ReportOptions): Promise<void> {
  const target = resolve(out ?? `${name}.html`);
  await writeFile(target, await page()).catch((error: unknown) => {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new BanksmanError('USAGE', {
      where: '--out',
      message: `cannot write ${target}: ${asError(error).message}`,
      mend: 'Name a file in a folder that is there and may be written to.',
    });
  });
  process.stdout.write(`${target}\n`);
  if (pdf !== true) return;
  const { printPdf } = await import('../report/pdf.ts');
  const paper = target.replace(/\.html?$/i, '').concat('.pdf');
  await printPdf(target, paper);
  process.stdout.write(`${paper}\n`);
}

function mustAskForOne({ weekly, monthly, incident, until, json, out, pdf, pictures }: ReportOptions): void {
  const asked = [weekly && '--weekly', monthly && '--monthly', incident !== undefined && '--incident'].filter(Boolean);
  const refuse = (message: string, mend: string): never => {
    throw new BanksmanError('USAGE', { where: 'report', message, mend });
  };
  if (asked.length === 0) refuse('a report of what?', 'Say --weekly, --monthly or --incident ID.');
  if (asked.length > 1) refuse(`${asked.join(' and ')} are two reports`, 'Ask for one of them at a time.');
  if (incident !== undefined && until !== undefined) {
    refuse('--until goes with --weekly or --monthly', 'Leave it out: an incident has its own time.');
  }
  if (incident !== undefined && pictures === false) {
    refuse('--no-pictures goes with --weekly or --monthly', 'Leave it out: an incident is shown with its evidence.');
  }
  if (json && (out !== undefined || pdf)) refuse('--json writes no file', 'Leave out --out and --pdf, or --json.');
}

/** @throws BanksmanError USAGE */
function calendarOf({ timezone }: ReportOptions, { schedules }: SiteConfig): Calendar {
  const zones = new Set(Object.values(schedules).map((schedule) => schedule.timezone));
  const [only] = zones;
  const ofSite = zones.size === 1 && only !== undefined ? only : Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    return new Calendar(timezone ?? ofSite);
  } catch {
    throw new BanksmanError('USAGE', {
      where: '--timezone',
      message: `${timezone} is no time zone`,
      mend: 'Give an IANA name, such as Europe/Dublin or UTC.',
    });
  }
}

/** @throws BanksmanError USAGE */
function lastDay(until: string | undefined, calendar: Calendar, now: number): string {
  const today = calendar.day(now);
  if (until === undefined) return today;
  const day = /^\d{4}-\d\d-\d\d$/.test(until) ? Date.parse(`${until}T00:00:00Z`) : Number.NaN;
  const refuse = (message: string, mend: string): never => {
    throw new BanksmanError('USAGE', { where: '--until', message, mend });
  };
  // 2026-02-30 is read as a day of March.
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== until) {
    refuse(`${until === '' ? 'nothing' : until} is no day`, `Write it as ${today}.`);
  }
  if (until > today) refuse(`${until} is still to come`, `Today is ${today} in ${calendar.zone}.`);
  return until;
}

/** Of the evidence store when it is away: figures need none of it. */
function withWayOut(thrown: unknown, { incident, json }: ReportOptions): unknown {
  if (!(thrown instanceof BanksmanError) || !thrown.code.startsWith('STORE_') || json || incident) return thrown;
  const { code, message, where, mend } = thrown;
  return new BanksmanError(code, {
    message,
    ...(where === undefined ? {} : { where }),
    mend: `${mend} \`--no-pictures\` makes the report without it.`,
  });
}
