/** The figures of a period, read from the stores: what `--json` prints and the page shows. */
import { BanksmanError } from '../runtime/errors.ts';
import type { Timestamp } from '../runtime/messages/types.ts';
import type { StateReader, StoredIncident } from '../runtime/stores/state/types.ts';
import { toTimestamp } from '../runtime/time.ts';
import { type StorageSums, type StorageTerms, storageOf } from './cost.ts';
import { addDays, type Calendar, type Period, periodBefore, type ReportKind } from './period.ts';
import { gravity, type IncidentSums, Tally } from './tally.ts';
import { type WatchSums, WatchTally, type WatchTime } from './watched.ts';

export interface Figures {
  format: 'banksman.report.v1';
  site: string;
  kind: ReportKind;
  timezone: string;
  madeAt: Timestamp;
  from: Timestamp;
  to: Timestamp;
  /** `YYYY-MM-DD` in the time zone; what is by day follows them. */
  days: string[];
  /** The last day was not over. */
  partial: boolean;
  /** Configured and enabled now: those whose time counts as watched or not. */
  cameras: string[];
  incidents: IncidentSums;
  watch: WatchSums;
  /** What evidence takes and costs. */
  storage: StorageSums;
  before: { from: Timestamp; to: Timestamp; incidents: Omit<IncidentSums, 'heat'>; watch: WatchTime };
  /** What the reader must know before believing it. */
  notices: string[];
}

/** What the page shows beside the figures: incidents whose pictures are worth it. */
export interface Gathered {
  figures: Figures;
  gravest: StoredIncident[];
  /** Of each camera the key of a snapshot to draw on, the newest. */
  backdrops: Map<string, string>;
}

export interface GatherOptions {
  state: StateReader;
  site: string;
  cameras: readonly string[];
  period: Period;
  calendar: Calendar;
  storage: StorageTerms;
  /** Epoch ms. */
  now: number;
}

const PAGE = 500;
const DAY = 86_400_000;
/** What was just now is on its way to the store: no record of it yet is none missing. */
const UNDER_WAY_MS = 10_000;
/** Pictures of incidents that a report holds. */
export const MAX_GRAVEST = 12;

/** @throws BanksmanError USAGE where nothing was ever stored; what the store throws. */
export async function gather(options: GatherOptions): Promise<Gathered> {
  const { state, site, cameras, period, calendar, now } = options;
  const before = periodBefore(period, calendar);
  const health = await state.health();
  const tally = new Tally(period, calendar);
  const gravest = new Gravest();
  const backdrops = new Map<string, string>();
  for await (const incident of incidentsOf(state, site, period)) {
    tally.add(incident);
    gravest.add(incident);
    const snapshot = incident.evidence.find(({ kind }) => kind === 'snapshot');
    if (snapshot && !backdrops.has(incident.camera)) backdrops.set(incident.camera, snapshot.key);
  }
  const tallyBefore = new Tally(before, calendar);
  for await (const incident of incidentsOf(state, site, before)) tallyBefore.add(incident);
  const watch = await watchOf(options, period);
  const { watchedMs, unwatchedMs, unrecordedMs } = await watchOf(options, before);
  const { heat: _heat, ...incidentsBefore } = tallyBefore.end();
  const incidents = tally.end();
  const figures: Figures = {
    format: 'banksman.report.v1',
    site,
    kind: period.kind,
    timezone: calendar.zone,
    madeAt: toTimestamp(now),
    from: toTimestamp(period.from),
    to: toTimestamp(period.to),
    days: period.days,
    partial: period.partial,
    cameras: [...cameras],
    incidents,
    watch,
    storage: storageIn(options, incidents, watch),
    before: {
      from: toTimestamp(before.from),
      to: toTimestamp(before.to),
      incidents: incidentsBefore,
      watch: { watchedMs, unwatchedMs, unrecordedMs },
    },
    notices:
      health.state === 'ok' ? [] : ['The state store had lost records and is being rebuilt: figures may be too low.'],
  };
  await mustKnowSomething(options, figures);
  return { figures, gravest: gravest.end(), backdrops };
}

