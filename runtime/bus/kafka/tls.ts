import type { ConnectionOptions } from 'node:tls';
import type { KafkaTls } from './link.ts';

/** As Node's tls takes it. */
export function toTls({ ca, cert, key, verify }: KafkaTls): ConnectionOptions {
  return {
    rejectUnauthorized: verify,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
