import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CameraStatus, Coverage, Mute, Timestamp } from '../../messages/types.ts';
import { fromTimestamp, toTimestamp } from '../../time.ts';
import { type Database, openReader, openWriter, type Row } from '../sqlite.ts';
import { type Categories, type CategoryFilter, categoriesOf } from './categories.ts';
import { readCategories } from './embedded_categories.ts';
import { readCoverage } from './embedded_coverage.ts';
import { countIncidents, readIncident, readIncidents } from './embedded_incidents.ts';
import { PICTURES_SCHEMA, PICTURES_VERSION, STATE_MIGRATIONS, STATE_SCHEMA, STATE_VERSION } from './embedded_schema.ts';
import { applyChange } from './embedded_write.ts';
import { away, HEALTHY } from './health.ts';
import { noIncidents } from './incident_page.ts';
import type {
  ApplyResult,
  CameraLive,
  IncidentCounts,
  IncidentFilter,
  IncidentPage,
  IncidentQuery,
  Picture,
  RetainOptions,
  StateChange,
  StateReader,
  StateStore,
  StoredIncident,
  StoreHealth,
} from './types.ts';

const statePath = (dataDir: string): string => join(dataDir, 'state.db');
/** Its own file: rewritten all the time, worth nothing tomorrow, so it is never waited for. */
const picturesPath = (dataDir: string): string => join(dataDir, 'pictures.db');

/**
 * Reads beside the writer, from any process; there may not be one (yet, or any more): then nothing is
 * known, which is not an error. Opens at the first call.
 */
export class EmbeddedStateReader implements StateReader {
  protected readonly dataDir: string;
  #state: Database | undefined;
  #pictures: Database | undefined;

  constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  async cameras(site: string): Promise<CameraLive[]> {
    const rows = this.state()?.all('SELECT * FROM cameras WHERE site = ? ORDER BY camera', site) ?? [];
    return rows.map((row) => this.#live(row));
  }

  async camera(site: string, camera: string): Promise<CameraLive | undefined> {
    const row = this.state()?.get('SELECT * FROM cameras WHERE site = ? AND camera = ?', site, camera);
    return row && this.#live(row);
  }

  async picture(site: string, camera: string): Promise<Picture | undefined> {
    const row = this.pictures()?.get(
      'SELECT capture_time, jpeg FROM pictures WHERE site = ? AND camera = ?',
      site,
      camera,
    );
    const jpeg = row?.['jpeg'];
    if (!(jpeg instanceof Uint8Array)) return undefined;
    return {
      captureTime: String(row?.['capture_time']),
      jpeg: Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength),
    };
  }

  async incident(id: string): Promise<StoredIncident | undefined> {
    const db = this.state();
    return db && readIncident(db, id);
  }

  async incidents(query: IncidentQuery): Promise<IncidentPage> {
    const db = this.state();
    return db ? readIncidents(db, query) : { incidents: [], cursor: null };
  }

  async counts(filter: IncidentFilter): Promise<IncidentCounts> {
    const db = this.state();
    return db ? countIncidents(db, filter) : noIncidents();
  }

  async categories(filter: CategoryFilter): Promise<Categories> {
    const db = this.state();
    return categoriesOf(db ? readCategories(db) : [], filter);
  }

  async held(): Promise<Set<string>> {
    const rows = this.state()?.all("SELECT incident FROM labels WHERE label = 'hold' AND active = 1") ?? [];
    return new Set(rows.map((row) => String(row['incident'])));
  }

  async mutes(at?: Timestamp): Promise<Mute[]> {
    const rows =
      at === undefined
        ? this.state()?.all('SELECT json, removed_ms FROM mutes ORDER BY at_ms DESC, id')
        : this.state()?.all(
            `SELECT json, removed_ms FROM mutes
             WHERE at_ms <= ?1 AND ?1 < min(until_ms, coalesce(removed_ms, until_ms)) ORDER BY at_ms DESC, id`,
            fromTimestamp(at),
          );
    return (rows ?? []).map((row) => {
      const mute: Mute = JSON.parse(String(row['json']));
      const removed = row['removed_ms'];
      if (removed === null || Number(removed) >= fromTimestamp(mute.until)) return mute;
      return { ...mute, until: toTimestamp(Number(removed)) };
    });
  }

  async coverage(site: string, camera: string, from: Timestamp, to: Timestamp): Promise<Coverage[]> {
    const db = this.state();
    if (db) return readCoverage(db, site, camera, from, to);
    return fromTimestamp(from) < fromTimestamp(to)
      ? [{ site, camera, from, to, watched: false, reason: 'no_record' }]
      : [];
  }

