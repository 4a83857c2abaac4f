/** The site, fully resolved: what every part of the program gets. Nothing optional, nothing left to merge. */
import type { KafkaSettings } from '../runtime/bus/kafka/settings.ts';
import type { CameraRecord, RuleRecord, SecretRef } from '../runtime/messages/types.ts';
import type { ObjectsOptions } from '../runtime/stores/objects/open.ts';
import type { StateOptions } from '../runtime/stores/state/open.ts';
import type { TracingOptions } from '../runtime/tracing.ts';
import type { Bind } from './formats.ts';
import type { SiteFile } from './schema.ts';
import type { BusFile } from './schema_bus.ts';
import { BUILT_IN, type CameraFile, type DefaultsFile } from './schema_camera.ts';
import type { EvidenceFile } from './schema_evidence.ts';
import type { Prices } from './schema_prices.ts';
import type { RuleFile } from './schema_rules.ts';
import type { StateFile } from './schema_state.ts';
import { type AlertsConfig, resolveAlerts } from './site_alerts.ts';

type Schedule = NonNullable<RuleRecord['schedule']>;
type ClassFilter = CameraRecord['filters'][string];

export interface CameraConfig extends Omit<CameraRecord, 'site' | 'camera' | 'configHash' | 'detect_within_s'> {
  id: string;
  enabled: boolean;
}

export interface RuleConfig extends Omit<RuleRecord, 'site' | 'rule' | 'configHash'> {
  id: string;
}

export interface ConsoleConfig {
  bind: Bind;
  /** Where the text with the accounts is; null: without accounts, on loopback. */
  accounts: SecretRef | null;
  tls: { cert_file: string; key_file: string } | null;
  hosts: string[];
  trusted_proxies: string[];
  session_hours: number;
}

export interface EvidenceConfig extends ObjectsOptions {
  retention: { clips_days: number; records_days: number; max_bytes: number };
}

export interface BusConfig {
  type: 'local' | 'kafka';
  /** Of the local bus. */
  frames: { max_bytes: number; max_age_s: number };
  kafka: KafkaSettings | null;
}

export interface SiteConfig {
  site: string;
  /** Absolute once loaded from a file, like every path here. */
  data_dir: string;
  cameras: Record<string, CameraConfig>;
  rules: RuleConfig[];
  schedules: Record<string, Schedule>;
  models: { dir: string | null; manifests: string[] };
  detect: { workers: number | 'auto'; max_frame_age_s: number; score_floor: number };
  bus: BusConfig;
  state: StateOptions;
  evidence: EvidenceConfig;
  alerts: AlertsConfig;
  /** What its machines show each other. */
  fleet: { token: SecretRef | null };
  console: ConsoleConfig;
  metrics: { bind: Bind; open: boolean };
  /** Null: off. */
  tracing: TracingOptions | null;
  media: { bind: Bind; advertise: string | null };
  /** Null: nobody said what anything costs. */
  prices: Prices | null;
}

/** A rule without `detect_within_s` promises this; also a camera without rules. */
export const DETECT_WITHIN_DEFAULT_S = 2;

/** Fills every gap. The file must have passed all checks: names that refer to nothing are left out. */
export function resolveSite(file: SiteFile): SiteConfig {
  const { cameras, defaults, rules, schedules, alerts, bus, state, fleet, console: page, ...sections } = file;
  const resolved: Record<string, CameraConfig> = {};
  for (const [id, camera] of Object.entries(cameras)) resolved[id] = resolveCamera(id, camera, defaults, schedules);
  return {
    ...sections,
    cameras: resolved,
    bus: resolveBus(bus),
    state: resolveState(file.site, state),
    evidence: resolveEvidence(file.evidence),
    rules: rules.map((rule) => resolveRule(rule, resolved, schedules)),
    schedules,
    fleet: { token: credential(fleet.token, fleet.token_file) },
    tracing: sections.tracing ?? null,
    prices: sections.prices ?? null,
    console: {
      ...page,
      accounts: credential(page.accounts?.tokens, page.accounts?.file),
      tls: page.tls ?? null,
    },
    alerts: resolveAlerts(alerts, schedules),
  };
}

function resolveBus({ type, frames, kafka }: BusFile): BusConfig {
  if (type !== 'kafka' || !kafka) return { type, frames, kafka: null };
  const { sasl } = kafka;
  return {
    type,
    frames,
    kafka: {
      ...kafka,
      tls: kafka.tls ?? null,
      sasl: sasl
        ? {
            mechanism: sasl.mechanism,
            username: sasl.username ?? null,
            password: credential(sasl.password, sasl.password_file),
            token_file: sasl.token_file ?? null,
            oauth: sasl.oauth ?? null,
          }
        : null,
    },
  };
}

