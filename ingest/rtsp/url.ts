import { BanksmanError } from '../../runtime/errors.ts';
import type { Credentials } from '../ipc.ts';

export interface RtspUrl {
  tls: boolean;
  host: string;
  port: number;
  /** As given, without user info: what goes into requests. */
  uri: string;
  /** `host:port`, for messages: paths of some cameras hold passwords. */
  where: string;
  /** From the user info, percent-decoded. */
  credentials: Credentials | null;
}

const MAX_LENGTH = 2_048;
// User info ends at the last @ before the path, because passwords hold @.
const SHAPE = /^(rtsps?):\/\/(?:([^/?]*)@)?(\[[0-9a-f:.]+\]|[^@:/?#[\]\s]+)(?::(\d{1,5}))?([/?][^\s#]*)?$/i;

/** @throws BanksmanError RTSP_BAD_URL, which never repeats what was given: it may hold a password. */
export function parseRtspUrl(text: string): RtspUrl {
  const match = text.length <= MAX_LENGTH && isPrintable(text) ? SHAPE.exec(text) : null;
  const [, scheme = '', userInfo, host = '', portText, path = ''] = match ?? [];
  if (!match) throw new BanksmanError('RTSP_BAD_URL', { message: whatIsWrong(text) });
  const tls = scheme.toLowerCase() === 'rtsps';
  const port = portText === undefined ? (tls ? 322 : 554) : Number(portText);
  if (port < 1 || port > 65_535) throw new BanksmanError('RTSP_BAD_URL', { message: `no such port: ${port}` });
  return {
    tls,
    host: host.startsWith('[') ? host.slice(1, -1) : host,
    port,
    uri: `${scheme.toLowerCase()}://${host}${portText === undefined ? '' : `:${portText}`}${path || '/'}`,
    where: `${host}:${port}`,
    credentials: userInfo === undefined ? null : parseUserInfo(userInfo),
  };
}

function isPrintable(text: string): boolean {
  // Controls would end a request line early.
  return [...text].every((character) => character > ' ' && character !== '\x7f');
}

function whatIsWrong(text: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme && !/^rtsps?$/i.test(scheme)) return `${scheme.slice(0, 20)}:// is not RTSP`;
  if (!scheme) return 'the URL does not begin with rtsp:// or rtsps://';
  return 'the URL is not of the form rtsp://HOST:PORT/PATH';
}

function parseUserInfo(text: string): Credentials {
  const colon = text.indexOf(':');
  const [user, password] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  return { username: decode(user), password: decode(password) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A password with a bare % is taken as it stands.
    return text;
  }
}
