import type { Producer } from '../../runtime/bus/types.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { Evidence } from '../../runtime/messages/types.ts';
import type { ObjectInfo, ObjectStore } from '../../runtime/stores/objects/types.ts';
import { toTimestamp } from '../../runtime/time.ts';
import type { SinkDeps } from '../deps.ts';
import { Trouble } from '../trouble.ts';
import { type EvidencePlace, parseEvidenceKey } from './keys.ts';
import { daysKept, type RetentionLimits } from './limits.ts';
import { parseRecord } from './record.ts';
import type { WorkQueue } from './work_queue.ts';

/** Incidents that nothing is removed of. */
export interface HeldIncidents {
  held(): Promise<Set<string>>;
  close(): Promise<void>;
}

export interface RetentionOptions {
  store: ObjectStore;
  /** Only what lies under it is looked at. */
  prefix: string;
  limits: RetentionLimits;
  held: HeldIncidents;
  /** Nothing of an incident is removed while something of it is being written. */
  queue: WorkQueue;
  /** Whether it is this process that removes, where several write into one store. */
  isMine(): boolean;
  /** Default an hour; sooner when so much was written that there may be no room. */
  everyMs?: number;
}

const DAY_MS = 86_400_000;
const EVERY_MS = 3_600_000;
/** How often to look whether `max_bytes` came near meanwhile. */
const GLANCE_MS = 10_000;
/** Shares of `max_bytes`: over the first the oldest go, down to the second, so that not every write asks for more. */
const HIGH = 0.9;
const LOW = 0.85;
/** What is held, or cannot be removed, fills it: somebody has to know. */
const ALARM = 0.95;
const PAGE = 500;
/** Others use the disk too. */
const PAUSE_MS = 20;

interface Found extends ObjectInfo {
  place: EvidencePlace;
}

/** Removes evidence by age and by bytes, oldest first, in small steps; never of an incident that is held. */
export class Retention {
  readonly #deps: SinkDeps;
  readonly #options: RetentionOptions;
  readonly #trouble: Trouble;
  readonly #fullTrouble: Trouble;
  readonly #stopping = new AbortController();
  #producer: Producer | undefined;
  #loop: Promise<void> | undefined;
  /** Bytes in the store: counted by the last look, with what was written and removed since. */
  #bytes = 0;

  constructor(deps: SinkDeps, options: RetentionOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#trouble = new Trouble(deps.log, 'removing old evidence');
    this.#fullTrouble = new Trouble(deps.log, 'keeping evidence within max_bytes');
  }

