import { asError, BanksmanError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { RedisConnection, script } from '../../runtime/stores/state/redis_connection.ts';
import type { RedisOptions } from '../../runtime/stores/state/redis_options.ts';
import { cut, pairsOf } from '../../runtime/stores/state/redis_replies.ts';
import { Trouble } from '../trouble.ts';
import { type Known, silenceOf } from './verdict.ts';

/** What other alert sinks know of an incident and of its place, at one webhook. */
export interface Recalled {
  /** As they decided last. */
  known?: Known;
  /** Revisions that the receiver took. */
  delivered: ReadonlySet<number>;
  /** Capture time of the last announcement at this place, whichever incident's. */
  announcedMs?: number;
}

export interface Decision {
  webhook: string;
  known: Known;
  announcedMs: number | undefined;
}

/** Longer than `incidents.v1` is retained. */
const KEEP_S = 32 * 86_400;
const NOTHING: ReadonlyMap<string, Recalled> = new Map();

/** KEYS: told, announced. ARGV: JSON, seconds to keep. Higher revisions and later times win. */
const REMEMBER = script(`
for _, one in ipairs(cjson.decode(ARGV[1])) do
  local stored = redis.call('HGET', KEYS[1], one.field)
  if not stored or tonumber(string.match(stored, '^%d+')) < one.revision then
    redis.call('HSET', KEYS[1], one.field, string.format('%d %s', one.revision, one.silenced))
  end
  local last = redis.call('HGET', KEYS[2], one.webhook)
  if one.announced ~= '' and (not last or tonumber(last) < tonumber(one.announced)) then
    redis.call('HSET', KEYS[2], one.webhook, one.announced)
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
`);

/** KEYS: told. ARGV: field, seconds to keep. */
const DELIVERED = script(`
redis.call('HSET', KEYS[1], ARGV[1], 1)
return redis.call('EXPIRE', KEYS[1], ARGV[2])
`);

/**
 * What was told, shared by the alert sinks of a fleet: so that the sink that gets another's partitions tells the end of
 * what was announced, keeps to cool-downs, and sends nothing that a receiver has taken. A help and no more: while Redis
 * is away each sink goes by what it knows itself, and messages go out.
 */
export class AlertMemory {
  readonly #redis: RedisConnection;
  readonly #prefix: string;
  readonly #metrics: Metrics;
  readonly #trouble: Trouble;

  constructor(options: RedisOptions, deps: { log: Logger; metrics: Metrics }) {
    this.#redis = new RedisConnection(options);
    this.#prefix = options.prefix;
    this.#metrics = deps.metrics;
    this.#trouble = new Trouble(deps.log, 'the shared memory of alerts');
  }

  /** By webhook. */
  async recall(incident: string, place: string): Promise<ReadonlyMap<string, Recalled>> {
    const found = await this.#try(() =>
      Promise.all([this.#toldKey(incident), this.#announcedKey(place)].map((key) => this.#redis.call('hgetall', key))),
    );
    if (!found) return NOTHING;
    const [told, announced] = found.map(pairsOf);
    const recalled = new Map<string, { known?: Known; delivered: Set<number>; announcedMs?: number }>();
    const of = (webhook: string) => {
      const one = recalled.get(webhook) ?? { delivered: new Set<number>() };
      recalled.set(webhook, one);
      return one;
    };
    for (const [field, value] of told ?? []) {
      const [, revision, webhook] = /^(?:known|sent (\d+)) (.+)$/s.exec(field) ?? [];
      if (webhook === undefined) continue;
      if (revision !== undefined) of(webhook).delivered.add(Number(revision));
      else of(webhook).known = { revision: Number.parseInt(value, 10), silenced: silenceOf(cut(value, 1)) ?? null };
    }
    for (const [webhook, at] of announced ?? []) of(webhook).announcedMs = Number(at);
    return recalled;
  }

  async remember(incident: string, place: string, decisions: readonly Decision[]): Promise<void> {
    if (decisions.length === 0) return;
    const entries = decisions.map(({ webhook, known, announcedMs }) => ({
      webhook,
      field: `known ${webhook}`,
      revision: known.revision,
      silenced: known.silenced ?? '-',
      announced: announcedMs === undefined ? '' : String(announcedMs),
    }));
    const keys = [this.#toldKey(incident), this.#announcedKey(place)];
    await this.#try(() => this.#redis.run(REMEMBER, keys, JSON.stringify(entries), KEEP_S));
  }

  /** The receiver took it. `key`: `<incident>/<revision>`. */
  async delivered(webhook: string, key: string): Promise<void> {
    const { incident, field } = sentField(webhook, key);
    await this.#try(() => this.#redis.run(DELIVERED, [this.#toldKey(incident)], field, KEEP_S));
  }

  /** Whether the receiver took it from another sink. */
  async wasDelivered(webhook: string, key: string): Promise<boolean> {
    const { incident, field } = sentField(webhook, key);
    return Number(await this.#try(() => this.#redis.call('hexists', this.#toldKey(incident), field))) === 1;
  }

  close(): Promise<void> {
    return this.#redis.close();
  }

  async #try<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.#trouble.end();
      return result;
    } catch (error) {
      const code = error instanceof BanksmanError ? error.code : 'INTERNAL';
      this.#metrics.inc('store_errors_total', { store: 'alerts_shared', reason: code });
      this.#trouble.begin(code, { err: asError(error) });
      return undefined;
    }
  }

  #toldKey(incident: string): string {
    return `{${this.#prefix}:a}:told:${incident}`;
  }

  #announcedKey(place: string): string {
    return `{${this.#prefix}:a}:announced:${place}`;
  }
}

function sentField(webhook: string, key: string): { incident: string; field: string } {
  const at = key.lastIndexOf('/');
  return { incident: key.slice(0, at), field: `sent ${key.slice(at + 1)} ${webhook}` };
}
