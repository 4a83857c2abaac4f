/** What the site file may say about addresses. Nothing here ever returns or throws the text of a refused URL. */

/** @returns undefined where it is no absolute URL. */
function parsed(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}

const SECRET_PARAMETER = /(?:^|[^a-z])(?:password|passwd|pwd|pass)=[^&;/$]/i;

/**
 * Whether user info or a password parameter stands in a URL. Also where it does not parse: passwords
 * hold `#`, `/` and `@`, so everything between `//` and an `@` is suspected then.
 */
export function urlHoldsSecret(url: string): boolean {
  const found = parsed(url);
  if (SECRET_PARAMETER.test(url)) return true;
  if (!found) return /\/\/.*@/.test(url);
  if (found.username !== '' || found.password !== '') return true;
  // user:123#word@host parses as host `user`, port 123.
  return found.hash.includes('@');
}

export function isRtspUrl(url: string): boolean {
  const found = parsed(url);
  return (
    found !== undefined &&
    (found.protocol === 'rtsp:' || found.protocol === 'rtsps:') &&
    found.hostname !== '' &&
    !/[\s{}]/.test(url)
  );
}

export function isHttpUrl(url: string): boolean {
  const found = parsed(url);
  return found !== undefined && (found.protocol === 'http:' || found.protocol === 'https:') && !/[\s{}]/.test(url);
}

/** One spelling for one stream: scheme and host in lower case, default port left out, no trailing slash or fragment. */
export function normalizeStreamUrl(url: string): string {
  const found = parsed(url);
  if (!found) return url.trim();
  const standardPort = found.protocol === 'rtsps:' ? '322' : '554';
  const port = found.port === '' || found.port === standardPort ? '' : `:${found.port}`;
  const path = found.pathname.replace(/\/+$/, '');
  return `${found.protocol}//${found.hostname.toLowerCase()}${port}${path}${found.search}`;
}
