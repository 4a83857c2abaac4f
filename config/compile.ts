/** From the site to the records that every role reads, and these onto the bus. */
import type { Bus } from '../runtime/bus/types.ts';
import { cameraKey, TOPICS } from '../runtime/messages/topics.ts';
import type { CameraRecord, RuleRecord } from '../runtime/messages/types.ts';
import { cameraChange, changeLines, ruleChange } from './diff.ts';
import { canonicalJson, hashOf } from './hash.ts';
import { type CameraConfig, DETECT_WITHIN_DEFAULT_S, type RuleConfig, type SiteConfig } from './site.ts';
import { type Standing, StandingSite } from './standing.ts';

export interface CompiledSite {
  site: string;
  /** Of the whole site. */
  configHash: string;
  cameras: CameraRecord[];
  rules: RuleRecord[];
}

/**
 * A record's own `configHash` covers that record alone, so that editing one camera changes no other's.
 * Cameras that are switched off have no record, and rules do not name them.
 */
export function compileSite(config: SiteConfig, configHash: string): CompiledSite {
  const enabled = Object.values(config.cameras).filter((camera) => camera.enabled);
  const ids = new Set(enabled.map((camera) => camera.id));
  return {
    site: config.site,
    configHash,
    cameras: enabled.map((camera) => cameraRecord(config.site, camera, config.rules)),
    rules: config.rules.map((rule) => ruleRecord(config.site, rule, ids)),
  };
}

function cameraRecord(site: string, camera: CameraConfig, rules: readonly RuleConfig[]): CameraRecord {
  const { id, enabled: _, ...options } = camera;
  const promises = rules
    .filter((rule) => rule.type !== 'camera_offline' && rule.cameras.includes(id))
    .map((rule) => rule.detect_within_s);
  const detect_within_s = promises.length === 0 ? DETECT_WITHIN_DEFAULT_S : Math.min(...promises);
  return hashed({ site, camera: id, ...options, detect_within_s });
}

function ruleRecord(site: string, rule: RuleConfig, ids: ReadonlySet<string>): RuleRecord {
  const { id, ...options } = rule;
  return hashed({ site, rule: id, ...options, cameras: rule.cameras.filter((camera) => ids.has(camera)) });
}

function hashed<T extends object>(record: T): T & { configHash: string } {
  return { ...record, configHash: hashOf(record) };
}

export interface PublishDiff {
  cameras: KeyDiff;
  rules: KeyDiff;
}

/** Ids of records written or taken away. */
export interface KeyDiff {
  added: string[];
  changed: string[];
  removed: string[];
}

export interface PublishOptions {
  /** The bus serves this site alone: records of other sites are left over from a renaming, and go too. */
  onlySite?: boolean;
  /** Only these cameras, by id: of them the site says what is to be; all others stay as they are. */
  only?: ReadonlySet<string>;
}

/** What brings the topics to what a site says; nothing of it is done yet. */
export interface SitePlan {
  diff: PublishDiff;
  /** For people, one change a line. */
  lines: string[];
  /** In the order in which they are to be sent. */
  writes: readonly { topic: string; key: string; value: Buffer | null }[][];
  /** Records and bytes that will be written. */
  records: number;
  bytes: number;
}

/**
 * Brings `cameras.v1` and `rules.v1` to what the site says, writing only what differs. What is new is
 * written before what is gone is removed, and cameras before the rules that name them.
 * Rejects when the bus does; calling it again finishes the work.
 */
export async function publishSite(
  bus: Bus,
  compiled: CompiledSite,
  options: PublishOptions = {},
): Promise<PublishDiff> {
  const standing = new StandingSite(bus);
  try {
    const plan = planSite(await standing.now(), compiled, options);
    await carryOut(bus, plan);
    return plan.diff;
  } finally {
    await standing.close();
  }
}

/** Compares the site with what stands. Pure. */
export function planSite(standing: Standing, compiled: CompiledSite, options: PublishOptions = {}): SitePlan {
  const { site } = compiled;
  const wanted = options.only ? someOf(compiled, standing.rules, options.only) : compiled;
  const cameras = topicPlan(standing.cameras, site, recordsByKey(site, wanted.cameras, 'camera'), options);
  const rules = topicPlan(standing.rules, site, recordsByKey(site, wanted.rules, 'rule'), options);
  return planOf(cameras, rules);
}

/**
 * Takes cameras out, and out of the rules that name them. Looks at no other camera. Pure.
 * @returns the id of one that there is none of.
 */
export function planRemoval(standing: Standing, site: string, ids: readonly string[]): SitePlan | string {
  const cameras: TopicPlan = { writes: [], removals: [], was: new Map(), site };
  const only = new Set(ids);
  for (const id of only) {
    const key = cameraKey(site, id);
    const record = standing.cameras.get(key)?.value;
    if (!record) return id;
    cameras.removals.push(key);
    cameras.was.set(key, record);
  }
  const none: CompiledSite = { site, configHash: '', cameras: [], rules: [] };
  const wanted = someOf(none, standing.rules, only);
  return planOf(cameras, topicPlan(standing.rules, site, recordsByKey(site, wanted.rules, 'rule'), { only }));
}

/** Writes what the plan says. Rejects when the bus does. */
export async function carryOut(bus: Bus, plan: SitePlan): Promise<void> {
  const producer = bus.producer();
  const headers = { 'content-type': 'application/json' };
  try {
    for (const together of plan.writes) {
      for (let from = 0; from < together.length; from += SENDS) {
        const some = together.slice(from, from + SENDS);
        await Promise.all(some.map(({ topic, key, value }) => producer.send(topic, { key, value, headers })));
      }
    }
  } finally {
    await producer.close();
  }
}

