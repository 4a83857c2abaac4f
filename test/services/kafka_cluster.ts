import { Admin } from '@platformatic/kafka';
import { Cluster } from '../../runtime/bus/kafka/cluster.ts';
import { platformaticDriver } from '../../runtime/bus/kafka/driver_platformatic.ts';
import type { Broker } from '../../runtime/bus/kafka/link.ts';
import { freePort } from '../../runtime/ports.ts';
import { until } from '../wait.ts';
import { KafkaServer } from './kafka.ts';

const NODES = 3;
/** Three copies of everything, as a site's own cluster has them; brokers keep their defaults otherwise. */
const COPIES = {
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'min.insync.replicas': '2',
};

/** Three real Kafka nodes on loopback, each broker and controller, that can be killed or frozen one by one. */
export class KafkaCluster {
  #nodes: KafkaServer[] = [];

  async start(): Promise<this> {
    const ports = await Promise.all(Array.from({ length: NODES }, () => freePort()));
    const voters = ports.map((port, index) => `${index + 1}@127.0.0.1:${port}`).join(',');
    this.#nodes = ports.map(
      (controllerPort, index) =>
        new KafkaServer({ properties: COPIES, node: { id: index + 1, controllerPort, voters } }),
    );
    await Promise.all(this.#nodes.map((node) => node.start()));
    return this;
  }

  get addresses(): string[] {
    return this.#nodes.map(({ address }) => address);
  }

  /** By its number, from 1. */
  node(id: number): KafkaServer {
    const node = this.#nodes[id - 1];
    if (!node) throw new Error(`the cluster has no node ${id}`);
    return node;
  }

  /** Who leads the partition now. @param topic as the cluster calls it. */
  leader(topic: string, partition = 0): Promise<KafkaServer> {
    return this.#ask((cluster) => cluster.leader(topic, partition));
  }

  /** @param group as the cluster calls it. */
  coordinator(group: string): Promise<KafkaServer> {
    return this.#ask((cluster) => cluster.coordinator(group));
  }

  /** Waits until every topic of the product has all its copies again. */
  async whole(limitMs: number): Promise<void> {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: this.addresses });
    try {
      await until(
        'all copies',
        async () => {
          const topics = await admin.listTopics({ includeInternals: false });
          const found = (await admin.metadata({ topics, forceUpdate: true })).topics;
          return [...found.values()].every(({ partitions }) => partitions.every(({ isr }) => isr.length === NODES));
        },
        limitMs,
      );
    } finally {
      await admin.close();
    }
  }

  async #ask(question: (cluster: Cluster) => Promise<Broker>): Promise<KafkaServer> {
    const brokers = this.#nodes.filter(({ awake }) => awake).map(({ address }) => address);
    const options = { brokers, client: 'platformatic', prefix: '', clientId: 'test' } as const;
    const cluster = new Cluster(options, platformaticDriver(options));
    try {
      return this.node((await question(cluster)).id);
    } finally {
      cluster.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node[Symbol.asyncDispose]()));
  }
}
