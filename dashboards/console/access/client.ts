import { BlockList, isIPv6 } from 'node:net';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';

/** Where a request comes from and under which address it was sent. */
export interface Client {
  address: string;
  /** Host and port, as the browser wrote them. */
  host: string;
  secure: boolean;
}

export interface ClientOptions {
  /** Addresses or ranges; only what they say of the client is believed. */
  trustedProxies: readonly string[];
  /** This server speaks TLS itself. */
  tls: boolean;
}

/** @returns reads who asks; of a trusted proxy's `X-Forwarded-*` the last entry, which the proxy itself wrote. */
export function clientReader({ trustedProxies, tls }: ClientOptions): (c: Context) => Client {
  const trusted = new BlockList();
  for (const range of trustedProxies) {
    const [address = '', bits] = range.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  const isTrusted = (address: string): boolean => trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  return (c) => {
    const peer = plain(getConnInfo(c).remote.address ?? '');
    const direct = { address: peer, host: c.req.header('host') ?? '', secure: tls };
    if (!isTrusted(peer)) return direct;
    const hops = listed(c.req.header('x-forwarded-for')).map(plain);
    const address = hops.findLast((hop) => !isTrusted(hop)) ?? peer;
    const proto = listed(c.req.header('x-forwarded-proto')).at(-1);
    const host = listed(c.req.header('x-forwarded-host')).at(-1);
    return {
      address,
      host: host ?? direct.host,
      secure: proto === undefined ? direct.secure : proto.toLowerCase() === 'https',
    };
  };
}

const listed = (header: string | undefined): string[] =>
  (header ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** IPv4 in IPv6 as IPv4; without port, brackets or zone. */
function plain(address: string): string {
  const bare = address.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  return bare.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}
