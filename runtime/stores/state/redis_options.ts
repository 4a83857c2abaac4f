import { isIP } from 'node:net';
import type { SecretRef } from '../../messages/types.ts';

/** `state.redis` of the site file, resolved. Of `url`, `sentinels` and `cluster_nodes` one is given. */
export interface RedisOptions {
  /** `redis://HOST:PORT/DB`, `rediss://…` for TLS. */
  url: string | null;
  /** Addresses of the Sentinels, written as `url` is; the scheme is that of the servers as well. */
  sentinels: string[];
  sentinel_name: string | null;
  /** Some nodes of a Cluster; the others are learnt from them. */
  cluster_nodes: string[];
  username: SecretRef | null;
  password: SecretRef | null;
  sentinel_password: SecretRef | null;
  tls: { verify: boolean; ca_file: string | null; cert_file: string | null; key_file: string | null };
  /** Of every key. */
  prefix: string;
  /** Closed incidents beyond this many are forgotten, oldest first, before their time. */
  max_incidents: number;
}

export interface RedisAddress {
  host: string;
  port: number;
  tls: boolean;
  /** Number of the database. */
  db: number;
}

/** @returns undefined for what is no address of a Redis server. */
export function redisAddress(url: string, standardPort = 6379): RedisAddress | undefined {
  const found = URL.canParse(url) ? new URL(url) : undefined;
  if (!found || (found.protocol !== 'redis:' && found.protocol !== 'rediss:') || found.hostname === '')
    return undefined;
  const db = /^\/?(\d{0,4})$/.exec(found.pathname)?.[1];
  if (db === undefined || found.search !== '' || found.hash !== '') return undefined;
  return {
    host: found.hostname.replace(/^\[|\]$/g, ''),
    port: found.port === '' ? standardPort : Number(found.port),
    tls: found.protocol === 'rediss:',
    db: Number(db),
  };
}

/** For people and logs: where the store is, without anything secret. */
export function redisPlace({ url, sentinels, sentinel_name, cluster_nodes }: RedisOptions): string {
  const place = (one: string): string => {
    const address = redisAddress(one);
    if (!address) return '?';
    return `${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`;
  };
  if (url !== null) return `redis ${place(url)}`;
  if (sentinels.length > 0) return `redis ${sentinel_name} of sentinels ${sentinels.map(place).join(', ')}`;
  return `redis cluster ${cluster_nodes.map(place).join(', ')}`;
}
