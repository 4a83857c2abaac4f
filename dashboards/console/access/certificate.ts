import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type Server as TlsServer } from 'node:tls';
import type { Clock } from '../../../runtime/clock.ts';
import { asError, BanksmanError } from '../../../runtime/errors.ts';
import type { Logger } from '../../../runtime/log.ts';
import type { Metrics } from '../../../runtime/metrics.ts';

export interface Pair {
  cert: string;
  key: string;
}

/** Certificates are renewed weeks before they end. */
const LOOK_MS = 60_000;

/** @throws BanksmanError CONFIG_TLS, naming the file. */
export async function readPair(files: { cert_file: string; key_file: string }): Promise<Pair> {
  const read = (key: 'cert_file' | 'key_file'): Promise<string> =>
    readFile(files[key], 'utf8').catch((cause: unknown) => {
      const missing = Reflect.get(asError(cause), 'code') === 'ENOENT';
      const message = missing ? 'there is no such file' : 'the file cannot be read';
      throw new BanksmanError('CONFIG_TLS', { where: `console.tls.${key} ${files[key]}`, message });
    });
  const [cert, key] = await Promise.all([read('cert_file'), read('key_file')]);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    // The reason of OpenSSL (`key values mismatch`) holds nothing of the key.
    const reason = Reflect.get(asError(cause), 'reason');
    const message = typeof reason === 'string' ? `certificate and key cannot be used: ${reason}` : undefined;
    const where = `console.tls ${files.cert_file}, ${files.key_file}`;
    throw new BanksmanError('CONFIG_TLS', { where, cause, ...(message === undefined ? {} : { message }) });
  }
  return { cert, key };
}

/** When what browsers are shown ends; of a chain its first certificate, which is the server's own. */
function measureEnd({ cert }: Pair, metrics: Metrics): void {
  const end = Date.parse(new X509Certificate(cert).validTo) / 1_000;
  metrics.set('certificate_end_timestamp_seconds', end, { certificate: 'console' });
}

/** Gives a renewed certificate to a running server, until `signal`. One that cannot be used is said once. */
export async function followPair(
  files: { cert_file: string; key_file: string },
  server: TlsServer,
  before: Pair,
  { clock, log, metrics, signal }: { clock: Clock; log: Logger; metrics: Metrics; signal: AbortSignal },
): Promise<void> {
  let active = before;
  measureEnd(active, metrics);
  let refused = '';
  while (!signal.aborted) {
    await clock.sleep(LOOK_MS, signal);
    if (signal.aborted) return;
    try {
      const pair = await readPair(files);
      refused = '';
      if (pair.cert === active.cert && pair.key === active.key) continue;
      server.setSecureContext(pair);
      active = pair;
      measureEnd(active, metrics);
      log.info('a renewed certificate is in use');
    } catch (thrown) {
      const why = asError(thrown).message;
      if (why !== refused) log.error({ why }, 'the renewed certificate was refused; the one before stays in use');
      refused = why;
    }
  }
}
