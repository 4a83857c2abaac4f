/** `alerts` of the site file, fully resolved. */
import type { Schedule, SecretRef, Severity, Transition } from '../runtime/messages/types.ts';
import type { AlertsFile } from './schema_alerts.ts';

/** How long an incident of a camera's health waits for company where nobody said: a dead switch is many of them. */
export const HEALTH_WAIT_S = 15;

export interface WebhookConfig {
  id: string;
  url: string;
  secret: SecretRef | null;
  min_severity: Severity;
  /** Null: all. */
  rules: string[] | null;
  transitions: Transition[];
  timeout_s: number;
}

/** What a channel wants to hear, and when. */
export interface ChannelPolicy {
  id: string;
  min_severity: Severity;
  /** Null: all. */
  rules: string[] | null;
  /** Null: all. */
  cameras: string[] | null;
  /** Zones or lines; null: all. */
  zones: string[] | null;
  /** Null: always. */
  schedule: Schedule | null;
  transitions: Transition[];
  timeout_s: number;
  /** 0: at once. */
  escalate_after_s: number;
  /** Null: none. */
  quiet_hours: Schedule | null;
  /** 0: each by itself. Null: at once but for what is no second's matter (`HEALTH_WAIT_S`), and what piles up as one. */
  group_wait_s: number | null;
  /** Null: any number. */
  max_per_hour: number | null;
  /** 0: never. */
  realert_s: number;
  /** Null: the sentence of banksman. */
  template: string | null;
  snapshot: 'none' | 'link' | 'attached';
}

type Of<T extends string> = Extract<AlertsFile['channels'][number], { type: T }>;
/** What only this kind has, with what may be left out as null. */
type Own<T extends string> = {
  type: T;
} & { [K in Exclude<keyof Of<T>, keyof ChannelPolicy | 'type'>]-?: Exclude<Of<T>[K], undefined> | Absent<Of<T>[K]> };
type Absent<V> = undefined extends V ? null : never;

export type ChannelType = AlertsFile['channels'][number]['type'];
/** Of one kind. */
export type ChannelOf<T extends ChannelType> = ChannelPolicy & Own<T>;
export type ChannelConfig = { [T in ChannelType]: ChannelOf<T> }[ChannelType];

export interface AlertsConfig {
  webhooks: WebhookConfig[];
  channels: ChannelConfig[];
  console_url: string | null;
  link_hours: number;
  heartbeat: { url: SecretRef; every_s: number; method: 'GET' | 'POST' } | null;
}

const ALL = { cameras: null, zones: null, schedule: null, escalate_after_s: 0 };
/** Of kinds that leave grouping and repeating to others. */
const PLAIN = {
  quiet_hours: null,
  group_wait_s: 0,
  max_per_hour: null,
  realert_s: 0,
  template: null,
  snapshot: 'none',
} as const;

/** A webhook is a channel that wants nothing special. */
export function webhookChannel(webhook: WebhookConfig): ChannelOf<'webhook'> {
  return { type: 'webhook', ...ALL, ...PLAIN, ...webhook };
}

type Schedules = Readonly<Record<string, Schedule>>;

/** Names that refer to nothing are left out. */
export function resolveAlerts(file: AlertsFile, schedules: Schedules): AlertsConfig {
  return {
    webhooks: file.webhooks.map((webhook) => ({
      ...webhook,
      secret: webhook.secret ?? null,
      rules: webhook.rules ?? null,
    })),
    channels: file.channels.map((channel) => resolveChannel(channel, schedules)),
    console_url: file.console_url,
    link_hours: file.link_hours,
    heartbeat: file.heartbeat ?? null,
  };
}

function resolveChannel(file: AlertsFile['channels'][number], schedules: Schedules): ChannelConfig {
  const found = (schedule: string | null): Schedule | null =>
    schedule === null ? null : (schedules[schedule] ?? null);
  const filters = {
    rules: file.rules ?? null,
    cameras: file.cameras ?? null,
    zones: file.zones ?? null,
    schedule: found(file.schedule),
  };
  switch (file.type) {
    case 'alertmanager':
    case 'grafana':
      return { ...PLAIN, ...file, ...filters, token: file.token ?? null };
    case 'webhook':
      return { ...PLAIN, ...file, ...filters, quiet_hours: found(file.quiet_hours), secret: file.secret ?? null };
    case 'email':
    case 'mqtt': {
      const account = { username: file.username ?? null, password: file.password ?? null };
      return { ...file, ...filters, ...account, quiet_hours: found(file.quiet_hours) };
    }
    case 'ntfy':
      return { ...file, ...filters, quiet_hours: found(file.quiet_hours), token: file.token ?? null };
    default:
      return { ...file, ...filters, quiet_hours: found(file.quiet_hours) };
  }
}
