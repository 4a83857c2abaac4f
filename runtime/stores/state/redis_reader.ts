import { BanksmanError } from '../../errors.ts';
import type { CameraStatus, Coverage, Mute, Timestamp } from '../../messages/types.ts';
import { fromTimestamp, toTimestamp } from '../../time.ts';
import { type Categories, type CategoryFilter, categoriesOf } from './categories.ts';
import { away, HEALTHY } from './health.ts';
import { fillGaps } from './intervals.ts';
import { RedisConnection } from './redis_connection.ts';
import { completeIncident, countIncidents, incidentPage, readCategories, type Told } from './redis_incidents.ts';
import { CAMERAS, cameraField, Keys, PARTS, partOfCamera } from './redis_keys.ts';
import type { RedisOptions } from './redis_options.ts';
import { cut, pairsOf, textsOf } from './redis_replies.ts';
import { REBUILD_LEASE_MS, STATE_VERSION } from './redis_scripts.ts';
import type {
  CameraLive,
  Changed,
  IncidentCounts,
  IncidentFilter,
  IncidentPage,
  IncidentQuery,
  Picture,
  StateReader,
  StoredIncident,
  StoreHealth,
} from './types.ts';

/** Changes that one call tells at most; the next goes on. */
const CHANGES_AT_ONCE = 500;

/** Reads from Redis. Every method but `health` throws as `RedisConnection.call` while it is away. */
export class RedisStateReader implements StateReader {
  protected readonly redis: RedisConnection;
  protected readonly keys: Keys;

  constructor(options: RedisOptions) {
    this.redis = new RedisConnection(options);
    this.keys = new Keys(options.prefix);
  }

  async cameras(site: string): Promise<CameraLive[]> {
    const { keys } = this;
    const parts = await Promise.all(
      CAMERAS.map(async (part) => {
        const hashes = [keys.status(part), keys.coverage(part), keys.watched(part), keys.pictureTimes(part)];
        const found = await Promise.all(hashes.map(async (key) => pairsOf(await this.redis.call('hgetall', key))));
        const names = new Set([...(found[0]?.keys() ?? []), ...(found[1]?.keys() ?? [])]);
        return [...names].map((name) => ({ name, values: found.map((hash) => hash.get(name)) }));
      }),
    );
    const live = parts.flat().filter(({ name }) => name.startsWith(`${site}/`));
    return live
      .map(({ name, values }) => liveOf(site, name.slice(site.length + 1), values))
      .sort((a, b) => (a.camera < b.camera ? -1 : 1));
  }

