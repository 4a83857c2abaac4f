import { createTransport } from 'nodemailer';
import type { ChannelOf } from '../../../config/site_alerts.ts';
import { resolveSecret } from '../../../runtime/secrets.ts';
import type { Outcome } from '../post.ts';
import { authority, bounded, codeOf, failed, isTls } from './bounded.ts';
import type { Adapter, Sending } from './types.ts';

/** SMTP. One message to all receivers; it is delivered when the server took it for one of them. */
export function emailAdapter(config: ChannelOf<'email'>): Adapter {
  const { host, port, tls, from, to } = config;
  return {
    async deliver(sending, attempt) {
      const ca = await authority(config.ca_file);
      const auth = config.username && {
        user: await resolveSecret(config.username),
        pass: config.password ? await resolveSecret(config.password) : '',
      };
      // Longer than the attempt, which says itself when it is over.
      const ms = attempt.timeoutMs + 1_000;
      const times = { connectionTimeout: ms, greetingTimeout: ms, socketTimeout: ms };
      const security = { secure: tls === 'implicit', requireTLS: tls === 'starttls', ignoreTLS: tls === 'none' };
      const begin = () => {
        const transport = createTransport({
          host,
          port,
          ...security,
          ...times,
          ...(auth ? { auth } : {}),
          tls: { ...ca },
        });
        const done = transport.sendMail({ from, to, ...mail(sending) }).then(() => undefined);
        return { done, end: () => transport.close() };
      };
      return bounded(attempt, begin, toOutcome);
    },
  };
}

function mail(sending: Sending) {
  const { key, title, text, link, pictureLink, picture, messages, severity } = sending;
  const [first] = messages;
  const links = [link === null ? '' : `In the console: ${link}`, pictureLink === null ? '' : `Picture: ${pictureLink}`];
  const site = first?.incident.site ?? 'site';
  // One thread an incident, whatever of it was sent.
  const root = messageId(`${first?.incident.id}`, site);
  return {
    messageId: messageId(key, site),
    references: root,
    inReplyTo: root,
    subject: title,
    text: [text, ...links.filter((line) => line !== ''), '', ...messages.map((message) => message.key), ''].join('\n'),
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Banksman-Key': key,
      'X-Banksman-Severity': severity,
    },
    ...(picture ? { attachments: [{ filename: 'snapshot.jpg', content: picture, contentType: 'image/jpeg' }] } : {}),
  };
}

/** Of a key, the same for ever. What a Message-ID may not hold (RFC 5322, 3.2.3) is written as its code. */
function messageId(key: string, site: string): string {
  const safe = (part: string): string =>
    part.replaceAll(/[^A-Za-z0-9/_.-]/g, (letter) => `=${letter.codePointAt(0)?.toString(16)}`);
  return `<${safe(key)}@${safe(site)}.banksman>`;
}

/** Whether the same message could ever be taken: a login that is refused can be mended, a receiver that is not there cannot. */
function toOutcome(error: Error): Outcome {
  const code = codeOf(error);
  const response: unknown = Reflect.get(error, 'responseCode');
  if (code === 'EAUTH' || code === 'ENOAUTH') return failed('smtp_login', 'the server refused the login');
  if (isTls(code)) return failed('tls', code === 'ETLS' ? 'the server offers no TLS' : `its certificate: ${code}`);
  if (typeof response !== 'number') return failed('unreachable', code);
  const reason = `smtp_${Math.floor(response / 100)}xx`;
  if (response >= 500) return { kind: 'refused', reason, detail: `SMTP ${response}` };
  return failed(reason, `SMTP ${response}`);
}
