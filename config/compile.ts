/** From the site to the records that every role reads, and these onto the bus. */
import type { Bus, Table } from '../runtime/bus/types.ts';
import { cameraKey, TOPICS } from '../runtime/messages/topics.ts';
import type { CameraRecord, RuleRecord } from '../runtime/messages/types.ts';
import { canonicalJson, hashOf } from './hash.ts';
import { type CameraConfig, DETECT_WITHIN_DEFAULT_S, type RuleConfig, type SiteConfig } from './site.ts';

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
  const { site } = compiled;
  const cameras = await topicPlan(
    bus,
    TOPICS.cameras.name,
    site,
    recordsByKey(site, compiled.cameras, 'camera'),
    options,
  );
  const rules = await topicPlan(bus, TOPICS.rules.name, site, recordsByKey(site, compiled.rules, 'rule'), options);
  const producer = bus.producer();
  try {
    const send = (topic: string, key: string, value: Buffer | null) =>
      producer.send(topic, { key, value, headers: { 'content-type': 'application/json' } });
    await Promise.all(cameras.writes.map(([key, value]) => send(TOPICS.cameras.name, key, value)));
    await Promise.all(rules.writes.map(([key, value]) => send(TOPICS.rules.name, key, value)));
    await Promise.all(rules.removals.map((key) => send(TOPICS.rules.name, key, null)));
    await Promise.all(cameras.removals.map((key) => send(TOPICS.cameras.name, key, null)));
  } finally {
    await producer.close();
  }
  return { cameras: cameras.diff, rules: rules.diff };
}

function recordsByKey<K extends string>(
  site: string,
  records: readonly Record<K, string>[],
  id: K,
): Map<string, Buffer> {
  return new Map(records.map((record) => [cameraKey(site, record[id]), Buffer.from(canonicalJson(record))]));
}

interface TopicPlan {
  writes: [key: string, value: Buffer][];
  removals: string[];
  diff: KeyDiff;
}

async function topicPlan(
  bus: Bus,
  topic: string,
  site: string,
  wanted: ReadonlyMap<string, Buffer>,
  { onlySite = false }: PublishOptions,
): Promise<TopicPlan> {
  const table: Table = bus.table(topic);
  await table.start();
  try {
    const prefix = `${site}/`;
    const idOf = (key: string): string => (key.startsWith(prefix) ? key.slice(prefix.length) : key);
    const writes = [...wanted].filter(([key, value]) => !table.get(key)?.value?.equals(value));
    const present = [...table.entries()].filter(([, { value }]) => value !== null).map(([key]) => key);
    const removals = present.filter((key) => !wanted.has(key) && (onlySite || key.startsWith(prefix)));
    const [changed, added] = [
      writes.filter(([key]) => table.get(key)?.value),
      writes.filter(([key]) => !table.get(key)?.value),
    ];
    return {
      writes,
      removals,
      diff: {
        added: added.map(([key]) => idOf(key)),
        changed: changed.map(([key]) => idOf(key)),
        removed: removals.map(idOf),
      },
    };
  } finally {
    await table.stop();
  }
}