  async camera(site: string, camera: string): Promise<CameraLive | undefined> {
    const field = cameraField(site, camera);
    const part = partOfCamera(field);
    const { keys } = this;
    const hashes = [keys.status(part), keys.coverage(part), keys.watched(part), keys.pictureTimes(part)];
    const values = await Promise.all(hashes.map((key) => this.#text('hget', key, field)));
    return values[0] === undefined && values[1] === undefined ? undefined : liveOf(site, camera, values);
  }

  async picture(site: string, camera: string): Promise<Picture | undefined> {
    const field = cameraField(site, camera);
    const found = await this.redis.callBuffer('hget', this.keys.pictures(partOfCamera(field)), field);
    if (!Buffer.isBuffer(found)) return undefined;
    const end = found.indexOf(0);
    return { captureTime: found.toString('latin1', 0, end), jpeg: found.subarray(end + 1) };
  }

  async incident(id: string): Promise<StoredIncident | undefined> {
    return (await this.#complete([id]))[0];
  }

  async incidents(query: IncidentQuery): Promise<IncidentPage> {
    const { ids, cursor } = await incidentPage(this.redis, this.keys, query);
    return { incidents: await this.#complete(ids), cursor };
  }

  counts(filter: IncidentFilter): Promise<IncidentCounts> {
    return countIncidents(this.redis, this.keys, filter);
  }

  async categories(filter: CategoryFilter): Promise<Categories> {
    return categoriesOf(await readCategories(this.redis, this.keys), filter);
  }

  async held(): Promise<Set<string>> {
    return new Set(textsOf(await this.redis.call('smembers', this.keys.held())));
  }

  async mutes(at?: Timestamp): Promise<Mute[]> {
    const mutes = [...pairsOf(await this.redis.call('hgetall', this.keys.mutes())).values()].map(muteOf);
    const wanted =
      at === undefined ? mutes : mutes.filter((mute) => mute.at <= at && fromTimestamp(at) < fromTimestamp(mute.until));
    return wanted.sort((a, b) => fromTimestamp(b.at) - fromTimestamp(a.at) || (a.id < b.id ? -1 : 1));
  }

  async coverage(site: string, camera: string, from: Timestamp, to: Timestamp): Promise<Coverage[]> {
    const field = cameraField(site, camera);
    const key = this.keys.history(partOfCamera(field), field);
    const [start, end] = [fromTimestamp(from), fromTimestamp(to)];
    if (!(start < end)) return [];
    const [before, within] = await Promise.all([
      this.redis.call('zrevrangebyscore', key, start, '-inf', 'LIMIT', 0, 1),
      this.redis.call('zrangebyscore', key, `(${start}`, `(${end}`),
    ]);
    const intervals = [...textsOf(before), ...textsOf(within)].map((piece) => {
      const [, f, t, watched, reason] = /^(-?\d+) (-?\d+) (\d) (.*)$/s.exec(piece) ?? [];
      return {
        from: Number(f),
        to: Number(t),
        watched: watched === '1',
        reason: reason === '' ? null : (reason ?? null),
      };
    });
    return fillGaps(site, camera, start, end, intervals);
  }

  async health(): Promise<StoreHealth> {
    try {
      const parts = await this.parts();
      const since = Date.now() - REBUILD_LEASE_MS;
      const rebuilding = parts.some((part) =>
        [...part].some(([field, at]) => field.startsWith('rebuild:') && Number(at) > since),
      );
      if (!rebuilding && parts.every((part) => part.has('version'))) return HEALTHY;
      const detail = rebuilding ? 'it had lost records, which are read from the topics again' : 'it is empty or new';
      return { state: 'rebuilding', reason: null, detail };
    } catch (error) {
      return away(error);
    }
  }

  async changed(cursor: string | null): Promise<Changed> {
    const key = this.keys.changes();
    if (cursor === null) {
      const last = entriesOf(await this.redis.call('xrevrange', key, '+', '-', 'COUNT', 1))[0];
      return { ids: [], all: false, cursor: last?.entry ?? '0-0' };
    }
    const entries = entriesOf(await this.redis.call('xrange', key, `(${cursor}`, '+', 'COUNT', CHANGES_AT_ONCE));
    const ids = new Set(entries.map(({ id }) => id));
    const all = ids.delete('*');
    return { ids: [...ids], all, cursor: entries.at(-1)?.entry ?? cursor };
  }

  close(): Promise<void> {
    return this.redis.close();
  }

  /** What every part says of itself. @throws STORE_FAILED for another version's. */
  protected async parts(): Promise<Map<string, string>[]> {
    const parts = await Promise.all(
      PARTS.map(async (part) => pairsOf(await this.redis.call('hgetall', this.keys.taken(part)))),
    );
    const versions = parts.map((part) => part.get('version'));
    const other = versions.find((found) => found !== undefined && found !== String(STATE_VERSION));
    if (other !== undefined) throw this.#otherVersion(other);
    return parts;
  }

  #otherVersion(found: string): BanksmanError {
    return new BanksmanError('STORE_FAILED', {
      where: this.redis.place,
      message: `the keys have version ${found}, this banksman writes version ${STATE_VERSION}`,
      mend: 'Give this version a state.redis.prefix of its own.',
    });
  }

  /** Those that there are, in the order of `ids`. */
  async #complete(ids: readonly string[]): Promise<StoredIncident[]> {
    if (ids.length === 0) return [];
    const [mutes, found] = await Promise.all([
      this.mutes(),
      Promise.all(ids.map(async (id) => pairsOf(await this.redis.call('hgetall', this.keys.incident(id))))),
    ]);
    return found.flatMap((told: Told) => completeIncident(told, mutes) ?? []);
  }

  async #text(command: string, ...args: string[]): Promise<string | undefined> {
    const found = await this.redis.call(command, ...args);
    return typeof found === 'string' ? found : undefined;
  }
}

/** `values`: of status, coverage, watched, picture_times. */
function liveOf(site: string, camera: string, values: readonly (string | undefined)[]): CameraLive {
  const [status, coverage, watched, picture] = values;
  const shown: CameraStatus | null = status === undefined ? null : JSON.parse(cut(status, 2));
  const newest: Coverage | null = coverage === undefined ? null : JSON.parse(cut(coverage, 1));
  const [captureTime, bytes] = picture?.split(' ') ?? [];
  return {
    site,
    camera,
    status: shown,
    coverage: newest,
    watchedTo: watched === undefined ? null : cut(watched, 1),
    picture: captureTime === undefined ? null : { captureTime, bytes: Number(bytes) },
  };
}

/** Ends where it was taken back. */
function muteOf(stored: string): Mute {
  const mute: Mute = JSON.parse(cut(stored, 1));
  const removed = Number.parseInt(stored, 10);
  if (Number.isNaN(removed) || removed >= fromTimestamp(mute.until)) return mute;
  return { ...mute, until: toTimestamp(removed) };
}

/** Of a stream whose entries have one field, `i`. */
function entriesOf(reply: unknown): { entry: string; id: string }[] {
  if (!Array.isArray(reply)) return [];
  return reply.map((one: unknown) => {
    const [entry, fields]: unknown[] = Array.isArray(one) ? one : [];
    return { entry: String(entry), id: textsOf(fields)[1] ?? '' };
  });
}
