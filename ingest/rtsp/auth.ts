import { createHash, randomBytes } from 'node:crypto';
import type { Credentials } from '../ipc.ts';

/** Basic (RFC 7617) and Digest (RFC 7616, and 2069 where the camera names no qop). */
export interface Challenge {
  scheme: 'basic' | 'digest';
  parameters: ReadonlyMap<string, string>;
}

/** Strongest first. MD5 where the camera names no algorithm. */
const ALGORITHMS: readonly { name: string; hash: string; session: boolean }[] = [
  { name: 'SHA-256-SESS', hash: 'sha256', session: true },
  { name: 'SHA-256', hash: 'sha256', session: false },
  { name: 'MD5-SESS', hash: 'md5', session: true },
  { name: 'MD5', hash: 'md5', session: false },
];

/** @param headers every `WWW-Authenticate` of the answer; each may hold several challenges. */
export function parseChallenges(headers: readonly string[]): Challenge[] {
  const challenges: Challenge[] = [];
  for (const header of headers) {
    // A scheme is a word that no equals sign follows.
    for (const match of header.matchAll(/(?:^|,)\s*(basic|digest)\s+(.*?)(?=,\s*(?:basic|digest)\s|$)/gi)) {
      const parameters = new Map<string, string>();
      for (const [, name = '', quoted, bare] of (match[2] ?? '').matchAll(
        /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g,
      )) {
        parameters.set(name.toLowerCase(), quoted === undefined ? (bare ?? '') : quoted.replaceAll(/\\(.)/g, '$1'));
      }
      challenges.push({ scheme: match[1]?.toLowerCase() === 'digest' ? 'digest' : 'basic', parameters });
    }
  }
  return challenges;
}

/** Whether the camera only says that its nonce has aged, not that the password is wrong. */
export function isStale(challenges: readonly Challenge[]): boolean {
  return challenges.some(({ parameters }) => parameters.get('stale')?.toLowerCase() === 'true');
}

/**
 * @param cnonce injected for tests.
 * @returns the `Authorization` value for the strongest challenge that we can answer; null when there is none.
 */
export function authorize(
  challenges: readonly Challenge[],
  credentials: Credentials,
  method: string,
  uri: string,
  cnonce: string = randomBytes(12).toString('hex'),
): string | null {
  for (const algorithm of ALGORITHMS) {
    const challenge = challenges.find(
      ({ scheme, parameters }) =>
        scheme === 'digest' &&
        (parameters.get('algorithm') ?? 'MD5').toUpperCase() === algorithm.name &&
        canDo(parameters),
    );
    if (challenge) return digest(challenge, algorithm, credentials, method, uri, cnonce);
  }
  if (!challenges.some(({ scheme }) => scheme === 'basic')) return null;
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

function canDo(parameters: ReadonlyMap<string, string>): boolean {
  const qop = parameters.get('qop');
  return qop === undefined || qopOffers(qop).includes('auth');
}

function qopOffers(qop: string): string[] {
  return qop.toLowerCase().split(/[\s,]+/);
}

function digest(
  { parameters }: Challenge,
  algorithm: { hash: string; session: boolean },
  { username, password }: Credentials,
  method: string,
  uri: string,
  cnonce: string,
): string {
  const hash = (text: string): string => createHash(algorithm.hash).update(text).digest('hex');
  const realm = parameters.get('realm') ?? '';
  const nonce = parameters.get('nonce') ?? '';
  const withQop = parameters.has('qop');
  const count = '00000001';
  const secret = hash(`${username}:${realm}:${password}`);
  const first = algorithm.session ? hash(`${secret}:${nonce}:${cnonce}`) : secret;
  const second = hash(`${method}:${uri}`);
  const response = hash(
    withQop ? `${first}:${nonce}:${count}:${cnonce}:auth:${second}` : `${first}:${nonce}:${second}`,
  );
  const parts = [
    `username=${quote(username)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(uri)}`,
    `response="${response}"`,
  ];
  const named = parameters.get('algorithm');
  if (named !== undefined) parts.push(`algorithm=${named}`);
  const opaque = parameters.get('opaque');
  if (opaque !== undefined) parts.push(`opaque=${quote(opaque)}`);
  if (withQop) parts.push('qop=auth', `nc=${count}`, `cnonce="${cnonce}"`);
  else if (algorithm.session) parts.push(`cnonce="${cnonce}"`);
  return `Digest ${parts.join(', ')}`;
}

/** Line ends could begin a header of their own: none come from a parsed challenge, but a password file may hold one. */
function quote(text: string): string {
  return `"${text.replaceAll(/[\r\n]/g, '').replaceAll(/["\\]/g, '\\$&')}"`;
}
