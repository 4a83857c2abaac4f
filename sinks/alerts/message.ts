/** What a webhook receives: the body, and the signature over it. */
import { createHmac } from 'node:crypto';
import type { Incident } from '../../runtime/messages/types.ts';

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

function sentence(incident: Incident): string {
  const { rule, camera, severity, transition, updatedAt } = incident;
  const place = incident.zone ?? incident.line;
  const where = place === null ? `camera ${camera}` : `camera ${camera}, ${place}`;
  return `${rule} ${transition}${because(incident)}: ${where} (${severity}), ${updatedAt}`;
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
