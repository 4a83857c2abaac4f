import type { Message, TopicPartition } from '../../runtime/bus/types.ts';
import type { Taken, TakenNext } from '../../runtime/stores/state/types.ts';

/** How far this sink has brought each partition that it was given into the store. */
export class Ledger {
  readonly #taken = new Map<string, Taken>();
  #turn: Promise<unknown> = Promise.resolve();

  /** One at a time: writes that move it, and looks that compare it with the store. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** `committed`: offset that the group reads next. */
  assigned({ topic, partition }: TopicPartition, committed: number): void {
    this.#taken.set(nameOf({ topic, partition }), { topic, partition, offset: committed - 1, timestamp: 0 });
  }

  revoked(partition: TopicPartition): void {
    this.#taken.delete(nameOf(partition));
  }

  /** What a batch of these messages would take in, for the store. */
  next(messages: Iterable<Message>): TakenNext[] {
    const furthest = new Map<string, TakenNext>();
    for (const { topic, partition, offset, timestamp } of messages) {
      const name = nameOf({ topic, partition });
      const after = this.#taken.get(name)?.offset ?? -1;
      const known = furthest.get(name);
      if (offset <= after || (known && known.offset >= offset)) continue;
      furthest.set(name, { topic, partition, offset, timestamp, after });
    }
    return [...furthest.values()];
  }

  /** It is in the store. A partition that was given away meanwhile is left out. */
  took(taken: readonly TakenNext[]): void {
    for (const { after: _, ...one } of taken) {
      const known = this.#taken.get(nameOf(one));
      if (known && known.offset < one.offset) this.#taken.set(nameOf(one), one);
    }
  }

  get(partition: TopicPartition): Taken | undefined {
    return this.#taken.get(nameOf(partition));
  }

  /** Partitions of which the store has less than was brought into it. */
  missing(stored: readonly Taken[]): Missing[] {
    const byName = new Map(stored.map((one) => [nameOf(one), one]));
    return [...this.#taken].flatMap(([name, { topic, partition, offset }]) => {
      const found = byName.get(name);
      return offset > (found?.offset ?? -1) ? [{ topic, partition, stored: found }] : [];
    });
  }
}

export interface Missing extends TopicPartition {
  /** What the store has of it; undefined: nothing. */
  stored: Taken | undefined;
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
