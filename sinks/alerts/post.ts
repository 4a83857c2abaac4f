/** One attempt over HTTP: a connection of its own, no redirect followed, no answer read for longer than needed. */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';

export interface Attempt {
  url: string;
  /** Default POST. */
  method?: 'POST' | 'PUT' | 'GET' | 'PATCH';
  /** Content-Type is JSON where none is given. */
  headers: Readonly<Record<string, string>>;
  body: string | Buffer;
  timeoutMs: number;
  clock: Clock;
  /** Gives up at once; the receiver may have the message nevertheless. */
  signal: AbortSignal;
  /** Ms to wait, where the receiver says so in the body of its answer. */
  retryAfterIn?: (answer: string) => number;
  /** Given the body of an answer that took it. */
  onAnswer?: (answer: string) => void;
}

export type Outcome =
  /** `left`: some of its receivers have it, and why others do not. */
  | { kind: 'delivered'; left?: { reason: string; detail: string } }
  /** No attempt of the same will ever succeed. */
  | { kind: 'refused'; reason: string; detail: string }
  | { kind: 'failed'; reason: string; detail: string; retryAfterMs: number }
  | { kind: 'abandoned' };

/** Client errors that are about the moment, not about the message. */
const PASSING = new Set([408, 425, 429]);
/** A receiver that names a later time is believed up to here. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;
/** The status decides; what comes after it is awaited so that a receiver can finish in order. */
const FINISH_MS = 1_000;
const LONGEST_ANSWER = 4_096;

/** Never rejects. Neither address nor body are in what it returns. */
export async function post(attempt: Attempt): Promise<Outcome> {
  const { clock, timeoutMs, signal } = attempt;
  if (signal.aborted) return { kind: 'abandoned' };
  const over = new AbortController();
  const end = (): void => over.abort();
  signal.addEventListener('abort', end, { once: true });
  const exchange = begin(attempt);
  const timeout = clock.sleep(timeoutMs, over.signal).then((): Outcome => {
    if (signal.aborted) return { kind: 'abandoned' };
    return { kind: 'failed', reason: 'timeout', detail: `no answer within ${timeoutMs} ms`, retryAfterMs: 0 };
  });
  try {
    const first = await Promise.race([exchange.answer, timeout]);
    if ('kind' in first) return first;
    const { retryAfterIn, onAnswer } = attempt;
    const answer = finished(first, retryAfterIn !== undefined || onAnswer !== undefined);
    const text = await Promise.race([answer, clock.sleep(FINISH_MS, over.signal)]);
    const outcome = judge(first, clock.now(), retryAfterIn?.(text ?? '') ?? 0);
    if (outcome.kind === 'delivered') onAnswer?.(text ?? '');
    return outcome;
  } finally {
    signal.removeEventListener('abort', end);
    over.abort();
    exchange.end();
  }
}

function begin({ url, method = 'POST', headers, body }: Attempt): {
  answer: Promise<IncomingMessage | Outcome>;
  end(): void;
} {
  const bytes = Buffer.from(body);
  try {
    const send = new URL(url).protocol === 'https:' ? requestHttps : requestHttp;
    const request = send(url, {
      method,
      // Connections are not kept: a receiver that closes an idle one must not cost an attempt.
      agent: false,
      headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers, 'Content-Length': bytes.length },
    });
    const answer = new Promise<IncomingMessage | Outcome>((resolve) => {
      request.once('response', resolve);
      request.on('error', (error) => resolve(unreachable(error)));
      request.once('close', () => resolve(unreachable(new Error('closed without an answer'))));
    });
    request.end(bytes);
    return { answer, end: () => request.destroy() };
  } catch (error) {
    const outcome: Outcome = { kind: 'refused', reason: 'invalid', detail: codeOf(error) ?? 'not a request' };
    return { answer: Promise.resolve(outcome), end: () => undefined };
  }
}

/** @returns the answer where it is wanted, as far as it is kept. */
function finished(response: IncomingMessage, wanted: boolean): Promise<string> {
  let text = '';
  return new Promise((resolve) => {
    response.once('close', () => resolve(text));
    response.on('error', () => resolve(text));
    response.on('data', (chunk: Buffer) => {
      if (wanted && text.length < LONGEST_ANSWER) text += chunk.toString('latin1');
    });
  });
}

function judge(response: IncomingMessage, nowMs: number, inAnswerMs: number): Outcome {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const reason = `http_${Math.floor(status / 100)}xx`;
  const detail = `HTTP ${status}`;
  if (status >= 400 && status < 500 && !PASSING.has(status)) return { kind: 'refused', reason, detail };
  const asked = Math.max(inAnswerMs, retryAfterMs(response.headers['retry-after'], nowMs));
  return { kind: 'failed', reason, detail, retryAfterMs: Math.min(asked, LONGEST_RETRY_AFTER_MS) };
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3); 0 where there is none. */
export function retryAfterMs(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS);
}

function unreachable(error: unknown): Outcome {
  const detail = codeOf(error) ?? asError(error).message;
  return { kind: 'failed', reason: 'unreachable', detail, retryAfterMs: 0 };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
