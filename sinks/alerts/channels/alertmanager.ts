import type { ChannelOf } from '../../../config/site_alerts.ts';
import { fromTimestamp, toTimestamp } from '../../../runtime/time.ts';
import { post } from '../post.ts';
import { bearer, commonHeaders } from './texts.ts';
import type { Adapter, Message, Sending } from './types.ts';

/** Times `renew_s` that an alert lasts without being said again. */
const LASTS = 4;

/** API v2. An alert an incident, told apart by its labels: firing while it is open, resolved when it closes. */
export function alertmanagerAdapter({ url, token, renew_s, hold_s }: ChannelOf<'alertmanager'>): Adapter {
  const address = `${url.replace(/\/+$/, '')}/api/v2/alerts`;
  return {
    async deliver(sending, attempt) {
      const now = attempt.clock.now();
      const times = { now, renewMs: renew_s * 1000, holdMs: hold_s * 1000 };
      const body = JSON.stringify(newest(sending).map((one) => alertOf(one, times)));
      return post({ url: address, headers: { ...commonHeaders(sending), ...(await bearer(token)) }, body, ...attempt });
    },
  };
}

interface Newest {
  message: Message;
  /** Alertmanager has not heard of it: what came before goes in the same request. */
  unheard: boolean;
}

/** The last word on each incident: there is one alert of it. */
function newest({ messages }: Sending): Newest[] {
  const last = new Map<string, Newest>();
  for (const message of messages) {
    const { id } = message.incident;
    last.set(id, { message, unheard: last.has(id) || message.incident.revision === 1 });
  }
  return [...last.values()];
}

function alertOf(
  { message, unheard }: Newest,
  { now, renewMs, holdMs }: { now: number; renewMs: number; holdMs: number },
) {
  const { incident, text, key, link } = message;
  const opened = fromTimestamp(incident.openedAt);
  const closed = incident.closedAt === null ? undefined : fromTimestamp(incident.closedAt);
  // Nobody is told of what is over before a route's group_wait is.
  const least = unheard ? Math.max(opened, now) + holdMs : opened + holdMs;
  const ends = closed === undefined ? now + LASTS * renewMs : Math.max(closed, least);
  return {
    labels: {
      alertname: 'BanksmanIncident',
      site: incident.site,
      incident: incident.id,
      rule: incident.rule,
      camera: incident.camera,
      zone: incident.zone ?? incident.line ?? '',
      severity: incident.severity,
    },
    annotations: { summary: text, key },
    startsAt: incident.openedAt,
    endsAt: toTimestamp(ends),
    ...(link === null ? {} : { generatorURL: link }),
  };
}
