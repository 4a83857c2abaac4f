/** For tests: a cluster of one broker and one member a group, whose answers the test decides. */
import { SessionBus } from '../session/bus.ts';
import type { ClusterEvents } from './attempts.ts';
import { Cluster } from './cluster.ts';
import { CODE } from './codes.ts';
import type { Joined, JoinRequest, KafkaDriver, KafkaLink, ProduceBatch } from './link.ts';
import { type Assignment, encodeAssignment } from './protocol.ts';
import { KafkaSession } from './session.ts';

const BROKER = { id: 1, host: 'broker', port: 9092 };
const FETCH_MS = 20;

export class StandInCluster implements KafkaDriver {
  readonly name = 'platformatic';
  /** Partitions of every topic; those in `leaderless` have none who leads them. */
  partitions = 1;
  readonly leaderless = new Set<string>();
  /** What a member that joins is given; undefined: what it asked for. */
  assignment: Assignment | undefined;
  /** Error code of the next heartbeats, or a promise of one. */
  heartbeat: () => number | Promise<number> = () => CODE.none;
  produce: (batches: readonly ProduceBatch[]) => Promise<number> = async () => CODE.none;
  readonly committed: number[] = [];
  joins = 0;
  #generation = 0;

  bus(events: ClusterEvents = {}): SessionBus {
    const options = { brokers: ['broker:9092'], client: this.name, prefix: '', clientId: 'test' } as const;
    return new SessionBus(new KafkaSession(new Cluster(options, this, events)));
  }

  async connect(): Promise<KafkaLink> {
    const none = { errorCode: CODE.none };
    return {
      isOpen: true,
      metadata: async (topics) => ({
        brokers: [BROKER],
        controller: BROKER.id,
        topics: (topics ?? []).map((name) => ({ name, ...none, partitions: this.#partitions(name) })),
      }),
      initProducer: async () => ({ ...none, identity: { id: 1n, epoch: 0 } }),
      produce: async (batches) => {
        const errorCode = await this.produce(batches);
        return batches.map(({ topic, partition, firstSequence }) => ({
          ...{ topic, partition, errorCode, baseOffset: firstSequence },
        }));
      },
      fetch: async (asked) => {
        await new Promise((resolve) => setTimeout(resolve, FETCH_MS));
        return asked.map(({ topic, partition, offset }) => ({
          ...{ topic, partition, ...none, start: 0, end: offset, next: offset, records: [] },
        }));
      },
      offsets: async (asked) => asked.map((each) => ({ ...each, ...none, offset: 0 })),
      coordinator: async () => ({ ...none, broker: BROKER }),
      groups: async () => [],
      join: (request) => this.#join(request),
      sync: async (_, __, [share]) => ({
        ...none,
        assignment: this.assignment ? encodeAssignment(this.assignment) : (share?.assignment ?? Buffer.alloc(0)),
      }),
      heartbeat: async () => this.heartbeat(),
      leave: async () => CODE.none,
      commit: async (_, positions) => {
        this.committed.push(...positions.map(({ offset }) => offset));
        return positions.map((each) => ({ ...each, ...none }));
      },
      committed: async (_, asked) => asked.map((each) => ({ ...each, ...none, offset: 0 })),
      close: async () => {},
      destroy: () => {},
    };
  }

  #partitions(topic: string) {
    return Array.from({ length: this.partitions }, (_, partition) => {
      const leader = this.leaderless.has(`${topic}/${partition}`) ? -1 : BROKER.id;
      return { partition, leader, errorCode: leader < 0 ? CODE.leaderNotAvailable : CODE.none };
    });
  }

  async #join({ memberId, metadata }: JoinRequest): Promise<Joined> {
    this.joins += 1;
    this.#generation += 1;
    const own = memberId === '' ? `member-${this.joins}` : memberId;
    return {
      ...{ errorCode: CODE.none, memberId: own, generation: this.#generation, leader: own },
      members: [{ memberId: own, metadata }],
    };
  }
}
