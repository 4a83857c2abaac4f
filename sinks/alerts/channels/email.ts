import { createTransport } from 'nodemailer';
import type { ChannelOf } from '../../../config/site_alerts.ts';
import { resolveSecret } from '../../../runtime/secrets.ts';
import type { Outcome } from '../post.ts';
import { authority, bounded, codeOf, failed, isTls } from './bounded.ts';
import type { Adapter, Sending } from './types.ts';

/** Messages of which this process knows who is left; the oldest give way. */
const MOST = 1_000;

/**
 * SMTP. One message to all receivers; it is delivered when the server took it for one of them. It goes again to those
 * alone that it did not take it for, as far as this process remembers: after a restart all get it once more.
 */
export function emailAdapter(config: ChannelOf<'email'>): Adapter {
  const { host, port, tls, from, to } = config;
  const left = new Map<string, string[]>();
  const keep = (key: string, receivers: string[]): void => {
    left.delete(key);
    if (receivers.length > 0) left.set(key, receivers);
    const [oldest] = left.keys();
    if (left.size > MOST && oldest !== undefined) left.delete(oldest);
  };
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
        const what = sending.messages.map(({ key }) => key).join();
        const rest = left.get(what);
        const envelope = rest ? { envelope: { from, to: rest } } : {};
        const done = transport.sendMail({ from, to, ...mail(sending), ...envelope }).then((info): Outcome => {
          keep(what, info.rejected.map(String));
          const codes = codesOf(info);
          if (info.rejected.length === 0) return { kind: 'delivered' };
          const detail = `${info.rejected.length} of ${to.length} receivers were not taken: SMTP ${codes.join(', ')}`;
          return { kind: 'delivered', left: { reason: reasonOf(codes), detail } };
        });
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
  if (code === 'EAUTH' || code === 'ENOAUTH') return failed('smtp_login', 'the server refused the login');
  if (isTls(code)) return failed('tls', code === 'ETLS' ? 'the server offers no TLS' : `its certificate: ${code}`);
  const codes = codesOf(error);
  if (codes.length === 0) return failed('unreachable', code);
  const [reason, detail] = [reasonOf(codes), `SMTP ${codes.join(', ')}`];
  return reason === 'smtp_5xx' ? { kind: 'refused', reason, detail } : failed(reason, detail);
}

/** What the server answered, for each receiver that it did not take the message for. */
function codesOf(answer: object): number[] {
  const each: unknown = Reflect.get(answer, 'rejectedErrors');
  const answers: unknown[] = Array.isArray(each) && each.length > 0 ? each : [answer];
  const codes = answers.map((one) => (typeof one === 'object' && one ? Reflect.get(one, 'responseCode') : undefined));
  return [...new Set(codes.filter((code) => typeof code === 'number'))];
}

/** Worth another attempt as long as anybody may be taken later. */
function reasonOf(codes: readonly number[]): string {
  return codes.some((code) => code < 500) ? 'smtp_4xx' : 'smtp_5xx';
}
