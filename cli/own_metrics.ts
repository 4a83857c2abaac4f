import type { SiteConfig } from '../config/site.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { PrometheusMetrics } from '../runtime/prometheus.ts';
import { MetricsServer } from '../supervisor/metrics_server.ts';
import { tellPrices } from '../supervisor/prices.ts';
import { ownBind } from './own_bind.ts';

/** Several roles of a fleet on one machine cannot have the one address of the site file. */
const BIND = 'BANKSMAN_METRICS_BIND';

/**
 * A role of a fleet answers `/metrics`, `/healthz` and `/readyz` itself; under `up`, and beside one, the supervisor
 * does, unless the environment gives the role an address.
 * @returns the components with what serves these around them: alive before the first starts, ready after the last.
 * @throws BanksmanError USAGE for an address that is none.
 */
export function withOwnMetrics(
  components: Component[],
  {
    config,
    supervised,
    metrics,
    clock,
  }: { config: SiteConfig; supervised: boolean; metrics: PrometheusMetrics; clock: Clock },
): Component[] {
  if (supervised) return components;
  const own = ownBind(BIND);
  if (!own && config.bus.type === 'local') return components;
  const bind = own ?? config.metrics.bind;
  // Under a supervisor it is the one that tells them, and hears of others.
  tellPrices(metrics, null, config.prices);
  let ready = false;
  const server = new MetricsServer({
    bind,
    open: config.metrics.open,
    fleetToken: config.fleet.token,
    clock,
    collect: async () => [await Array.fromAsync(metrics.slices())],
    ready: () => ready,
  });
  const mark: Component = {
    name: 'ready',
    start: async () => {
      ready = true;
    },
    stop: async () => {
      ready = false;
    },
  };
  return [server, ...components, mark];
}