  async health(): Promise<StoreHealth> {
    try {
      this.state()?.get('SELECT count(*) FROM mutes');
      return HEALTHY;
    } catch (error) {
      return away(error);
    }
  }

  async close(): Promise<void> {
    this.#state?.close();
    this.#pictures?.close();
    this.#state = undefined;
    this.#pictures = undefined;
  }

  protected state(): Database | undefined {
    this.#state ??= this.openState();
    return this.#state;
  }

  protected pictures(): Database | undefined {
    this.#pictures ??= this.openPictures();
    return this.#pictures;
  }

  protected openState(): Database | undefined {
    return openReader(statePath(this.dataDir));
  }

  protected openPictures(): Database | undefined {
    return openReader(picturesPath(this.dataDir));
  }

  #live(row: Row): CameraLive {
    const site = String(row['site']);
    const camera = String(row['camera']);
    const picture = this.pictures()?.get(
      'SELECT capture_time, length(jpeg) AS bytes FROM pictures WHERE site = ? AND camera = ?',
      site,
      camera,
    );
    const status: CameraStatus | null = row['status'] === null ? null : JSON.parse(String(row['status']));
    const coverage: Coverage | null = row['coverage'] === null ? null : JSON.parse(String(row['coverage']));
    return {
      site,
      camera,
      status,
      coverage,
      watchedTo: row['watched_to'] === null ? null : String(row['watched_to']),
      picture: picture ? { captureTime: String(picture['capture_time']), bytes: Number(picture['bytes']) } : null,
    };
  }
}

/** The one writer, at `<data_dir>/state.db` and `pictures.db`. */
export class EmbeddedStateStore extends EmbeddedStateReader implements StateStore {
  async apply(changes: readonly StateChange[]): Promise<ApplyResult> {
    const state = this.#writer(this.state());
    let applied = 0;
    const pictures: Extract<StateChange, { kind: 'picture' }>[] = [];
    const removed: Extract<StateChange, { kind: 'camera_removed' }>[] = [];
    if (changes.some((change) => change.kind !== 'picture')) {
      state.transaction(() => {
        for (const change of changes) {
          if (change.kind === 'picture') continue;
          if (applyChange(state, change)) applied += 1;
        }
      });
    }
    for (const change of changes) {
      if (change.kind === 'picture') pictures.push(change);
      else if (change.kind === 'camera_removed') removed.push(change);
    }
    if (pictures.length + removed.length > 0) {
      const db = this.#writer(this.pictures());
      applied += db.transaction(() => {
        let written = 0;
        for (const { site, camera, captureTime, jpeg } of pictures) {
          written += db.run('REPLACE INTO pictures VALUES (?, ?, ?, ?)', site, camera, captureTime, jpeg);
        }
        for (const { site, camera } of removed) {
          db.run('DELETE FROM pictures WHERE site = ? AND camera = ?', site, camera);
        }
        return written;
      });
    }
    return { applied, stale: changes.length - applied, behind: false };
  }

  async retain({ before }: RetainOptions): Promise<number> {
    const db = this.#writer(this.state());
    const limit = fromTimestamp(before);
    return db.transaction(() => {
      const removed = db.run(
        `DELETE FROM incidents WHERE opened_ms < ? AND state = 'closed'
           AND id NOT IN (SELECT incident FROM labels WHERE label = 'hold' AND active = 1)`,
        limit,
      );
      // What came for an incident that is not, or not yet, here goes by its own age.
      db.run('DELETE FROM evidence WHERE to_ms < ? AND incident NOT IN (SELECT id FROM incidents)', limit);
      db.run('DELETE FROM judgements WHERE at_ms < ? AND incident NOT IN (SELECT id FROM incidents)', limit);
      db.run('DELETE FROM labels WHERE at_ms < ? AND incident NOT IN (SELECT id FROM incidents)', limit);
      db.run('DELETE FROM coverage WHERE to_ms < ?', limit);
      db.run('DELETE FROM mutes WHERE until_ms < ?', limit);
      return removed;
    });
  }

  protected override openState(): Database {
    return openWriter(statePath(this.dataDir), {
      synchronous: 'full',
      schema: STATE_SCHEMA,
      version: STATE_VERSION,
      migrations: STATE_MIGRATIONS,
    });
  }

  protected override openPictures(): Database {
    const path = picturesPath(this.dataDir);
    const options = { synchronous: 'off', schema: PICTURES_SCHEMA, version: PICTURES_VERSION } as const;
    try {
      return openWriter(path, options);
    } catch {
      // A loss of power may have torn it, and its pictures come again within seconds.
      for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
      return openWriter(path, options);
    }
  }

  /** Both open functions of the writer return a database or throw. */
  #writer(db: Database | undefined): Database {
    if (!db) throw new Error('a writer without its file');
    return db;
  }
}