/** Records under way at a time. */
const SENDS = 500;

function recordsByKey<K extends string>(
  site: string,
  records: readonly Record<K, string>[],
  id: K,
): Map<string, Buffer> {
  return new Map(records.map((record) => [cameraKey(site, record[id]), Buffer.from(canonicalJson(record))]));
}

/**
 * Of a site these cameras alone, with the rules as they stand but for who of these cameras they hold
 * for. A rule that does not stand yet comes with these cameras.
 */
function someOf(compiled: CompiledSite, rulesNow: Standing['rules'], only: ReadonlySet<string>): CompiledSite {
  const { site } = compiled;
  const rules = new Map<string, RuleRecord>();
  for (const [key, { value }] of rulesNow.entries()) {
    if (!key.startsWith(cameraKey(site, ''))) continue;
    const rule = parse<RuleRecord>(value);
    if (!Array.isArray(rule?.cameras)) continue;
    const others = rule.cameras.filter((camera) => !only.has(camera));
    if (others.length < rule.cameras.length) rules.set(rule.rule, { ...rule, cameras: others });
  }
  for (const rule of compiled.rules) {
    const these = rule.cameras.filter((camera) => only.has(camera));
    if (these.length === 0) continue;
    const stands = parse<RuleRecord>(rulesNow.get(cameraKey(site, rule.rule))?.value);
    const before: RuleRecord = Array.isArray(stands?.cameras) ? stands : { ...rule, cameras: [] };
    // Those that it held for keep their place.
    const kept = before.cameras.filter((camera) => !only.has(camera) || these.includes(camera));
    rules.set(rule.rule, { ...before, cameras: [...new Set([...kept, ...these])] });
  }
  const rehashed = [...rules.values()].map(({ configHash: _, ...rule }) => hashed(rule));
  return { ...compiled, cameras: compiled.cameras.filter(({ camera }) => only.has(camera)), rules: rehashed };
}

interface TopicPlan {
  writes: [key: string, value: Buffer][];
  removals: string[];
  /** Records that are changed or removed. */
  was: Map<string, Buffer>;
  site: string;
}

function topicPlan(
  now: Standing['cameras'],
  site: string,
  wanted: ReadonlyMap<string, Buffer>,
  { onlySite = false, only }: PublishOptions,
): TopicPlan {
  const writes = [...wanted].filter(([key, value]) => !now.get(key)?.value?.equals(value));
  const isOurs = (key: string): boolean => onlySite || key.startsWith(cameraKey(site, ''));
  const removals = only ? [] : goneFrom(now, wanted).filter(isOurs);
  const was = new Map<string, Buffer>();
  for (const key of [...writes.map(([written]) => written), ...removals]) {
    const before = now.get(key)?.value;
    if (before) was.set(key, before);
  }
  return { writes, removals, was, site };
}

function goneFrom(now: Standing['cameras'], wanted: ReadonlyMap<string, Buffer>): string[] {
  return [...now.entries()].flatMap(([key]) => (wanted.has(key) ? [] : key));
}

function planOf(cameras: TopicPlan, rules: TopicPlan): SitePlan {
  const [cameraDiff, ruleDiff] = [diffOf(cameras), diffOf(rules)];
  const change = <C>(plan: TopicPlan, describe: (id: string, before: object, after: object) => C): C[] =>
    plan.writes
      .filter(([key]) => plan.was.has(key))
      .map(([key, value]) => describe(idOf(plan, key), parse(plan.was.get(key)) ?? {}, parse(value) ?? {}));
  const lines = changeLines(
    { ...cameraDiff, changed: change(cameras, cameraChange) },
    { ...ruleDiff, changed: change(rules, ruleChange) },
  );
  const [cameraTopic, ruleTopic] = [TOPICS.cameras.name, TOPICS.rules.name];
  const written = (topic: string, plan: TopicPlan) => plan.writes.map(([key, value]) => ({ topic, key, value }));
  const removed = (topic: string, plan: TopicPlan) => plan.removals.map((key) => ({ topic, key, value: null }));
  const writes = [
    written(cameraTopic, cameras),
    written(ruleTopic, rules),
    removed(ruleTopic, rules),
    removed(cameraTopic, cameras),
  ];
  const all = writes.flat();
  const bytes = all.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
  return { diff: { cameras: cameraDiff, rules: ruleDiff }, lines, writes, records: all.length, bytes };
}

/** Undefined for what is no JSON object: a mistake put it there, and it is overwritten. */
function parse<T extends object>(value: Buffer | null | undefined): T | undefined {
  try {
    const found: unknown = value && JSON.parse(value.toString('utf8'));
    return typeof found === 'object' && found !== null ? (found as T) : undefined;
  } catch {
    return undefined;
  }
}

function diffOf(plan: TopicPlan): KeyDiff {
  const written = plan.writes.map(([key]) => key);
  const ids = (keys: readonly string[]): string[] => keys.map((key) => idOf(plan, key));
  return {
    added: ids(written.filter((key) => !plan.was.has(key))),
    changed: ids(written.filter((key) => plan.was.has(key))),
    removed: ids(plan.removals),
  };
}

/** Of another site the whole key. */
function idOf({ site }: TopicPlan, key: string): string {
  const prefix = cameraKey(site, '');
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
}
