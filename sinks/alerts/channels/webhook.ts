import type { ChannelOf } from '../../../config/site_alerts.ts';
import { resolveSecret } from '../../../runtime/secrets.ts';
import { signature } from '../message.ts';
import { post } from '../post.ts';
import { commonHeaders } from './texts.ts';
import type { Adapter, Sending } from './types.ts';

/** JSON over HTTP, signed where there is a secret: never unsigned where a signature is expected. */
export function webhookAdapter({ url, secret }: ChannelOf<'webhook'>): Adapter {
  return {
    async deliver(sending, attempt) {
      const body = payload(sending);
      const headers = commonHeaders(sending);
      if (secret) headers['Banksman-Signature'] = signature(await resolveSecret(secret), body, attempt.clock.now());
      return post({ url, headers, body, ...attempt });
    },
  };
}

/** One message as it is; several in one with all their keys. */
export function payload({ messages, key, title, version }: Sending): string {
  const [first, ...more] = messages;
  if (first && more.length === 0) return first.body;
  return JSON.stringify({
    type: 'incidents',
    key,
    keys: messages.map((message) => message.key),
    text: title,
    version,
    messages: messages.map(({ body }): unknown => JSON.parse(body)),
  });
}
