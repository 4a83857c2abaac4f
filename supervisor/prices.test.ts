import { expect, it } from 'vitest';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { tellPrices } from './prices.ts';

const EUROS = { currency: 'EUR', cpu_core_month: 20, memory_gib_month: 0, storage_gb_month: 0.05 };
const POUNDS = { ...EUROS, currency: 'GBP', storage_gb_month: 0.04 };

it('prices are told as the site file has them, and no others', async () => {
  const metrics = new PrometheusMetrics();
  const told = async () =>
    (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith('banksman_price{'));
  tellPrices(metrics, null, null);
  expect(await told()).toEqual([]);
  tellPrices(metrics, null, EUROS);
  expect(await told()).toEqual([
    'banksman_price{resource="cpu_core_month",currency="EUR"} 20',
    'banksman_price{resource="memory_gib_month",currency="EUR"} 0',
    'banksman_price{resource="storage_gb_month",currency="EUR"} 0.05',
  ]);
  tellPrices(metrics, EUROS, POUNDS);
  expect(await told()).toContain('banksman_price{resource="storage_gb_month",currency="GBP"} 0.04');
  expect(await told()).toHaveLength(3);
  tellPrices(metrics, POUNDS, null);
  expect(await told()).toEqual([]);
});
