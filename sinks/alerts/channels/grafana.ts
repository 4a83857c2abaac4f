import type { ChannelOf } from '../../../config/site_alerts.ts';
import type { Incident } from '../../../runtime/messages/types.ts';
import { fromTimestamp } from '../../../runtime/time.ts';
import { type Outcome, post } from '../post.ts';
import { bearer, commonHeaders } from './texts.ts';
import type { Adapter, Message } from './types.ts';

/**
 * Annotations over the HTTP API, of the organisation: every board may show them. One an incident, found again by its
 * tag, so that a message that is repeated changes it and makes no second.
 */
export function grafanaAdapter({ url, token }: ChannelOf<'grafana'>): Adapter {
  const address = `${url.replace(/\/+$/, '')}/api/annotations`;
  return {
    async deliver(sending, attempt) {
      const headers = { ...commonHeaders(sending), ...(await bearer(token)) };
      const ask = (method: 'GET' | 'POST' | 'PATCH', at: string, body: string, onAnswer?: (answer: string) => void) =>
        post({ url: at, method, headers, body, ...attempt, ...(onAnswer ? { onAnswer } : {}) });
      for (const message of sending.messages) {
        let found: number | null | undefined;
        const query = new URLSearchParams({ tags: incidentTag(message.incident), type: 'annotation', limit: '1' });
        const looked = await ask('GET', `${address}?${query.toString()}`, '', (answer) => {
          found = idIn(answer);
        });
        if (looked.kind !== 'delivered') return looked;
        if (found === undefined) return NO_GRAFANA;
        const body = JSON.stringify(annotationOf(message));
        const written = await (found === null ? ask('POST', address, body) : ask('PATCH', `${address}/${found}`, body));
        if (written.kind !== 'delivered') return written;
      }
      return { kind: 'delivered' };
    },
  };
}

const NO_GRAFANA: Outcome = {
  ...{ kind: 'failed', reason: 'unreadable', retryAfterMs: 0 },
  detail: 'the answer is no list of annotations: is this the address of Grafana?',
};

const incidentTag = ({ id }: Incident): string => `incident:${id}`;

function annotationOf({ incident, text, link }: Message) {
  const { site, camera, rule, severity, zone, line, revision, openedAt, closedAt } = incident;
  const place = zone ?? line;
  const tags = ['banksman', incidentTag(incident), `revision:${revision}`];
  tags.push(`site:${site}`, `camera:${camera}`, `rule:${rule}`, `severity:${severity}`);
  if (place !== null) tags.push(`zone:${place}`);
  return {
    time: fromTimestamp(openedAt),
    // Without an end it is a moment: that of the opening.
    ...(closedAt === null ? {} : { timeEnd: fromTimestamp(closedAt) }),
    tags,
    text: link === null ? text : `${text}\n<a href="${link}">Console</a>`,
  };
}

/** Null: there is none. Undefined: what answers is no Grafana. */
function idIn(answer: string): number | null | undefined {
  if (/^\s*\[\s*\]\s*$/.test(answer)) return null;
  // The answer may be cut off behind the first id.
  const id = /^\s*\[\s*\{[^[\]]*?"id"\s*:\s*(\d+)/.exec(answer)?.[1];
  return id === undefined ? undefined : Number(id);
}