function resolveState(site: string, { store, redis }: StateFile): StateOptions {
  if (store !== 'redis' || !redis) return { store, redis: null };
  const { password_file, ...given } = redis;
  return {
    store,
    redis: {
      ...given,
      url: redis.url ?? null,
      sentinels: redis.sentinels ?? [],
      sentinel_name: redis.sentinel_name ?? null,
      cluster_nodes: redis.cluster_nodes ?? [],
      username: redis.username ?? null,
      password: credential(redis.password, password_file),
      sentinel_password: redis.sentinel_password ?? null,
      prefix: redis.prefix ?? `banksman:${site}`,
    },
  };
}

function resolveEvidence({ s3, ...rest }: EvidenceFile): EvidenceConfig {
  return { ...rest, s3: s3 ? { ...s3, object_lock: s3.object_lock ?? null } : null };
}

function resolveCamera(
  id: string,
  camera: CameraFile,
  defaults: DefaultsFile,
  schedules: Readonly<Record<string, Schedule>>,
): CameraConfig {
  return {
    id,
    enabled: camera.enabled ?? true,
    url: camera.url,
    record_url: camera.record_url ?? null,
    username: credential(camera.username, camera.username_file),
    password: credential(camera.password, camera.password_file),
    transport: camera.transport ?? defaults.transport ?? BUILT_IN.transport,
    tls: merge(BUILT_IN.tls, defaults.tls, camera.tls),
    sampling: merge(BUILT_IN.sampling, defaults.sampling, camera.sampling),
    motion: merge(BUILT_IN.motion, defaults.motion, camera.motion),
    model: camera.model ?? defaults.model ?? BUILT_IN.model,
    regions: camera.regions ?? defaults.regions ?? BUILT_IN.regions,
    zones: camera.zones ?? {},
    lines: camera.lines ?? {},
    ignore_masks: camera.ignore_masks ?? [],
    privacy_masks: camera.privacy_masks ?? [],
    filters: resolveFilters(camera, defaults, schedules),
    suppress_static: camera.suppress_static ?? defaults.suppress_static ?? BUILT_IN.suppress_static,
  };
}

function credential(value: SecretRef | undefined, file: string | undefined): SecretRef | null {
  return value ?? (file === undefined ? null : { file });
}

type Loose<T> = { [K in keyof T]?: T[K] | undefined };

/** Later layers win where they say something. */
export function merge<T extends object>(base: T, ...layers: (Loose<T> | undefined)[]): T {
  const merged = { ...base };
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer ?? {}))
      if (value !== undefined) Object.assign(merged, { [key]: value });
  }
  return merged;
}

/** Built-in, then `defaults`, then the camera; at each level `*` first, then the class. */
function resolveFilters(
  camera: CameraFile,
  defaults: DefaultsFile,
  schedules: Readonly<Record<string, Schedule>>,
): Record<string, ClassFilter> {
  const levels = [defaults.filters ?? {}, camera.filters ?? {}];
  const classes = new Set(['*', ...levels.flatMap((level) => Object.keys(level))]);
  const filters: Record<string, ClassFilter> = {};
  for (const name of classes) {
    const layers = levels.flatMap((level) => [level['*'], name === '*' ? undefined : level[name]]);
    const { during = [], ...values } = merge<Omit<ClassFilter, 'during'> & { during?: During[] }>(
      BUILT_IN.filter,
      ...layers,
    );
    filters[name] = {
      ...values,
      during: during.flatMap((other) => {
        const schedule = schedules[other.schedule];
        return schedule ? [{ schedule, score: other.score ?? values.score, low: other.low ?? values.low }] : [];
      }),
    };
  }
  return filters;
}

type During = { schedule: string; score?: number | undefined; low?: number | undefined };

function resolveRule(
  rule: RuleFile,
  cameras: Readonly<Record<string, CameraConfig>>,
  schedules: Readonly<Record<string, Schedule>>,
): RuleConfig {
  const zone = 'zone' in rule ? rule.zone : null;
  const line = 'line' in rule ? rule.line : null;
  const having = Object.values(cameras)
    .filter((camera) => zone === null || Object.hasOwn(camera.zones, zone))
    .filter((camera) => line === null || Object.hasOwn(camera.lines, line))
    .map((camera) => camera.id);
  return {
    id: rule.id,
    type: rule.type,
    cameras: rule.cameras ?? having,
    zone,
    line,
    direction: rule.type === 'line_crossing' ? rule.direction : 'both',
    classes: rule.type === 'camera_offline' ? [] : rule.classes,
    schedule: rule.schedule === null ? null : (schedules[rule.schedule] ?? null),
    min_duration_s: rule.type === 'dwell' ? rule.dwell_s : rule.type === 'line_crossing' ? 0 : rule.min_duration_s,
    dwell_s: rule.type === 'dwell' ? rule.dwell_s : 0,
    hold_s: rule.type === 'line_crossing' ? 0 : rule.hold_s,
    detect_within_s: rule.type === 'camera_offline' ? DETECT_WITHIN_DEFAULT_S : rule.detect_within_s,
    cool_down_s: rule.cool_down_s,
    severity: rule.severity,
  };
}
