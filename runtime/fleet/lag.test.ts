import { expect, it } from 'vitest';
import { until } from '../../test/wait.ts';
import { openMemoryBus } from '../bus/local/memory.ts';
import { FakeClock } from '../clock.ts';
import { silentLogger } from '../log.ts';
import { PrometheusMetrics } from '../prometheus.ts';
import { LagWatch } from './lag.ts';

it('tells how many records each group has not acknowledged, over all partitions, and again every 10 s', async () => {
  const bus = openMemoryBus();
  const clock = new FakeClock();
  const metrics = new PrometheusMetrics();
  const producer = bus.producer();
  const send = (key: string) => producer.send('incidents.v1', { key, value: Buffer.from('{}') });
  for (const key of ['yard/a', 'yard/b', 'yard/c']) await send(key);
  let taken = 0;
  const consumer = bus.consumer(
    'slow',
    ['incidents.v1'],
    async (delivery) => {
      taken += 1;
      if (taken === 1) delivery.ack();
    },
    { from: 'earliest' },
  );
  await consumer.start();
  await until('all to be taken', () => taken === 3);
  await until('one to be committed', async () => (await bus.lag()).reduce((sum, { lag }) => sum + lag, 0) === 2);

  const watch = new LagWatch({ bus, clock, metrics, log: silentLogger });
  await watch.start();
  const told = async (records: number) =>
    (await metrics.registry.metrics()).includes(
      `banksman_bus_lag_records{group="slow",topic="incidents.v1"} ${records}\n`,
    );
  await until('two', () => told(2));
  await send('yard/a');
  await until('three', async () => {
    await clock.advance(1_000);
    return told(3);
  });
  await watch.stop();
  await consumer.stop();
  await bus.close();
  expect(await told(3)).toBe(true);
});
