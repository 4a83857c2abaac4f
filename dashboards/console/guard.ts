import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Metrics } from '../../runtime/metrics.ts';
import type { AppEnv } from './access/access.ts';
import type { Client } from './access/client.ts';

const LOOPBACK_NAMES = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/i;
/** Probes call by address. */
const PROBES = new Set(['/healthz', '/readyz']);

export interface GuardOptions {
  metrics: Metrics;
  clientOf: (c: Context) => Client;
  hasAccounts: boolean;
  /** Names beside those of this machine; empty, with accounts: any. */
  hosts: readonly string[];
  /** This server speaks TLS itself. */
  tls: boolean;
}

/**
 * What must not reach the console is another site's page in the user's browser. Without accounts the
 * Host must be a loopback name (against rebinding of DNS names); with accounts a rebound name brings no
 * session along, so there the names are listed only where somebody wants them to be. A request that changes
 * something must be JSON and come from this origin. Counts requests by route.
 */
export function guard({ metrics, clientOf, hasAccounts, hosts, tls }: GuardOptions): MiddlewareHandler<AppEnv> {
  const names = new Set(hosts.map((host) => host.toLowerCase()));
  const answersTo = (host: string): boolean => {
    if (LOOPBACK_NAMES.test(host)) return true;
    if (names.size === 0) return hasAccounts;
    const lower = host.toLowerCase();
    return names.has(lower) || names.has(lower.replace(/:\d+$/, ''));
  };
  return async (c, next) => {
    const client = clientOf(c);
    c.set('client', client);
    if (!answersTo(client.host) && !PROBES.has(c.req.path)) {
      const only = hasAccounts ? 'names of console.hosts and this machine' : 'loopback names';
      return c.json({ error: `the console answers on ${only} only` }, 403);
    }
    const { method } = c.req;
    if (method !== 'GET' && method !== 'HEAD') {
      const origin = c.req.header('origin');
      if (origin !== undefined && !isOwn(origin, client, tls)) return c.json({ error: 'foreign origin' }, 403);
      const type = c.req.header('content-type') ?? '';
      if (method === 'POST' && !type.startsWith('application/json')) {
        return c.json({ error: 'send application/json' }, 415);
      }
    }
    await next();
    c.header('x-content-type-options', 'nosniff');
    c.header('referrer-policy', 'same-origin');
    metrics.inc('http_requests_total', { route: routePath(c, -1), status: String(c.res.status) });
    return undefined;
  };
}

/** A proxy may speak HTTPS to the browser and HTTP to us; with TLS of our own the scheme is known. */
function isOwn(origin: string, { host, secure }: Client, tls: boolean): boolean {
  if (origin === `https://${host}`) return true;
  return !tls && !secure && origin === `http://${host}`;
}
