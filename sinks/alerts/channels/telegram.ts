import { randomUUID } from 'node:crypto';
import type { ChannelOf } from '../../../config/site_alerts.ts';
import { resolveSecret } from '../../../runtime/secrets.ts';
import { post } from '../post.ts';
import { commonHeaders, cutLines, keysLine } from './texts.ts';
import type { Adapter, Sending } from './types.ts';

/** What Telegram takes, less room for keys and links. */
const LONGEST_TEXT = 3_000;
const LONGEST_CAPTION = 600;

/** A bot, in plain text: what is in a name is never markup. */
export function telegramAdapter({ token, chat, api_url }: ChannelOf<'telegram'>): Adapter {
  return {
    async deliver(sending, attempt) {
      const { picture, severity } = sending;
      const method = picture ? 'sendPhoto' : 'sendMessage';
      const url = `${api_url.replace(/\/+$/, '')}/bot${encodeURIComponent(await resolveSecret(token)).replaceAll('%3A', ':')}/${method}`;
      const common = { chat_id: chat, disable_notification: severity === 'low' };
      const text = words(sending, picture ? LONGEST_CAPTION : LONGEST_TEXT);
      const request = picture
        ? form({ ...common, caption: text }, picture)
        : { headers: {}, body: JSON.stringify({ ...common, text, link_preview_options: { is_disabled: true } }) };
      const headers = { ...commonHeaders(sending), ...request.headers };
      return post({ url, headers, body: request.body, ...attempt, retryAfterIn });
    },
  };
}

function words(sending: Sending, limit: number): string {
  const { title, text, link, pictureLink, messages } = sending;
  const body = messages.length === 1 ? text : `${title}\n${text}`;
  const links = [link, pictureLink].filter((one) => one !== null);
  return [cutLines(body, limit), ...links, `[${keysLine(sending, limit / 4)}]`].join('\n');
}

/** `multipart/form-data` (RFC 7578) with one picture. */
function form(fields: Readonly<Record<string, unknown>>, picture: Buffer) {
  const boundary = `banksman-${randomUUID()}`;
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${String(value)}\r\n`,
  );
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="photo"; filename="snapshot.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`;
  return {
    headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(parts.join('') + head), picture, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}

/** Telegram says it in the answer: `{"parameters": {"retry_after": 35}}`. */
function retryAfterIn(answer: string): number {
  return Number(/"retry_after"\s*:\s*(\d+)/.exec(answer)?.[1] ?? 0) * 1000;
}
