import { isIP } from 'node:net';
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

/** A certificate is asked for by name; an address is none (RFC 6066), and Node says so at each connection. */
export const hasName = (host: string): boolean => isIP(host) === 0;
