import { randomUUID } from 'node:crypto';
import { fromTimestamp } from '../../time.ts';
import { cameraChange, incidentChange, type PartChanges } from './redis_changes.ts';
import type { Script } from './redis_connection.ts';
import { readCategories } from './redis_incidents.ts';
import { CAMERAS, cameraField, INCIDENTS, PARTS, partOfCamera } from './redis_keys.ts';
import type { RedisOptions } from './redis_options.ts';
import { RedisStateReader } from './redis_reader.ts';
import { cut, textsOf } from './redis_replies.ts';
import {
  APPLY_CAMERAS,
  APPLY_INCIDENTS,
  BEGIN_REBUILD,
  COUNT_OLD,
  END_REBUILD,
  FORGET,
  RETAIN_COVERAGE,
  STATE_VERSION,
} from './redis_scripts.ts';
import type {
  ApplyResult,
  Healing,
  Rebuild,
  RetainOptions,
  StateChange,
  StateStore,
  Taken,
  TakenNext,
} from './types.ts';

type PictureChange = Extract<StateChange, { kind: 'picture' }>;

/** Incidents looked at in one step of retention. */
const PAGE = 200;
/** Cameras whose history is trimmed at the same time. */
const CAMERAS_AT_ONCE = 32;
/** No mute is made for longer than 31 days, and nobody makes this many. */
const MAX_MUTES = 10_000;

/** Writes to Redis 6.2 or later; any number of writers. Throws as `RedisConnection.call` while it is away. */
export class RedisStateStore extends RedisStateReader implements StateStore {
  readonly #maxIncidents: number;
  readonly healing: Healing;

