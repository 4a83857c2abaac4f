import { createWriteStream } from 'node:fs';
import { stat, truncate } from 'node:fs/promises';
import { type ClientRequest, Agent as HttpAgent, get as httpGet, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, get as httpsGet } from 'node:https';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const MAX_REDIRECTS = 5;

export interface DownloadOptions {
  /** Size that the file has when complete; more than this is never written. */
  bytes: number;
  /** No byte for this long: give up. */
  stallMs: number;
  onProgress: (received: number) => void;
  signal?: AbortSignal;
}

/** Why a download did not end well; `retryable` says whether the same again may. */
export class DownloadError extends Error {
  readonly retryable: boolean;

  constructor(message: string, retryable: boolean, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'DownloadError';
    this.retryable = retryable;
  }
}

/**
 * Downloads to `path`, going on where an earlier attempt stopped (Range) if the server can.
 * Proxies as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say.
 * @throws DownloadError
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  const had = await stat(path).then(
    (file) => file.size,
    () => 0,
  );
  if (had > options.bytes) await truncate(path, 0);
  const from = had > options.bytes ? 0 : had;
  if (from === options.bytes) return;

  const response = await request(url, from, options);
  const resumed = response.statusCode === 206 && response.headers['content-range']?.startsWith(`bytes ${from}-`);
  let received = resumed ? from : 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      if (received > options.bytes) return done(new DownloadError(`more than ${options.bytes} bytes came`, false));
      options.onProgress(received);
      done(null, chunk);
    },
  });
  const file = createWriteStream(path, { flags: resumed ? 'a' : 'w' });
  try {
    await pipeline(response, limit, file, options.signal ? { signal: options.signal } : {});
  } catch (cause) {
    if (cause instanceof DownloadError) throw cause;
    throw new DownloadError(`the connection broke after ${received} bytes (${reason(cause)})`, true, cause);
  }
}

/** Follows redirects; resolves with a 200 or 206. */
async function request(url: string, from: number, options: DownloadOptions): Promise<IncomingMessage> {
  let at = new URL(url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await send(at, from, options);
    const { statusCode = 0, headers } = response;
    if (statusCode === 200 || statusCode === 206) return response;
    response.destroy();
    if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
      at = new URL(headers.location, at);
      if (at.protocol !== 'http:' && at.protocol !== 'https:') break;
    } else {
      throw new DownloadError(
        `${at.host} answered ${statusCode}`,
        statusCode >= 500 || statusCode === 408 || statusCode === 429,
      );
    }
  }
  throw new DownloadError('too many redirects', false);
}

function send(url: URL, from: number, { stallMs, signal }: DownloadOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const agent = secure ? new HttpsAgent({ proxyEnv: process.env }) : new HttpAgent({ proxyEnv: process.env });
    const options = {
      agent,
      headers: { 'user-agent': 'banksman', ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
      ...(signal ? { signal } : {}),
    };
    const outgoing: ClientRequest = (secure ? httpsGet : httpGet)(url, options, resolve);
    outgoing.setTimeout(stallMs, () => outgoing.destroy(new Error(`nothing came for ${stallMs / 1000} s`)));
    outgoing.on('error', (cause) => {
      reject(new DownloadError(`${url.host}: ${reason(cause)}`, true, cause));
    });
  });
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
