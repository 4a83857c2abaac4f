import { setTimeout as sleep } from 'node:timers/promises';
import { asError, BanksmanError } from '../../errors.ts';
import { topicSpec } from '../../messages/topics.ts';
import { partitionId } from '../assignment.ts';
import type { JoinSpec, MemberEvents, Membership, PartitionPosition } from '../session/session.ts';
import type { TopicPartition } from '../types.ts';
import type { Attempts } from './attempts.ts';
import type { Cluster } from './cluster.ts';
import { CODE, isCoordinatorGone } from './codes.ts';
import { codeError } from './errors.ts';
import { EARLIEST, type Joined, type KafkaLink, LATEST, type MemberIdentity } from './link.ts';
import { Coordinator, offsetsAt } from './offsets.ts';
import {
  type Assignment,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  shareOut,
} from './protocol.ts';

/** A member that is not heard of for so long is dead: what it had is another's within ten seconds. */
export const SESSION_MS = 6_000;
/** How long the others wait for a member that is slow to let go. */
const REBALANCE_MS = 10_000;
const HEARTBEAT_MS = 1_000;
const RETRY = { minMs: 100, maxMs: 1_000 };
const PROTOCOL = 'banksman-cooperative';
/** The coordinator is busy between two generations: a commit is taken in a moment. */
const COMMIT_AGAIN_MS = 100;

export interface MemberSpec extends JoinSpec {
  /** Topics and group as the cluster calls them. */
  readonly group: string;
}

/**
 * One member of a consumer group, by the classic protocol with a session of 6 s unless told otherwise, sharing cooperatively (KIP-429):
 * a member that joins, leaves or dies interrupts nobody whose partitions stay. What moves is let go of first, with
 * its last commits, then given on in a second round.
 */
export class GroupMember implements Membership {
  readonly #cluster: Cluster;
  readonly #spec: MemberSpec;
  readonly #events: MemberEvents;
  readonly #coordinator: Coordinator;
  readonly #purpose: string;
  readonly #sessionMs: number;
  readonly #ready = Promise.withResolvers<void>();
  readonly #left = new AbortController();
  readonly #owned = new Map<string, TopicPartition>();
  #memberId = '';
  #generation = -1;
  readonly #born: number;
  #running: Promise<void> = Promise.resolve();
  /** Of the running loop: join again now. */
  #rejoin = new AbortController();
  /** Until then nobody else can have been given what this member has, performance.now(). */
  #sureUntil = Number.NEGATIVE_INFINITY;

