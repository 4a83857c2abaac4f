import { BanksmanError } from '../../errors.ts';
import type { TopicPartition } from '../types.ts';
import type { Cluster } from './cluster.ts';
import { CODE, isStale } from './codes.ts';
import { codeError } from './errors.ts';
import type { Broker, KafkaLink, OffsetAnswer } from './link.ts';

/**
 * Offsets of partitions at a time (`EARLIEST`, `LATEST` or epoch milliseconds; -1 where nothing is that late),
 * each asked of its leader. Tries until all have answered.
 */
export function offsetsAt(cluster: Cluster, partitions: readonly TopicPartition[], time: number) {
  return cluster.persist(async () => {
    const asked = await Promise.all(
      partitions.map(async (each) => ({ ...each, time, broker: await cluster.leader(each.topic, each.partition) })),
    );
    const answers = await Promise.all(
      [...Map.groupBy(asked, ({ broker }) => broker.id).values()].map(async (queries) => {
        const [first] = queries;
        if (!first) return [];
        try {
          return await (await cluster.link(first.broker, 'control')).offsets(queries);
        } catch (error) {
          // Another may lead by now.
          for (const { topic } of queries) cluster.forget(topic);
          throw error;
        }
      }),
    );
    const all = answers.flat();
    for (const { topic, errorCode } of all) {
      if (isStale(errorCode)) cluster.forget(topic);
      if (errorCode !== CODE.none) throw codeError(errorCode, topic);
    }
    return all;
  });
}

/** Asks the coordinator of a group; whoever it is now. */
export class Coordinator {
  readonly #cluster: Cluster;
  readonly #group: string;
  #broker: Broker | undefined;

  constructor(cluster: Cluster, group: string) {
    this.#cluster = cluster;
    this.#group = group;
  }

  async link(purpose: string): Promise<KafkaLink> {
    this.#broker ??= await this.#cluster.coordinator(this.#group);
    try {
      return await this.#cluster.link(this.#broker, purpose);
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  forget(): void {
    this.#broker = undefined;
  }

  /** Of the group; -1 where nothing was committed. */
  committed(partitions: readonly TopicPartition[]): Promise<OffsetAnswer[]> {
    return this.#cluster.persist(async () => {
      const answers = await (await this.#fresh()).committed(this.#group, partitions);
      for (const { errorCode, topic } of answers) this.check(errorCode, topic);
      return answers;
    });
  }

  /** @throws BanksmanError what the code means; the coordinator is looked for again. */
  check(errorCode: number, where: string): void {
    if (errorCode === CODE.none) return;
    this.forget();
    throw codeError(errorCode, where);
  }

  async #fresh(): Promise<KafkaLink> {
    const link = await this.link('control');
    if (!link.isOpen) throw new BanksmanError('BUS_UNREACHABLE', { where: this.#group });
    return link;
  }
}
