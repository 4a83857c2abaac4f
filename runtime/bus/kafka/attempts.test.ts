import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { until } from '../../../test/wait.ts';
import type { BanksmanError } from '../../errors.ts';
import { type Attempts, Troubles } from './attempts.ts';
import { Cluster } from './cluster.ts';
import { CODE } from './codes.ts';
import { codeError } from './errors.ts';
import { StandInCluster } from './testing.ts';

const real = performance.now.bind(performance);
let ahead = 0;
beforeEach(() => {
  ahead = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => real() + ahead);
});
afterEach(() => vi.restoreAllMocks());

function listened() {
  const told: string[] = [];
  return {
    told,
    events: {
      onTrouble: ({ where, message }: BanksmanError) => told.push(`${where}: ${message}`),
      onHealed: () => told.push('healed'),
    },
  };
}

describe('with one partition that has no leader', { timeout: 120_000 }, () => {
  const NO_LEADER = 'tracks.v1: partition 1 has no leader';

  it('its reader is told of, though the others read on, and when it is over', async () => {
    const cluster = new StandInCluster();
    cluster.partitions = 2;
    cluster.leaderless.add('tracks.v1/1');
    const { told, events } = listened();
    const bus = cluster.bus(events);
    const read = (partition: number) => bus.read('tracks.v1', partition, 0);
    const waiting = read(1);
    await until('it to be told', async () => {
      await read(0);
      return told.length > 0;
    });
    cluster.leaderless.clear();
    await waiting;
    expect(told).toEqual([NO_LEADER, 'healed']);
    await bus.close();
  });

  it('its sender is told of, though the others send on', async () => {
    const cluster = new StandInCluster();
    cluster.partitions = 2;
    cluster.leaderless.add('tracks.v1/1');
    const { told, events } = listened();
    const bus = cluster.bus(events);
    const producer = bus.producer();
    const sent: number[] = [];
    for (let key = 0; key < 20; key++) {
      producer.send('tracks.v1', { key: String(key), value: null }).then(
        ({ partition }) => sent.push(partition),
        () => undefined,
      );
    }
    await until('it to be told', async () => {
      await bus.read('tracks.v1', 0, 0);
      return told.length > 0 && sent.length > 0;
    });
    expect(new Set(sent)).toEqual(new Set([0]));
    cluster.leaderless.clear();
    await until('the rest to be sent', () => sent.length === 20);
    expect(told).toEqual([NO_LEADER, 'healed']);
    await bus.close();
  });

  it('a frame for it is given up when it is too old', async () => {
    const cluster = new StandInCluster();
    cluster.leaderless.add('frames.v1/0');
    const bus = cluster.bus();
    const sent = bus.producer().send('frames.v1', { key: 'a', value: null });
    const outcome = sent.then(
      () => 'sent',
      ({ message }: Error) => message,
    );
    ahead = 6_000;
    expect(await outcome).toBe('not sent in time');
    await bus.close();
  });

  it('who gives up waiting says nothing of an end', async () => {
    const cluster = new StandInCluster();
    cluster.leaderless.add('tracks.v1/0');
    const { told, events } = listened();
    const bus = cluster.bus(events);
    const waiting = bus.read('tracks.v1', 0, 0).catch(() => undefined);
    await until('it to be told', () => told.length > 0);
    await bus.close();
    await waiting;
    expect(told).toEqual(['tracks.v1: partition 0 has no leader']);
  });
});

it('a place is spoken of once in half a minute, however much of it fails', () => {
  const { told, events } = listened();
  const troubles = new Troubles(events);
  const cluster = new Cluster(
    { brokers: ['b:1'], client: 'platformatic', prefix: '', clientId: 'test' },
    new StandInCluster(),
  );
  const failing: Attempts[] = Array.from({ length: 50 }, () => cluster.attempts({ minMs: 1, maxMs: 1 }));
  const fail = (atMs: number) => {
    ahead = atMs;
    for (const [index, attempts] of failing.entries()) {
      troubles.failed(attempts, codeError(CODE.notLeader, index < 25 ? 'tracks.v1' : 'rules.v1'));
    }
  };
  fail(0);
  fail(1_000);
  expect(told).toEqual([]);
  for (const atMs of [3_000, 10_000, 20_000, 30_000]) fail(atMs);
  expect(told.map((line) => line.split(':')[0])).toEqual(['tracks.v1', 'rules.v1']);
  fail(34_000);
  expect(told).toHaveLength(4);
  for (const attempts of failing) troubles.ended(attempts, true);
  expect(told.slice(4)).toEqual(['healed']);
});
