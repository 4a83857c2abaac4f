import type { ChannelOf } from '../../../config/site_alerts.ts';
import type { Severity } from '../../../runtime/messages/types.ts';
import { post } from '../post.ts';
import { bearer, commonHeaders, cutLines, keysLine } from './texts.ts';
import type { Adapter, Sending } from './types.ts';

/** 5: it rings until somebody looks. */
const PRIORITY: Readonly<Record<Severity, number>> = { low: 2, medium: 3, high: 4, critical: 5 };
/** What is longer than 4 KB becomes a file. */
const LONGEST = 2_500;

/** Published as JSON; a picture as the body, with the rest in the query. */
export function ntfyAdapter({ url, topic, token }: ChannelOf<'ntfy'>): Adapter {
  const server = url.replace(/\/+$/, '');
  return {
    async deliver(sending, attempt) {
      const { title, severity, link, pictureLink, picture } = sending;
      const headers = { ...commonHeaders(sending), ...(await bearer(token)) };
      const message = `${cutLines(sending.text, LONGEST)}\n[${keysLine(sending, 800)}]`;
      const click = link === null ? {} : { click: link };
      if (!picture) {
        // A button: an attachment would be fetched and kept by whoever shows it.
        const actions =
          pictureLink === null ? {} : { actions: [{ action: 'view', label: 'Picture', url: pictureLink }] };
        const body = { topic, title, message, priority: PRIORITY[severity], tags: tags(sending), ...click, ...actions };
        return post({ url: `${server}/`, headers, body: JSON.stringify(body), ...attempt });
      }
      const query = new URLSearchParams({
        ...{ title, message, priority: String(PRIORITY[severity]), tags: tags(sending).join(',') },
        ...{ filename: 'snapshot.jpg', ...click },
      });
      return post({
        url: `${server}/${topic}?${query.toString()}`,
        method: 'PUT',
        headers: { ...headers, 'Content-Type': 'image/jpeg' },
        body: picture,
        ...attempt,
      });
    },
  };
}

function tags({ severity, messages }: Sending): string[] {
  return [...new Set([severity, ...messages.map(({ incident }) => incident.transition)])];
}
