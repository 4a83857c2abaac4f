/** Texts within the bounds that receivers set. */
import { BanksmanError } from '../../../runtime/errors.ts';
import type { SecretRef, Severity } from '../../../runtime/messages/types.ts';
import { resolveSecret } from '../../../runtime/secrets.ts';
import type { Sending } from './types.ts';

/** Of chat programs, by gravity. */
export const COLORS: Readonly<Record<Severity, string>> = {
  low: '#6b7280',
  medium: '#d97706',
  high: '#dc2626',
  critical: '#7f1d1d',
};

/** Whole lines as far as they fit, and how many do not. */
export function cutLines(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const lines = text.split('\n');
  const kept: string[] = [];
  let length = 0;
  for (const line of lines) {
    if (length + line.length + 1 > limit - 30) break;
    kept.push(line);
    length += line.length + 1;
  }
  if (kept.length === 0) return `${text.slice(0, limit - 1)}…`;
  return `${kept.join('\n')}\n… and ${lines.length - kept.length} more`;
}

/** So that who gets a message twice can tell. */
export function keysLine({ messages }: Sending, limit: number): string {
  return cutLines(messages.map(({ key }) => key).join('\n'), limit).replaceAll('\n', ' ');
}

/** An address that is a secret. @throws CONFIG_SECRET_MISSING, also where it is no address */
export async function secretUrl(ref: SecretRef): Promise<string> {
  const url = (await resolveSecret(ref)).trim();
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  const where = 'env' in ref ? ref.env : 'file' in ref ? ref.file : 'url';
  throw new BanksmanError('CONFIG_SECRET_MISSING', { where, message: `${where} holds no http:// or https:// address` });
}

export async function bearer(ref: SecretRef | null): Promise<Record<string, string>> {
  return ref ? { Authorization: `Bearer ${await resolveSecret(ref)}` } : {};
}

export function commonHeaders({ key, version }: Sending): Record<string, string> {
  return { 'Idempotency-Key': key, 'User-Agent': `banksman/${version}` };
}
