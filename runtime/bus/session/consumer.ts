import { asError, BanksmanError } from '../../errors.ts';
import { partitionId } from '../assignment.ts';
import type { Consumer, ConsumerOptions, Handler, Lag, TopicPartition } from '../types.ts';
import { PartitionFeed } from './partition_feed.ts';
import type { Membership, PartitionPosition, Session } from './session.ts';
import { MemberTenure } from './tenure.ts';

/** Acknowledgements are gathered this long before the group's offset is moved. */
const COMMIT_MS = 50;
/** Until the next attempt when the store refused. */
const RETRY_MS = 1_000;

export interface ConsumerSpec {
  group: string;
  topics: readonly string[];
  handler: Handler;
  options: ConsumerOptions;
}

export class SessionConsumer implements Consumer {
  readonly #session: Session;
  readonly #spec: ConsumerSpec;
  readonly #onEnded: () => void;
  readonly #feeds = new Map<string, PartitionFeed>();
  #membership: Membership | undefined;
  #tenure = this.#newTenure();
  /** Assignments and revocations one after another, because user code is awaited in both. */
  #changes: Promise<void> = Promise.resolve();
  #ending: Promise<void> | undefined;
  #failure: Error | undefined;
  #started = false;
  /** `onAssigned` or `onRevoked` failed. */
  #unprepared: Error | undefined;
  #paused = false;
  #timer: NodeJS.Timeout | undefined;
  #committing: Promise<void> = Promise.resolve();

  constructor(session: Session, spec: ConsumerSpec, onEnded: () => void) {
    this.#session = session;
    this.#spec = spec;
    this.#onEnded = onEnded;
  }

  async start(): Promise<void> {
    if (this.#membership || this.#ending) throw new Error('a consumer starts once');
    const { group, topics, options } = this.#spec;
    const membership = this.#session.join(
      { group, topics, from: options.from ?? 'earliest' },
      {
        assign: (partitions) => this.#assign(partitions),
        revoke: (partitions) => this.#revoke(partitions),
        fenced: () => {
          this.#tenure.end();
          this.#tenure = this.#newTenure();
        },
        lost: (error) => {
          // Before it has begun `start` tells.
          if (!this.#started) this.#unprepared ??= error;
          this.fail(error);
        },
      },
    );
    this.#membership = membership;
    await membership.ready;
    await this.#changes;
    if (this.#unprepared) throw this.#unprepared;
    this.#started = true;
  }

  stop(): Promise<void> {
    return this.#end(undefined);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    for (const feed of this.#feeds.values()) feed.poke();
  }

  async lag(): Promise<Lag[]> {
    const lags = await this.#session.lag(this.#spec.group);
    return lags
      .filter(({ topic }) => this.#spec.topics.includes(topic))
      .map(({ topic, partition, committed, end, lag }) => ({ topic, partition, committed, end, lag }));
  }

  #newTenure(): MemberTenure {
    return new MemberTenure(() => this.#membership?.isSure ?? true);
  }

  #assign(partitions: PartitionPosition[]): void {
    const { handler, options } = this.#spec;
    const tenure = this.#tenure;
    const feeds = partitions.map(
      (start) =>
        new PartitionFeed(start, {
          session: this.#session,
          handler,
          maxInFlight: options.maxInFlight ?? 1000,
          skipOlderMs: options.skipOlderMs,
          onSkipped: options.onSkipped,
          isPaused: () => this.#paused,
          onAcked: () => this.#scheduleCommit(COMMIT_MS),
          onError: (error) => this.fail(error),
        }),
    );
    for (const feed of feeds) this.#feeds.set(partitionId(feed.topic, feed.partition), feed);
    this.#change(async () => {
      if (this.#ending) return;
      const assigned = partitions.map(({ topic, partition }) => ({ topic, partition }));
      await options.onAssigned?.(assigned, tenure);
      if (this.#ending) return;
      for (const feed of feeds) feed.start();
    });
  }

  #revoke(partitions: TopicPartition[]): Promise<void> {
    // Leaving already: they are free when the last acknowledgements are committed.
    if (this.#ending) return this.#ending;
    const feeds = partitions.flatMap((each) => this.#feeds.get(partitionId(each.topic, each.partition)) ?? []);
    // At once, also when an assignment is still being prepared: its deliveries must not begin any more.
    const stopped = Promise.all(feeds.map((feed) => feed.stop()));
    return this.#change(async () => {
      if (this.#failure) return;
      await stopped;
      await this.#spec.options.onRevoked?.(partitions);
      await this.#commit(feeds);
      for (const feed of feeds) {
        const id = partitionId(feed.topic, feed.partition);
        // Taken for being slow, it may have been given back meanwhile: that feed is a new one.
        if (this.#feeds.get(id) === feed) this.#feeds.delete(id);
      }
    });
  }

  #change(work: () => Promise<void>): Promise<void> {
    this.#changes = this.#changes.then(work).catch((error: unknown) => {
      this.#unprepared ??= asError(error);
      this.fail(this.#unprepared);
    });
    return this.#changes;
  }

  #scheduleCommit(ms: number): void {
    if (this.#timer || this.#ending) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#commit([...this.#feeds.values()]).catch((error: unknown) => {
        if (isLost(error)) this.fail(error);
        else this.#scheduleCommit(RETRY_MS);
      });
    }, ms);
  }

  #commit(feeds: readonly PartitionFeed[]): Promise<void> {
    const commit = async (): Promise<void> => {
      const moved = feeds.flatMap((feed) => {
        const position = feed.uncommitted;
        return position === undefined ? [] : [{ feed, position }];
      });
      if (moved.length === 0) return;
      await this.#membership?.commit(moved.map(({ position }) => position));
      for (const { feed, position } of moved) feed.committed(position.offset);
    };
    const result = this.#committing.then(commit);
    this.#committing = result.catch(() => undefined);
    return result;
  }

  /** Ends by itself: a handler failed, or the bus is gone. */
  fail(error: unknown): void {
    if (this.#ending) return;
    const failure = asError(error);
    this.#failure = failure;
    void this.#end(failure).then(() => {
      const { onError } = this.#spec.options;
      if (onError) return onError(failure);
      // `start` tells who called it, `onLost` who connected.
      if ((failure === this.#unprepared && !this.#started) || isLost(failure)) return;
      // Nobody would notice that nothing is consumed any more.
      queueMicrotask(() => {
        throw failure;
      });
    });
  }

  #end(failure: Error | undefined): Promise<void> {
    this.#ending ??= this.#shutDown(failure);
    return this.#ending;
  }

  async #shutDown(failure: Error | undefined): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const stopped = Promise.all([...this.#feeds.values()].map((feed) => feed.stop()));
    try {
      await Promise.all([stopped, failure ? undefined : this.#changes]);
      const feeds = [...this.#feeds.values()];
      if (failure === undefined && feeds.length > 0) {
        await this.#spec.options.onRevoked?.(feeds.map(({ topic, partition }) => ({ topic, partition })));
      }
      await this.#commit(feeds);
    } catch (error) {
      // A bus that is gone, or has no room, delivers again: at least once. Other mistakes are the caller's.
      if (!(error instanceof BanksmanError)) throw error;
    } finally {
      this.#tenure.end();
      await this.#membership?.leave().catch(() => undefined);
      this.#onEnded();
    }
  }
}

function isLost(error: unknown): boolean {
  return error instanceof BanksmanError && error.code === 'BUS_LOST';
}
