/** What is said of a transition: the body that webhooks receive and others are made from, and the signature over it. */
import { createHmac } from 'node:crypto';
import type { Incident } from '../../runtime/messages/types.ts';
import { fromTimestamp } from '../../runtime/time.ts';

/** The same for every attempt of a transition, and under every repeat. */
export function idempotencyKey({ id, revision }: Pick<Incident, 'id' | 'revision'>): string {
  return `${id}/${revision}`;
}

/** JSON of a transition. `text` is a sentence that chat programs show as it is. */
export function messageBody(incident: Incident, version: string): string {
  return JSON.stringify({
    type: `incident.${incident.transition}`,
    key: idempotencyKey(incident),
    text: sentence(incident),
    version,
    incident,
  });
}

/** Key of a reminder that an incident lasts: none of a transition. */
export function reminderKey(incident: Pick<Incident, 'id' | 'revision'>, count: number): string {
  return `${idempotencyKey(incident)}.${count}`;
}

/** JSON of a reminder, made from the body of what was last heard. */
export function reminderBody(last: string, count: number, nowMs: number): string {
  const body: Body = JSON.parse(last);
  const { incident } = body;
  const lasts = inWords(nowMs - fromTimestamp(incident.openedAt));
  return JSON.stringify({
    ...body,
    type: 'incident.reminder',
    key: reminderKey(incident, count),
    text: `${incident.rule} still ${incident.state} after ${lasts}: ${whereOf(incident)} (${incident.severity})`,
    reminder: count,
    lasts,
  });
}

/** What `messageBody` and `reminderBody` make. */
export interface Body {
  type: string;
  key: string;
  text: string;
  version: string;
  incident: Incident;
  /** Of reminders: which one, and how long the incident lasts. */
  reminder?: number;
  lasts?: string;
}

function sentence(incident: Incident): string {
  return `${headline(incident)} (${incident.severity}), ${incident.updatedAt}`;
}

/** What happened and where. */
export function headline(incident: Incident): string {
  return `${incident.rule} ${incident.transition}${because(incident)}: ${whereOf(incident)}`;
}

function whereOf({ camera, zone, line }: Incident): string {
  const place = zone ?? line;
  return place === null ? `camera ${camera}` : `camera ${camera}, ${place}`;
}

function inWords(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

function because({ transition, closeReason, unobservedReason }: Incident): string {
  const reason = transition === 'closed' ? closeReason : transition === 'unobserved' ? unobservedReason : null;
  return reason === null ? '' : ` (${reason})`;
}

/**
 * Value of `Banksman-Signature`: `t=<unix seconds>,v1=<hex>`, the HMAC-SHA256 of `<t>.<body>`. The time is that of
 * the attempt, so that a receiver can refuse what somebody recorded and sends again later.
 */
export function signature(secret: string, body: string, nowMs: number): string {
  const time = Math.floor(nowMs / 1000);
  const mac = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
  return `t=${time},v1=${mac}`;
}
