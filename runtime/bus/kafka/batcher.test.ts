import { expect, it } from 'vitest';
import { until } from '../../../test/wait.ts';
import { CODE } from './codes.ts';
import { StandInCluster } from './testing.ts';

it('what is taken back is not sent if it is not on its way, and holds nobody up', { timeout: 120_000 }, async () => {
  const cluster = new StandInCluster();
  const answers = Promise.withResolvers<number>();
  const sent: string[] = [];
  cluster.produce = (batches) => {
    sent.push(...batches.flatMap(({ records }) => records.map(({ value }) => String(value))));
    return answers.promise;
  };
  const bus = cluster.bus();
  const producer = bus.producer();
  const over = new AbortController();
  const send = (value: string, signal?: AbortSignal) =>
    producer.send('tracks.v1', { key: 'yard/gate', value: Buffer.from(value) }, signal);
  const first = send('on its way', over.signal);
  await until('the first to be sent', () => sent.length === 1);
  const waiting = send('waiting', over.signal);
  const other = send('of another');
  over.abort();
  await expect(first).rejects.toMatchObject({
    code: 'BUS_UNREACHABLE',
    message: expect.stringContaining('taken back'),
  });
  await expect(waiting).rejects.toThrow('taken back');
  await expect(send('too late', over.signal)).rejects.toThrow('taken back');
  answers.resolve(CODE.none);
  await other;
  expect(sent).toEqual(['on its way', 'of another']);
  await bus.close();
});