  start(producer: Producer): void {
    this.#producer = producer;
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  /** By so much the store has grown. What it replaced is not always known: the next look counts again. */
  grown(bytes: number): void {
    this.#bytes += bytes;
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#stopping;
    const everyMs = this.#options.everyMs ?? EVERY_MS;
    while (!signal.aborted) {
      try {
        if (this.#options.isMine()) await this.#pass();
        this.#trouble.end();
      } catch (err) {
        const code = err instanceof BanksmanError ? err.code : 'INTERNAL';
        this.#deps.metrics.inc('store_errors_total', { store: 'evidence', reason: code });
        this.#trouble.begin(code, { err });
      }
      const next = clock.monotonic() + everyMs;
      const after = this.#bytes;
      while (!signal.aborted && clock.monotonic() < next) {
        await clock.sleep(Math.min(GLANCE_MS, next - clock.monotonic()), signal);
        if (this.#bytes > after && this.#bytes > HIGH * this.#options.limits.max_bytes) break;
      }
    }
  }

  async #pass(): Promise<void> {
    const { limits } = this.#options;
    const now = this.#deps.clock.now();
    const dates = new Map<string, number>();
    const cameras = new Set<string>();
    let bytes = 0;
    for await (const objects of this.#folders(this.#options.prefix)) {
      bytes += sum(objects);
      const [first] = objects;
      if (!first?.place) continue;
      const { date } = first.place;
      cameras.add(first.key.split('/').slice(0, 2).join('/'));
      const over = tooOld(objects.filter(isOurs), date, now, limits);
      const removed = over.length > 0 ? await this.#remove(over, 'days') : 0;
      bytes -= removed;
      dates.set(date, (dates.get(date) ?? 0) + sum(objects) - removed);
    }
    this.#bytes = bytes;
    if (bytes > HIGH * limits.max_bytes) await this.#makeRoom([...dates.keys()].sort(), cameras);
    if (this.#bytes > ALARM * limits.max_bytes) {
      this.#fullTrouble.begin('STORE_FULL', { bytes: this.#bytes, max_bytes: limits.max_bytes });
    } else this.#fullTrouble.end();
  }

  /** Day by day, and within a day by the time of writing: no more than one day's listing is in memory. */
  async #makeRoom(dates: readonly string[], cameras: ReadonlySet<string>): Promise<void> {
    const enough = LOW * this.#options.limits.max_bytes;
    for (const date of dates) {
      const incidents: Found[][] = [];
      for (const camera of [...cameras].sort()) {
        for await (const objects of this.#folders(`${camera}/${date}/`)) {
          const ours = objects.filter(isOurs);
          if (ours.length > 0) incidents.push(ours);
        }
      }
      incidents.sort((a, b) => oldest(a) - oldest(b));
      for (const objects of incidents) {
        if (this.#bytes <= enough || this.#stopping.signal.aborted) return;
        this.#bytes -= await this.#remove(objects, 'bytes');
      }
    }
  }

  /**
   * Removes objects of one incident, the record last: whoever is ended half-way finds it again.
   * @returns bytes removed; 0 where it is held or something of it is being written.
   */
  async #remove(objects: readonly Found[], reason: 'days' | 'bytes'): Promise<number> {
    const { store, queue, held } = this.#options;
    const [first] = objects;
    if (!first) return 0;
    let removed = 0;
    await queue.exclusive(first.place.incident, async () => {
      // Asked each time: a look takes minutes where much is stored, and people hold incidents meanwhile.
      if ((await held.held()).has(first.place.incident)) return;
      const folder = first.key.slice(0, first.key.lastIndexOf('/') + 1);
      const record = parseRecord(await store.get(`${folder}record.json`));
      for (const object of [...objects].sort((a, b) => last(a) - last(b))) {
        await store.delete(object.key);
        removed += object.bytes;
        this.#deps.metrics.inc('evidence_deleted_total', { reason });
        await this.#announce(object.place, object.key, record?.incident.revision ?? 0, reason);
      }
    });
    await this.#deps.clock.sleep(PAUSE_MS, this.#stopping.signal);
    return removed;
  }

  /** So that nobody offers what is no longer there. */
  async #announce(place: EvidencePlace, key: string, revision: number, reason: string): Promise<void> {
    const { site, camera, incident, kind } = place;
    const at = toTimestamp(Date.parse(place.date));
    const gone = { revision, kind, key, sha256: '', bytes: 0, from: at, to: at, complete: false };
    const value: Evidence = { incident, site, camera, ...gone, reason: `retention_${reason}` };
    await this.#producer?.send('evidence.v1', { key: cameraKey(site, camera), value: encodeJson(value) });
  }

  /** Everything under a prefix, folder by folder, page by page. */
  async *#folders(prefix: string): AsyncGenerator<(ObjectInfo & { place: EvidencePlace | undefined })[]> {
    const { store } = this.#options;
    let open: (ObjectInfo & { place: EvidencePlace | undefined })[] = [];
    let after = '';
    for (;;) {
      if (this.#stopping.signal.aborted) return;
      const page = await store.list({ prefix, after, limit: PAGE });
      for (const info of page) {
        if (open[0] && folderOf(open[0].key) !== folderOf(info.key)) {
          yield open;
          open = [];
        }
        open.push({ ...info, place: parseEvidenceKey(info.key) });
      }
      after = page.at(-1)?.key ?? '';
      if (page.length < PAGE) break;
      await this.#deps.clock.sleep(PAUSE_MS, this.#stopping.signal);
    }
    if (open.length > 0) yield open;
  }
}

/** By the day of the opening, counted from its end: nothing goes early. */
function tooOld(objects: readonly Found[], date: string, now: number, limits: RetentionLimits): Found[] {
  const days = (now - (Date.parse(date) + DAY_MS)) / DAY_MS;
  return objects.filter(({ place }) => days > daysKept(place.kind, limits));
}

function isOurs(object: ObjectInfo & { place: EvidencePlace | undefined }): object is Found {
  return object.place !== undefined;
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'));
}

function last({ place }: Found): number {
  return place.kind === 'record' ? 1 : 0;
}

function oldest(objects: readonly Found[]): number {
  return Math.min(...objects.map(({ modifiedAt }) => modifiedAt));
}

function sum(objects: readonly ObjectInfo[]): number {
  return objects.reduce((bytes, object) => bytes + object.bytes, 0);
}
