import { BanksmanError } from '../../errors.ts';

const MAX_KEY = 900;
const MAX_SEGMENT = 200;
const SEGMENT = /^[A-Za-z0-9_@:+=,-][A-Za-z0-9_.@:+=,-]*$/;

/**
 * Keys are segments of plain ASCII with `/` between. No segment begins with a dot: that keeps `..`
 * out and leaves names for the store's own files.
 * @throws BanksmanError USAGE
 */
export function assertKey(key: string): void {
  if (!isKey(key))
    throw new BanksmanError('USAGE', { message: `not an object key: ${JSON.stringify(key.slice(0, 200))}` });
}

/** What lies in a shared place may have names that are none of ours. */
export function isKey(key: string): boolean {
  if (key.length === 0 || key.length > MAX_KEY) return false;
  return key.split('/').every((part) => part.length <= MAX_SEGMENT && SEGMENT.test(part));
}

/** A name that people chose, as one segment of a key; different names stay different. */
export function keySegment(name: string): string {
  return encodeURIComponent(name)
    .replace(/[~!*'()]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%', '=')
    .replace(/^\./, '=2E');
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  png: 'image/png',
  json: 'application/json',
  mp4: 'video/mp4',
};

/** By the key's ending. */
export function contentTypeOf(key: string): string {
  return CONTENT_TYPES[key.slice(key.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
}
