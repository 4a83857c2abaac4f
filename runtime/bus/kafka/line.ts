import { asError } from '../../errors.ts';
import type { KafkaLink } from './link.ts';

interface Pending {
  /** performance.now() */
  readonly since: number;
  readonly fail: (error: Error) => void;
}

/**
 * A connection to a broker, from the attempt to make it on, that can be given up. A machine that vanishes closes
 * nothing: whoever waits for it would wait until his own request ends, half a minute.
 */
export class Line {
  readonly address: string;
  /** The requests below go through it; rejects when no connection comes about, or it is given up before. */
  readonly link: Promise<KafkaLink>;
  readonly #onAnswer: () => void;
  readonly #pending = new Set<Pending>();
  #inner: KafkaLink | undefined;
  #over = false;

  /** @param onAnswer at whatever the broker answers. */
  constructor(address: string, connect: () => Promise<KafkaLink>, onAnswer: () => void) {
    this.address = address;
    this.#onAnswer = onAnswer;
    this.link = this.#settle(connect, (inner) => {
      if (this.#over) inner.destroy();
      this.#inner = inner;
      return this.#through(inner);
    });
    this.link.catch(() => undefined);
  }

  /** How long the oldest request has waited, ms; 0 where none does. */
  get waitsMs(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { since } of this.#pending) oldest = Math.min(oldest, since);
    return Math.max(0, performance.now() - oldest);
  }

  /** Whatever waits on it fails with this. */
  giveUp(error: Error): void {
    this.#over = true;
    this.#inner?.destroy();
    for (const { fail } of [...this.#pending]) fail(error);
  }

  /** Politely, unless somebody still waits for it: then nobody knows whether it would answer. */
  async close(): Promise<void> {
    if (!this.#inner || this.#pending.size > 0) this.giveUp(new Error('closed'));
    else await this.#inner.close();
  }

  #settle<T, R>(work: () => Promise<T>, then: (result: T) => R): Promise<R> {
    return new Promise((resolve, reject) => {
      const pending: Pending = { since: performance.now(), fail: (error) => settled(() => reject(error)) };
      const settled = (settle: () => void): void => {
        this.#pending.delete(pending);
        settle();
      };
      this.#pending.add(pending);
      work().then(
        (result) => settled(() => resolve(then(result))),
        (error: unknown) => settled(() => reject(error)),
      );
    });
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#settle(work, (answer) => {
        this.#onAnswer();
        return answer;
      });
    } catch (error) {
      // A connection on which nothing came in time is as good as gone; the next request makes another.
      this.giveUp(asError(error));
      throw error;
    }
  }

  #through(inner: KafkaLink): KafkaLink {
    const isOver = (): boolean => this.#over;
    const via =
      <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
      (...args: A): Promise<R> =>
        this.#ask(() => call(...args));
    return {
      get isOpen() {
        return !isOver() && inner.isOpen;
      },
      metadata: via(inner.metadata),
      initProducer: via(inner.initProducer),
      produce: via(inner.produce),
      fetch: via(inner.fetch),
      offsets: via(inner.offsets),
      coordinator: via(inner.coordinator),
      groups: via(inner.groups),
      join: via(inner.join),
      sync: via(inner.sync),
      heartbeat: via(inner.heartbeat),
      leave: via(inner.leave),
      commit: via(inner.commit),
      committed: via(inner.committed),
      close: () => this.close(),
      destroy: () => this.giveUp(new Error('given up')),
    };
  }
}
