import { afterEach, describe, expect, it, vi } from 'vitest';
import { until } from '../../../test/wait.ts';
import type { SessionBus } from '../session/bus.ts';
import type { Consumer, Tenure } from '../types.ts';
import { CODE } from './codes.ts';
import { StandInCluster } from './testing.ts';

let bus: SessionBus | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await bus?.close();
});

interface Seen {
  consumer: Consumer;
  tenures: Tenure[];
  /** Whether the tenure was over when its partitions were let go of. */
  released: boolean[];
}

async function member(cluster: StandInCluster, onRevoked?: () => Promise<void>): Promise<Seen> {
  bus = cluster.bus();
  const tenures: Tenure[] = [];
  const released: boolean[] = [];
  const consumer = bus.consumer('g', ['tracks.v1'], () => {}, {
    onAssigned: (_, tenure) => void tenures.push(tenure),
    onRevoked: () => {
      released.push(tenures.at(-1)?.over.aborted === true);
      return onRevoked?.();
    },
  });
  await consumer.start();
  return { consumer, tenures, released };
}

const LATER_MS = 7_000;
const NOTHING = { partitions: [], complete: true };

describe('a member of a group', { timeout: 120_000 }, () => {
  it('that lets go in good order holds its partitions until it has', async () => {
    const cluster = new StandInCluster();
    const { tenures, released } = await member(cluster);
    await until('it to be sure', () => tenures[0]?.isSure);
    cluster.assignment = NOTHING;
    cluster.heartbeat = () => CODE.rebalanceInProgress;
    await until('it to let go', () => released.length > 0);
    expect(released).toEqual([false]);
  });

  it.each(['unknownMember', 'illegalGeneration'] as const)(
    'that the group went on without (%s) is told so first, and begins anew',
    async (code) => {
      const cluster = new StandInCluster();
      const { tenures, released } = await member(cluster);
      cluster.heartbeat = () => {
        cluster.heartbeat = () => CODE.none;
        return CODE[code];
      };
      await until('it to have joined again', () => tenures.length === 2);
      expect(released).toEqual([true]);
      await until('it to be sure again', () => tenures[1]?.isSure);
      expect(tenures[0]?.isSure).toBe(false);
    },
  );

  it('is not sure of anything once nothing was heard of it for a session, until it is', async () => {
    const cluster = new StandInCluster();
    const { tenures, released } = await member(cluster);
    const answer = Promise.withResolvers<number>();
    let asked = false;
    cluster.heartbeat = () => {
      asked = true;
      return answer.promise;
    };
    await until('it to ask', () => asked);
    // Stopped and waking up: its clock says so before anybody else does.
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + LATER_MS);
    expect(tenures[0]?.isSure).toBe(false);
    answer.resolve(CODE.none);
    await until('it to be sure again', () => tenures[0]?.isSure);
    expect(released).toEqual([]);
  });

  it('that is found dead while it lets go is told so at once, and lets go of the rest', async () => {
    const cluster = new StandInCluster();
    cluster.partitions = 2;
    const letGo = Promise.withResolvers<void>();
    const { tenures } = await member(cluster, () => letGo.promise);
    cluster.assignment = { partitions: [{ topic: 'tracks.v1', partition: 0 }], complete: true };
    let beats = 0;
    cluster.heartbeat = () => (beats++ === 0 ? CODE.rebalanceInProgress : CODE.unknownMember);
    await until('it to be told', () => tenures[0]?.over.aborted);
    cluster.heartbeat = () => CODE.none;
    letGo.resolve();
    // The partition that stayed its own is another tenure's as well.
    await until('it to have it anew', () => tenures.length === 2);
    await until('it to be sure again', () => tenures[1]?.isSure);
  });

  it('leaves though it is asked to let go at the same moment', async () => {
    const cluster = new StandInCluster();
    const letGo = Promise.withResolvers<void>();
    const { consumer, released, tenures } = await member(cluster, () => letGo.promise);
    const stopping = consumer.stop();
    cluster.assignment = NOTHING;
    const joins = cluster.joins;
    cluster.heartbeat = () => CODE.rebalanceInProgress;
    await until('it to have joined again', () => cluster.joins > joins);
    letGo.resolve();
    await stopping;
    expect(released).toEqual([false]);
    expect(tenures[0]?.isSure).toBe(false);
  });
});
