import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Metrics } from '../../runtime/metrics.ts';

const LOOPBACK_NAMES = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/;

/**
 * The console is open on loopback without accounts, so what must not reach it is another site's page
 * in the user's browser: the Host must be a loopback name (against rebinding of DNS names), and a
 * request that changes something must be JSON and come from this origin. Counts requests by route.
 */
export function guard(metrics: Metrics): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header('host') ?? '';
    if (!LOOPBACK_NAMES.test(host)) return c.json({ error: 'the console answers on loopback names only' }, 403);
    const { method } = c.req;
    if (method !== 'GET' && method !== 'HEAD') {
      const origin = c.req.header('origin');
      if (origin !== undefined && origin !== `http://${host}`) return c.json({ error: 'foreign origin' }, 403);
      const type = c.req.header('content-type') ?? '';
      if (method === 'POST' && !type.startsWith('application/json')) {
        return c.json({ error: 'send application/json' }, 415);
      }
    }
    await next();
    c.header('x-content-type-options', 'nosniff');
    metrics.inc('http_requests_total', { route: routePath(c, -1), status: String(c.res.status) });
  };
}
