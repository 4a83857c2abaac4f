import { expect, it } from 'vitest';
import { type BusAddress, lean } from './open.ts';

it('gives processes of cameras the client that starts quickest, and changes nothing else', () => {
  const topics = { partitions: 4, replication: 1, frames_max_age_s: 300, frames_max_bytes: 1e8 };
  const kafka = {
    brokers: ['kafka-1:9092'],
    client: 'platformatic',
    prefix: 'b.',
    tls: null,
    sasl: null,
    topics,
  } as const;
  expect(lean({ type: 'kafka', kafka })).toEqual({ type: 'kafka', kafka: { ...kafka, client: 'kafkajs' } });
  const local: BusAddress = { type: 'local', socket: '/run/bus.sock' };
  expect(lean(local)).toBe(local);
});