  /** @param purpose names its own connection: a join is answered only when all have joined. */
  constructor(cluster: Cluster, spec: MemberSpec, events: MemberEvents, purpose: string, born: number) {
    this.#cluster = cluster;
    this.#spec = spec;
    this.#events = events;
    this.#purpose = purpose;
    this.#sessionMs = cluster.options.sessionMs ?? SESSION_MS;
    this.#born = born;
    this.#coordinator = new Coordinator(cluster, spec.group);
    this.#ready.promise.catch(() => undefined);
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** False where this member was not heard of for a session: the group may have gone on without it. */
  get isSure(): boolean {
    return performance.now() < this.#sureUntil;
  }

  start(): this {
    this.#running = this.#run();
    return this;
  }

  async commit(positions: readonly PartitionPosition[]): Promise<void> {
    // Between two generations is no trouble of the cluster's, however slowly a member lets go.
    while ((await this.#cluster.persist(() => this.#commit(positions))) === 'not now') {
      await this.#cluster.pause(COMMIT_AGAIN_MS);
    }
  }

  async #commit(positions: readonly PartitionPosition[]): Promise<'done' | 'not now'> {
    const mine = positions.filter(({ topic, partition }) => this.#owned.has(partitionId(topic, partition)));
    // Lost meanwhile: whoever has them reads on from what was committed before.
    if (mine.length === 0 || this.#generation < 0) return 'done';
    const link = await this.#coordinator.link('control');
    const answers = await link.commit(this.#identity, mine);
    const failed = answers.find(({ errorCode }) => errorCode !== CODE.none);
    if (!failed) return 'done';
    if (failed.errorCode === CODE.rebalanceInProgress) return 'not now';
    if (failed.errorCode === CODE.illegalGeneration || failed.errorCode === CODE.unknownMember) {
      // Another generation began without this member, or is beginning with it: the loop finds out which.
      this.#rejoin.abort();
      return 'done';
    }
    this.#coordinator.check(failed.errorCode, this.#spec.group);
    return 'done';
  }

  async leave(): Promise<void> {
    if (this.#left.signal.aborted) return;
    this.#left.abort();
    this.#rejoin.abort();
    await this.#running;
    this.#ready.resolve();
    if (this.#memberId === '' || this.#cluster.closed.aborted) return;
    try {
      const link = await this.#coordinator.link(this.#purpose);
      await link.leave(this.#identity);
      link.destroy();
    } catch {
      // Then the session ends by itself.
    }
  }

  get #identity(): MemberIdentity {
    return { group: this.#spec.group, memberId: this.#memberId, generation: this.#generation };
  }

  get #gone(): boolean {
    return this.#left.signal.aborted || this.#cluster.closed.aborted;
  }

  async #run(): Promise<void> {
    const attempts = this.#cluster.attempts(RETRY);
    await this.#repeat(attempts).finally(() => attempts.end());
  }

  async #repeat(attempts: Attempts): Promise<void> {
    while (!this.#gone) {
      try {
        this.#rejoin = new AbortController();
        const isShared = await this.#join();
        attempts.succeeded();
        if (isShared) await this.#beat();
      } catch (error) {
        if (this.#gone) return;
        this.#coordinator.forget();
        if (this.#owned.size > 0 && !this.isSure) await this.#lose();
        try {
          await attempts.failed(error, this.#left.signal);
        } catch (permanent) {
          if (this.#gone) return;
          await this.#lose();
          this.#ready.reject(asError(permanent));
          this.#events.lost?.(asError(permanent));
          return;
        }
      }
    }
  }

  /** One round. @returns false when another one must follow at once. */
  async #join(): Promise<boolean> {
    const { topics } = this.#spec;
    await this.#checkAlike(topics);
    const link = await this.#coordinator.link(this.#purpose);
    // Who is waited for while the group is shared out is not taken for dead.
    const { isSure } = this;
    const sureBefore = this.#sureUntil;
    if (isSure) this.#sureUntil = performance.now() + REBALANCE_MS;
    const joining = link.join({
      group: this.#spec.group,
      memberId: this.#memberId,
      sessionMs: this.#sessionMs,
      rebalanceMs: REBALANCE_MS,
      protocol: PROTOCOL,
      metadata: encodeSubscription({
        topics,
        owned: [...this.#owned.values()],
        generation: this.#generation,
        born: this.#born,
      }),
    });
    const joined = await joining.finally(() => {
      this.#sureUntil = sureBefore;
    });
    if (joined.errorCode === CODE.memberIdRequired) {
      this.#memberId = joined.memberId;
      return false;
    }
    if (joined.errorCode === CODE.unknownMember) {
      this.#memberId = '';
      await this.#lose();
      return false;
    }
    this.#coordinator.check(joined.errorCode, this.#spec.group);
    this.#memberId = joined.memberId;
    this.#generation = joined.generation;
    this.#heard();
    const shares = joined.leader === joined.memberId ? await this.#shareOut(joined) : [];
    const synced = await link.sync(this.#identity, PROTOCOL, shares);
    if (synced.errorCode === CODE.rebalanceInProgress) return false;
    if (synced.errorCode === CODE.unknownMember || synced.errorCode === CODE.illegalGeneration) {
      await this.#lose();
      return false;
    }
    this.#coordinator.check(synced.errorCode, this.#spec.group);
    this.#heard();
    return this.#take(link, decodeAssignment(synced.assignment));
  }

  /**
   * Records of one key lie in partitions of one number: a member reads them together only where topics have as many.
   * Those of one partition are so by themselves.
   */
  async #checkAlike(topics: readonly string[]): Promise<void> {
    const counts = new Map<string, number>();
    for (const topic of topics) {
      const partitions = await this.#cluster.partitions(topic);
      if (topicSpec(topic.slice(this.#cluster.options.prefix.length))?.partitions !== 1) counts.set(topic, partitions);
    }
    if (new Set(counts.values()).size <= 1) return;
    // Widened meanwhile, perhaps: the next attempt asks anew.
    for (const topic of counts.keys()) this.#cluster.forget(topic);
    throw new BanksmanError('BUS_TOPICS_UNEVEN', {
      where: [...counts.keys()].join(', '),
      message: `topics that are read together have ${[...counts.values()].join(' and ')} partitions`,
    });
  }

  async #shareOut({ members }: Joined): Promise<{ memberId: string; assignment: Buffer }[]> {
    const subscriptions = new Map(members.map(({ memberId, metadata }) => [memberId, decodeSubscription(metadata)]));
    const counts = new Map<string, number>();
    for (const { topics } of subscriptions.values()) {
      for (const topic of topics) counts.set(topic, await this.#cluster.partitions(topic));
    }
    const given = shareOut(subscriptions, counts);
    return [...given].map(([memberId, share]) => ({ memberId, assignment: encodeAssignment(share) }));
  }

  async #take(link: KafkaLink, { partitions, complete }: Assignment): Promise<boolean> {
    const wanted = new Set(partitions.map(({ topic, partition }) => partitionId(topic, partition)));
    const revoked = [...this.#owned].filter(([id]) => !wanted.has(id)).map(([, each]) => each);
    const added = partitions.filter(({ topic, partition }) => !this.#owned.has(partitionId(topic, partition)));
    if (added.length > 0) {
      const positions = await this.#positions(added);
      for (const each of added) this.#owned.set(partitionId(each.topic, each.partition), each);
      this.#events.assign(positions);
    }
    if (revoked.length > 0) {
      // Heard of meanwhile: letting go may take longer than a session.
      const beating = new AbortController();
      const beats = this.#keepAlive(link, beating.signal);
      await this.#untilLeft(this.#events.revoke(revoked));
      beating.abort();
      for (const { topic, partition } of revoked) this.#owned.delete(partitionId(topic, partition));
      if ((await beats) === 'fenced') await this.#lose();
      return false;
    }
    if (complete) this.#ready.resolve();
    return true;
  }

  /**
   * Where the group goes on. Where nothing was ever committed the beginning is committed at once, so that a later
   * member that begins with the latest does not leave out what came meanwhile.
   */
  async #positions(partitions: readonly TopicPartition[]): Promise<PartitionPosition[]> {
    const committed = await this.#coordinator.committed(partitions);
    const fresh = committed.filter(({ offset }) => offset < 0);
    if (fresh.length > 0) {
      const began = await offsetsAt(this.#cluster, fresh, this.#spec.from === 'latest' ? LATEST : EARLIEST);
      for (const { topic, partition, offset } of began) {
        const at = committed.find((each) => each.topic === topic && each.partition === partition);
        if (at) Object.assign(at, { offset });
      }
      const link = await this.#coordinator.link('control');
      await link.commit(this.#identity, began);
    }
    return committed.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
  }

  /** Until the group is shared anew, this member leaves, or the coordinator does not answer. */
  async #beat(): Promise<void> {
    for (;;) {
      await sleep(HEARTBEAT_MS, undefined, { signal: this.#rejoin.signal }).catch(() => undefined);
      if (this.#gone || this.#rejoin.signal.aborted) return;
      const link = await this.#coordinator.link(this.#purpose);
      const errorCode = await link.heartbeat(this.#identity);
      if (errorCode === CODE.none) {
        this.#heard();
        continue;
      }
      if (errorCode === CODE.rebalanceInProgress) return;
      if (errorCode === CODE.unknownMember || errorCode === CODE.illegalGeneration) {
        if (errorCode === CODE.unknownMember) this.#memberId = '';
        await this.#lose();
        return;
      }
      if (isCoordinatorGone(errorCode)) this.#coordinator.forget();
      throw codeError(errorCode, this.#spec.group);
    }
  }

  /** @returns whether the group has gone on without this member meanwhile, told as soon as it was known. */
  async #keepAlive(link: KafkaLink, signal: AbortSignal): Promise<'kept' | 'fenced'> {
    for (;;) {
      await sleep(HEARTBEAT_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return 'kept';
      const errorCode = await link.heartbeat(this.#identity).catch(() => undefined);
      if (errorCode === CODE.none || errorCode === CODE.rebalanceInProgress) this.#heard();
      if (errorCode === CODE.unknownMember || errorCode === CODE.illegalGeneration) {
        if (errorCode === CODE.unknownMember) this.#memberId = '';
        this.#events.fenced?.();
        return 'fenced';
      }
    }
  }

  #heard(): void {
    this.#sureUntil = performance.now() + this.#sessionMs;
  }

  /** Whoever leaves lets go of everything himself, and waits here for nobody who waits for that. */
  async #untilLeft(lettingGo: Promise<void>): Promise<void> {
    const { signal } = this.#left;
    const left = Promise.withResolvers<void>();
    const leave = (): void => left.resolve();
    signal.addEventListener('abort', leave);
    if (signal.aborted) leave();
    await Promise.race([lettingGo, left.promise]).finally(() => signal.removeEventListener('abort', leave));
  }

  /** The group goes on without this member: what it had may be another's already, nothing more is committed. */
  async #lose(): Promise<void> {
    this.#generation = -1;
    const lost = [...this.#owned.values()];
    this.#owned.clear();
    if (lost.length === 0) return;
    this.#events.fenced?.();
    await this.#untilLeft(this.#events.revoke(lost));
  }
}
