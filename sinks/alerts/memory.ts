import { z } from 'zod';
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
  /** It waits in the outbox of this sink, which owes it to the receiver. */
  owed: Owed | undefined;
}

/** A message that a sink has decided to send and no receiver has taken. Enough to send it without that sink's outbox. */
export interface Owed {
  webhook: string;
  /** `<incident>/<revision>`. */
  key: string;
  /** Which sink: the id of its outbox. */
  by: string;
  /** Of the transition, on `incidents.v1`. */
  partition: number;
  offset: number;
  /** When it was decided, epoch ms of that sink. */
  at: number;
}

const owed = z.object({
  ...{ webhook: z.string(), key: z.string(), by: z.string() },
  ...{ partition: z.int(), offset: z.int(), at: z.number() },
});

/** Longer than `incidents.v1` is retained. */
const KEEP_S = 32 * 86_400;
const NOTHING: ReadonlyMap<string, Recalled> = new Map();

/** KEYS: told, announced, owed. ARGV: JSON, seconds to keep. Higher revisions and later times win; the last owes. */
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
  if one.owed ~= '' and redis.call('HEXISTS', KEYS[1], one.sent) == 0 then
    redis.call('HSET', KEYS[3], one.owes, one.owed)
    redis.call('EXPIRE', KEYS[3], ARGV[2])
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
`);

/** KEYS: told, owed. ARGV: field of either, seconds to keep. */
const DELIVERED = script(`
redis.call('HSET', KEYS[1], ARGV[1], 1)
redis.call('HDEL', KEYS[2], ARGV[2])
return redis.call('EXPIRE', KEYS[1], ARGV[3])
`);

/** KEYS: told, owed. ARGV: field of either, who asks. */
const ELSEWHERE = script(`
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 'told' end
local owed = redis.call('HGET', KEYS[2], ARGV[2])
if owed and cjson.decode(owed).by ~= ARGV[3] then return 'owed' end
return 'here'
`);

/** KEYS: owed. ARGV: field, whose it was, value. One of all that try. */
const TAKE = script(`
local owed = redis.call('HGET', KEYS[1], ARGV[1])
if not owed or cjson.decode(owed).by ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
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
    const entries = decisions.map(({ webhook, known, announcedMs, owed: owes }) => ({
      webhook,
      field: `known ${webhook}`,
      revision: known.revision,
      silenced: known.silenced ?? '-',
      announced: announcedMs === undefined ? '' : String(announcedMs),
      sent: owes ? sentField(webhook, owes.key).field : '',
      owes: owes ? owesField(owes) : '',
      owed: owes ? JSON.stringify(owes) : '',
    }));
    const keys = [this.#toldKey(incident), this.#announcedKey(place), this.#owedKey()];
    await this.#try(() => this.#redis.run(REMEMBER, keys, JSON.stringify(entries), KEEP_S));
  }

  /** The receiver took it. `key`: `<incident>/<revision>`. */
  async delivered(webhook: string, key: string): Promise<void> {
    const { incident, field } = sentField(webhook, key);
    const keys = [this.#toldKey(incident), this.#owedKey()];
    await this.#try(() => this.#redis.run(DELIVERED, keys, field, owesField({ webhook, key }), KEEP_S));
  }

  /** Whether the receiver took it from another sink, or another has it to send. */
  async elsewhere(webhook: string, key: string, self: string): Promise<'told' | 'owed' | 'here'> {
    const { incident, field } = sentField(webhook, key);
    const keys = [this.#toldKey(incident), this.#owedKey()];
    const found = await this.#try(() => this.#redis.run(ELSEWHERE, keys, field, owesField({ webhook, key }), self));
    return found === 'told' || found === 'owed' ? found : 'here';
  }

  /** Nobody will send it: it was given up, or is not worth telling any more. */
  async settled(one: Pick<Owed, 'webhook' | 'key'>): Promise<void> {
    await this.#try(() => this.#redis.call('hdel', this.#owedKey(), owesField(one)));
  }

  /** What all sinks owe; undefined: Redis does not say. */
  async owed(): Promise<Owed[] | undefined> {
    const found = await this.#try(() => this.#redis.call('hgetall', this.#owedKey()));
    if (found === undefined) return undefined;
    return [...pairsOf(found).values()].flatMap((value) => owed.safeParse(JSON.parse(value)).data ?? []);
  }

  /** @returns whether it is this sink's now: of several that try one gets it */
  async take(one: Owed, self: string): Promise<boolean> {
    const mine = JSON.stringify({ ...one, by: self });
    const taken = await this.#try(() => this.#redis.run(TAKE, [this.#owedKey()], owesField(one), one.by, mine));
    return Number(taken) === 1;
  }

  /** Says that this sink lives, for so long. */
  async live(self: string, ms: number): Promise<void> {
    await this.#try(() => this.#redis.call('set', this.#aliveKey(self), '1', 'PX', ms));
  }

  /** Those of whom nothing is heard; undefined: Redis does not say. */
  async silent(sinks: readonly string[]): Promise<string[] | undefined> {
    const found = await this.#try(() =>
      Promise.all(sinks.map(async (id) => [id, Number(await this.#redis.call('exists', this.#aliveKey(id)))] as const)),
    );
    return found?.filter(([, alive]) => alive === 0).map(([id]) => id);
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

  #owedKey(): string {
    return `{${this.#prefix}:a}:owed`;
  }

  #aliveKey(sink: string): string {
    return `{${this.#prefix}:a}:alive:${sink}`;
  }

  #announcedKey(place: string): string {
    return `{${this.#prefix}:a}:announced:${place}`;
  }
}

function sentField(webhook: string, key: string): { incident: string; field: string } {
  const at = key.lastIndexOf('/');
  return { incident: key.slice(0, at), field: `sent ${key.slice(at + 1)} ${webhook}` };
}

function owesField({ webhook, key }: Pick<Owed, 'webhook' | 'key'>): string {
  return `${key} ${webhook}`;
}