  constructor(options: RedisOptions) {
    super(options);
    this.#maxIncidents = options.max_incidents;
    this.healing = { taken: () => this.#taken(), confirm: () => this.#confirm(), rebuild: () => this.#rebuild() };
  }

  async apply(changes: readonly StateChange[], taken: readonly TakenNext[] = []): Promise<ApplyResult> {
    const pictures = changes.filter((change) => change.kind === 'picture');
    await Promise.all(pictures.map((picture) => this.#picture(picture)));
    const { applied, behind } = await this.#apply(changes, {
      taken: taken.map((one) => ({ ...fieldOf(one), after: String(one.after) })),
    });
    const all = applied + pictures.length;
    return { applied: all, stale: changes.length - all, behind };
  }

  async retain({ before }: RetainOptions): Promise<number> {
    const limit = fromTimestamp(before);
    const removed = await this.#retainIncidents(limit);
    await this.#countOld();
    await this.#retainOrphans(limit);
    await this.#retainMutes(limit);
    for (const part of CAMERAS) await this.#retainCoverage(part, limit);
    return removed;
  }

  async advice(): Promise<string[]> {
    const info = String(await this.redis.call('info'));
    const value = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\s*$`, 'm').exec(info)?.[1];
    const advice: string[] = [];
    const policy = value('maxmemory_policy') ?? 'noeviction';
    if (policy.startsWith('allkeys')) {
      advice.push(`maxmemory-policy is ${policy}: Redis throws away incidents when it is full; set it to noeviction`);
    }
    if (value('aof_enabled') === '0') {
      advice.push('appendonly is off: what a crash of Redis loses comes back only as far as the topics go');
    }
    return advice;
  }

  /** Every part hears of `taken`, also one that nothing changes in: so a part that lost something shows. */
  async #apply(changes: readonly StateChange[], how: object): Promise<{ applied: number; behind: boolean }> {
    const parts = this.#byPart(changes);
    const everywhere = 'rebuild' in how || ('taken' in how && Array.isArray(how.taken) && how.taken.length > 0);
    const wanted = everywhere ? PARTS : [...parts.keys()];
    const results = await Promise.all(
      wanted.map((part) => {
        const { changes: input, keys } = parts.get(part) ?? { changes: [], keys: new Map<string, number>() };
        const text = JSON.stringify({ taken: [], ...how, changes: input });
        return this.redis.run(scriptOf(part), [...this.#fixedKeys(part), ...keys.keys()], text);
      }),
    );
    const counts = results.map((result) => textsOf(result).map(Number));
    return {
      applied: counts.reduce((sum, [applied = 0]) => sum + applied, 0),
      behind: counts.some(([, behind]) => behind === 1),
    };
  }

  #byPart(changes: readonly StateChange[]): Map<string, PartChanges> {
    const parts = new Map<string, PartChanges>();
    for (const change of changes) {
      if (change.kind === 'picture') continue;
      const part = partOf(change);
      const found: PartChanges = parts.get(part) ?? { changes: [], keys: new Map() };
      parts.set(part, found);
      const keyAt = (key: string): number => {
        const place = found.keys.get(key) ?? this.#fixedKeys(part).length + found.keys.size + 1;
        found.keys.set(key, place);
        return place;
      };
      const input =
        change.kind === 'status' || change.kind === 'camera_removed' || change.kind === 'coverage'
          ? cameraChange(change, this.keys, keyAt)
          : incidentChange(change, this.keys, keyAt);
      if (input) found.changes.push(input);
    }
    return parts;
  }

  /** Those that a part's script knows by their place. */
  #fixedKeys(part: string): string[] {
    if (part === INCIDENTS) return this.keys.incidents();
    return [...this.keys.camera(part), this.keys.pictures(part), this.keys.pictureTimes(part)];
  }

  async #picture({ site, camera, captureTime, jpeg }: PictureChange): Promise<void> {
    const field = cameraField(site, camera);
    const part = partOfCamera(field);
    const value = Buffer.concat([Buffer.from(`${captureTime}\0`), jpeg]);
    await this.redis.call('hset', this.keys.pictures(part), field, value);
    await this.redis.call('hset', this.keys.pictureTimes(part), field, `${captureTime} ${jpeg.length}`);
  }

  async #taken(): Promise<Taken[]> {
    const parts = await this.parts();
    const least = new Map<string, Taken & { parts: number }>();
    for (const part of parts) {
      for (const [field, value] of part) {
        const [, topic, partition] = /^(.+)\/(\d+)$/.exec(field) ?? [];
        if (topic === undefined) continue;
        const own = {
          topic,
          partition: Number(partition),
          offset: Number.parseInt(value, 10),
          timestamp: Number(cut(value, 1)),
        };
        const known = least.get(field);
        const further = known !== undefined && known.offset <= own.offset;
        least.set(field, { ...(further ? known : own), parts: (known?.parts ?? 0) + 1 });
      }
    }
    return [...least.values()].filter((one) => one.parts === PARTS.length).map(({ parts: _, ...one }) => one);
  }

  async #confirm(): Promise<void> {
    await Promise.all(PARTS.map((part) => this.redis.call('hsetnx', this.keys.taken(part), 'version', STATE_VERSION)));
  }

  async #rebuild(): Promise<Rebuild> {
    const name = randomUUID();
    const everyPart = (script: Script, keysOf: (part: string) => string[], ...args: string[]): Promise<unknown[]> =>
      Promise.all(PARTS.map((part) => this.redis.run(script, keysOf(part), name, ...args)));
    await everyPart(BEGIN_REBUILD, (part) => [this.keys.taken(part)], String(Date.now()));
    return {
      apply: async (changes) => {
        const { behind } = await this.#apply(changes, { rebuild: name, now: String(Date.now()) });
        return !behind;
      },
      end: async (taken) => {
        const keysOf = (part: string): string[] =>
          part === INCIDENTS ? [this.keys.taken(part), this.keys.changes()] : [this.keys.taken(part)];
        const results = await everyPart(END_REBUILD, keysOf, JSON.stringify(taken.map(fieldOf)));
        return results.every((result) => Number(result) === 1);
      },
    };
  }

  /** Oldest first: those past their time, then those that are too many. */
  async #retainIncidents(limit: number): Promise<number> {
    let removed = 0;
    let excess = Number(await this.redis.call('zcard', this.keys.opened())) - this.#maxIncidents;
    for (let rank = 0; ; ) {
      const page = textsOf(await this.redis.call('zrange', this.keys.opened(), rank, rank + PAGE - 1, 'WITHSCORES'));
      const ids = page.filter((_, n) => n % 2 === 0 && (Number(page[n + 1]) < limit || n / 2 < excess));
      if (ids.length === 0) return removed;
      const gone = await this.#forget(ids);
      removed += gone;
      excess -= gone;
      // Open ones and held ones stay where they are.
      rank += ids.length - gone;
    }
  }

  async #retainOrphans(limit: number): Promise<void> {
    for (;;) {
      const reply = await this.redis.call('zrangebyscore', this.keys.orphans(), '-inf', `(${limit}`, 'LIMIT', 0, PAGE);
      const ids = textsOf(reply);
      if (ids.length === 0) return;
      await this.#forget(ids);
      // Whatever became of them: they are not looked at again here.
      await this.redis.call('zrem', this.keys.orphans(), ...ids);
    }
  }

  /** Incidents that a banksman wrote which kept no categories. */
  async #countOld(): Promise<void> {
    const counted = (await readCategories(this.redis, this.keys)).filter(({ label }) => label === null);
    const sum = counted.reduce((all, { count }) => all + count, 0);
    if (sum >= Number(await this.redis.call('zcard', this.keys.opened()))) return;
    for (let rank = 0; ; rank += PAGE) {
      const ids = textsOf(await this.redis.call('zrange', this.keys.opened(), rank, rank + PAGE - 1));
      if (ids.length === 0) return;
      const keys = ids.map((id) => this.keys.incident(id));
      await this.redis.run(COUNT_OLD, [...this.keys.incidents(), ...keys], ...ids);
    }
  }

  async #forget(ids: readonly string[]): Promise<number> {
    const metas = textsOf(await this.redis.call('hmget', this.keys.meta(), ...ids));
    const keys = ids.flatMap((id, n) => {
      const text = metas[n] ?? '';
      const camera: unknown = text.startsWith('[') ? JSON.parse(text)[1] : undefined;
      return [this.keys.incident(id), typeof camera === 'string' ? this.keys.openedAt(camera) : this.keys.opened()];
    });
    return Number(await this.redis.run(FORGET, [...this.keys.incidents(), ...keys], ...ids));
  }

  async #retainMutes(limit: number): Promise<void> {
    const old = (await this.mutes()).filter((mute, n) => fromTimestamp(mute.until) < limit || n >= MAX_MUTES);
    for (let n = 0; n < old.length; n += PAGE) {
      await this.redis.call('hdel', this.keys.mutes(), ...old.slice(n, n + PAGE).map(({ id }) => id));
    }
  }

  async #retainCoverage(part: string, limit: number): Promise<void> {
    const cameras = textsOf(await this.redis.call('smembers', this.keys.histories(part)));
    for (let n = 0; n < cameras.length; n += CAMERAS_AT_ONCE) {
      await Promise.all(
        cameras
          .slice(n, n + CAMERAS_AT_ONCE)
          .map((camera) =>
            this.redis.run(
              RETAIN_COVERAGE,
              [this.keys.histories(part), this.keys.history(part, camera)],
              ...[camera, String(limit)],
            ),
          ),
      );
    }
  }
}

function scriptOf(part: string): Script {
  return part === INCIDENTS ? APPLY_INCIDENTS : APPLY_CAMERAS;
}

function partOf(change: Exclude<StateChange, PictureChange>): string {
  switch (change.kind) {
    case 'status':
      return partOfCamera(cameraField(change.status.site, change.status.camera));
    case 'camera_removed':
      return partOfCamera(cameraField(change.site, change.camera));
    case 'coverage':
      return partOfCamera(cameraField(change.coverage.site, change.coverage.camera));
    default:
      return INCIDENTS;
  }
}

/** A partition as the scripts name it. */
function fieldOf({ topic, partition, offset, timestamp }: Taken): { field: string; offset: string; timestamp: string } {
  return { field: `${topic}/${partition}`, offset: String(offset), timestamp: String(timestamp) };
}
