/** From bodies as the outbox has them to what goes out at once. Pure: the same rows give the same words. */
import { fillTemplate } from '../../config/template.ts';
import type { Severity } from '../../runtime/messages/types.ts';
import type { Message, Sending } from './channels/types.ts';
import { type Body, headline } from './message.ts';
import { GRAVITY } from './verdict.ts';

export interface ComposeOptions {
  version: string;
  /** Null: the sentence of banksman. */
  template: string | null;
  /** How people reach the console; null: nobody said. */
  consoleUrl: string | null;
}

/** @param bodies at least one, in order. Without picture and its link, which are asked for at each attempt. */
export function compose(bodies: readonly string[], options: ComposeOptions): Sending {
  const messages = bodies.map((body) => messageOf(body, options));
  const [first] = messages;
  const severities = messages.map(({ incident }) => incident.severity);
  return {
    key: first?.key ?? '',
    messages,
    version: options.version,
    title: titleOf(messages),
    text: messages.map(({ text }) => text).join('\n'),
    severity: severities.reduce<Severity>((worst, one) => (GRAVITY[one] > GRAVITY[worst] ? one : worst), 'low'),
    link: first?.link ?? null,
    pictureLink: null,
    picture: null,
  };
}

function messageOf(body: string, { template, consoleUrl }: ComposeOptions): Message {
  const parsed: Body = JSON.parse(body);
  const { type, key, incident } = parsed;
  const link =
    consoleUrl === null ? null : `${consoleUrl.replace(/\/+$/, '')}/#incident=${encodeURIComponent(incident.id)}`;
  const view = { lasts: '', reminder: 0, ...parsed, link: link ?? '' };
  const text = template === null ? parsed.text : fillTemplate(template, view).trim();
  return { key, body, type, text, link, incident };
}

/** Of several how many there are of each kind, the gravest first, then the most. */
function titleOf(messages: readonly Message[]): string {
  const [first] = messages;
  if (first && messages.length === 1) return `[${first.incident.severity}] ${nameOf(first)}`;
  const kinds = new Map<string, { count: number; gravity: number }>();
  for (const message of messages) {
    const what = `${message.incident.rule} ${wordOf(message)}`;
    const { count, gravity } = kinds.get(what) ?? { count: 0, gravity: 0 };
    kinds.set(what, { count: count + 1, gravity: Math.max(gravity, GRAVITY[message.incident.severity]) });
  }
  const sorted = [...kinds].sort(([, a], [, b]) => b.gravity - a.gravity || b.count - a.count);
  const named = sorted.slice(0, 3).map(([what, { count }]) => `${count} × ${what}`);
  const rest = sorted.length > named.length ? ', …' : '';
  return `${messages.length} messages: ${named.join(', ')}${rest}`;
}

function nameOf({ type, text, incident }: Message): string {
  return type === `incident.${incident.transition}` ? headline(incident) : text.split('\n', 1).join('');
}

function wordOf({ type, incident }: Message): string {
  return type === 'incident.reminder' ? 'lasting' : incident.transition;
}
