/** The price list of the site file as a metric, so that boards reckon with it and need none of their own. */
import type { Prices } from '../config/schema_prices.ts';
import type { Labels, Metrics } from '../runtime/metrics.ts';

/** @param before what was told until now. */
export function tellPrices(metrics: Metrics, before: Prices | null, now: Prices | null): void {
  for (const [, labels] of seriesOf(before)) metrics.remove('price', labels);
  for (const [value, labels] of seriesOf(now)) metrics.set('price', value, labels);
}

function seriesOf(prices: Prices | null): [value: number, labels: Labels][] {
  if (!prices) return [];
  const { currency, ...values } = prices;
  return Object.entries(values).map(([resource, value]) => [value, { resource, currency }]);
}
