/** An attempt over anything but HTTP, within its time. */
import { readFile } from 'node:fs/promises';
import { asError, BanksmanError } from '../../../runtime/errors.ts';
import type { Outcome } from '../post.ts';
import type { AdapterAttempt } from './types.ts';

/** What is under way. */
export interface Exchange {
  done: Promise<Outcome>;
  /** Lets go of the connection; called once, however it went. */
  end: () => void;
}

/** @param toOutcome what a failure of `done` means. */
export async function bounded(
  { clock, timeoutMs, signal }: AdapterAttempt,
  begin: () => Exchange,
  toOutcome: (error: Error) => Outcome,
): Promise<Outcome> {
  if (signal.aborted) return { kind: 'abandoned' };
  const over = new AbortController();
  const end = (): void => over.abort();
  signal.addEventListener('abort', end, { once: true });
  const exchange = begin();
  const timeout = clock.sleep(timeoutMs, over.signal).then((): Outcome => {
    if (signal.aborted) return { kind: 'abandoned' };
    return failed('timeout', `not done within ${timeoutMs} ms`);
  });
  const done = exchange.done.catch((error: unknown) => toOutcome(asError(error)));
  try {
    return await Promise.race([done, timeout]);
  } finally {
    signal.removeEventListener('abort', end);
    over.abort();
    exchange.end();
  }
}

export function failed(reason: string, detail: string): Outcome {
  return { kind: 'failed', reason, detail, retryAfterMs: 0 };
}

/** Authorities, PEM, read anew. @throws CONFIG_NOT_FOUND */
export async function authority(path: string | null): Promise<{ ca: Buffer } | undefined> {
  if (path === null) return undefined;
  try {
    return { ca: await readFile(path) };
  } catch {
    throw new BanksmanError('CONFIG_NOT_FOUND', { where: path, message: `the ca_file ${path} cannot be read` });
  }
}

/** The code of a failed connection, as `ECONNREFUSED`; no text, which may hold an address. */
export function codeOf(error: Error): string {
  // nodemailer has its own in front.
  const codes: unknown[] = [Reflect.get(error, 'originalCode'), Reflect.get(error, 'code')];
  return codes.find((code) => typeof code === 'string') ?? error.name;
}

/** Whether it is about TLS: of Node and OpenSSL, or nodemailer's where the server does not offer it. */
export function isTls(code: string): boolean {
  return code === 'ETLS' || /CERT|SIGNATURE|^ERR_(TLS|SSL)/.test(code);
}