function storageIn(
  { period, calendar, storage, now }: GatherOptions,
  sums: IncidentSums,
  watch: WatchSums,
): StorageSums {
  const days = sums.evidence.byDay.map((day, i) => {
    const name = period.days[i] ?? '';
    return { ...day, from: calendar.beginOf(name), to: Math.min(calendar.beginOf(addDays(name, 1)), period.to) };
  });
  const [begins = period.from] = watch.cameras
    .flatMap(({ recordFrom }) => (recordFrom ? Date.parse(recordFrom) : []))
    .sort((a, b) => a - b);
  return storageOf(days, { since: begins, now }, storage);
}

/** Newest first, a page at a time in memory. */
export async function* incidentsOf(
  state: StateReader,
  site: string,
  span?: { from: number; to: number },
): AsyncGenerator<StoredIncident> {
  const within = span === undefined ? {} : { from: toTimestamp(span.from), to: toTimestamp(span.to) };
  let cursor: string | null = null;
  do {
    const page = await state.incidents({ site, limit: PAGE, ...within, ...(cursor === null ? {} : { cursor }) });
    yield* page.incidents;
    cursor = page.cursor;
  } while (cursor !== null);
}

async function watchOf({ state, site, cameras, calendar, now }: GatherOptions, period: Period): Promise<WatchSums> {
  const tally = new WatchTally(period, calendar.slots(period));
  const end = Math.min(period.to, now - UNDER_WAY_MS);
  for (const camera of cameras) {
    tally.begin(camera);
    // A camera that comes and goes has thousands of intervals a month.
    for (let from = period.from; from < end; from += DAY) {
      const to = Math.min(end, from + DAY);
      for (const one of await state.coverage(site, camera, toTimestamp(from), toTimestamp(to))) tally.add(one);
    }
  }
  return tally.end();
}

/** A store that never held anything is no quiet site: it is the wrong file, or nothing ran. */
async function mustKnowSomething({ state, site }: GatherOptions, { watch, incidents }: Figures): Promise<void> {
  if (watch.watchedMs + watch.unwatchedMs + incidents.incidents + incidents.rejected + incidents.camerasLost > 0)
    return;
  const [cameras, { total }] = await Promise.all([state.cameras(site), state.counts({ site })]);
  if (cameras.length + total > 0) return;
  throw new BanksmanError('USAGE', {
    where: `site ${site}`,
    message: 'nothing is stored of this site: no incident, and no camera was ever watched',
    mend: 'Check -c, `site`, `data_dir` and `state` of the site file; a report can be made after `banksman up` has run.',
  });
}

/** The gravest incidents that nobody rejected, few at any time. */
class Gravest {
  readonly #kept: StoredIncident[] = [];

  add(incident: StoredIncident): void {
    if (incident.rejected || incident.type === 'camera_offline') return;
    this.#kept.push(incident);
    if (this.#kept.length > 4 * MAX_GRAVEST) this.#cut();
  }

  end(): StoredIncident[] {
    this.#cut();
    // The least grave are shown where there is nothing graver.
    const graver = this.#kept.filter(({ severity }) => severity !== 'low');
    return graver.length > 0 ? graver : this.#kept;
  }

  #cut(): void {
    this.#kept.sort(
      (a, b) =>
        gravity(a.severity) - gravity(b.severity) ||
        b.peopleMax - a.peopleMax ||
        lastedMs(b) - lastedMs(a) ||
        (a.openedAt < b.openedAt ? 1 : -1),
    );
    this.#kept.length = Math.min(this.#kept.length, MAX_GRAVEST);
  }
}

/** Until it closed, or was last heard of. */
export function lastedMs({ openedAt, closedAt, updatedAt }: StoredIncident): number {
  return Math.max(0, Date.parse(closedAt ?? updatedAt) - Date.parse(openedAt));
}
