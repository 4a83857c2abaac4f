import { type FetchedRecord, type Headers, NO_HEADERS } from '../session/session.ts';

/** Of one record as it came: names and values are UTF-8 text in everything that banksman writes. */
export function decodeHeaders(entries: readonly (readonly [Buffer | null, Buffer | null])[]): Headers {
  if (entries.length === 0) return NO_HEADERS;
  const headers: Record<string, string> = {};
  for (const [name, value] of entries) if (name) headers[name.toString()] = value?.toString() ?? '';
  return headers;
}

/** What a record takes, roughly as a broker counts it. */
export function bytesOf({ key, headers, value }: Pick<FetchedRecord, 'key' | 'headers' | 'value'>): number {
  let bytes = 32 + key.length + (value?.length ?? 0);
  if (typeof headers === 'string') return bytes + headers.length;
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0) + 4;
  return bytes;
}
