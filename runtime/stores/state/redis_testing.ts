import type { RedisOptions } from './redis_options.ts';

/** For tests: a plain connection, with what matters overridden. */
export function redisOptions(over: Partial<RedisOptions>): RedisOptions {
  return {
    url: null,
    sentinels: [],
    sentinel_name: null,
    cluster_nodes: [],
    username: null,
    password: null,
    sentinel_password: null,
    tls: { verify: true, ca_file: null, cert_file: null, key_file: null },
    prefix: 'banksman:yard',
    max_incidents: 100_000,
    ...over,
  };
}
