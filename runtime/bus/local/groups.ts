import { assignPartitions, partitionId } from '../assignment.ts';
import type { JoinSpec, MemberEvents, PartitionPosition } from '../session/session.ts';
import type { TopicPartition } from '../types.ts';

interface Slot extends TopicPartition {
  owner: Member | undefined;
  /** Its owner was asked to let it go. */
  revoking: boolean;
}

export interface GroupsOptions {
  partitionsOf: (topic: string) => number;
  /** Where the group goes on in a partition, at the moment of assignment. */
  position: (group: string, topic: string, partition: number, from: 'earliest' | 'latest') => number;
  /** How long a member may take to let a partition go before it is taken. */
  rebalanceLimitMs: number;
}

/** Which member of each group owns which partition: one member a partition at any time. */
export class Groups {
  readonly #options: GroupsOptions;
  readonly #groups = new Map<string, Group>();
  #nextId = 1;

  constructor(options: GroupsOptions) {
    this.#options = options;
  }

  join(spec: JoinSpec, events: MemberEvents): Member {
    let group = this.#groups.get(spec.group);
    if (group === undefined) {
      group = new Group(spec.group, this.#options, () => this.#groups.delete(spec.group));
      this.#groups.set(spec.group, group);
    }
    const member = new Member(this.#nextId++, spec, events, group);
    group.join(member);
    return member;
  }
}

export class Member {
  readonly id: number;
  readonly spec: JoinSpec;
  readonly events: MemberEvents;
  readonly #group: Group;
  readonly #ready = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();

  constructor(id: number, spec: JoinSpec, events: MemberEvents, group: Group) {
    this.id = id;
    this.spec = spec;
    this.events = events;
    this.#group = group;
  }

  /** Resolves when it has its share for the first time, or has left. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  owns(topic: string, partition: number): boolean {
    return this.#group.ownerOf(topic, partition) === this;
  }

  settled(): void {
    this.#ready.resolve();
  }

  /** At once: what it had goes to the others. */
  leave(): void {
    this.#group.leave(this);
    this.#gone.resolve();
    this.#ready.resolve();
  }
}

class Group {
  readonly #name: string;
  readonly #options: GroupsOptions;
  readonly #onEmpty: () => void;
  readonly #slots = new Map<string, Slot>();
  #members: Member[] = [];

  constructor(name: string, options: GroupsOptions, onEmpty: () => void) {
    this.#name = name;
    this.#options = options;
    this.#onEmpty = onEmpty;
  }

  ownerOf(topic: string, partition: number): Member | undefined {
    return this.#slots.get(partitionId(topic, partition))?.owner;
  }

  join(member: Member): void {
    this.#members.push(member);
    for (const topic of member.spec.topics) {
      for (let partition = 0; partition < this.#options.partitionsOf(topic); partition++) {
        const id = partitionId(topic, partition);
        if (!this.#slots.has(id)) this.#slots.set(id, { topic, partition, owner: undefined, revoking: false });
      }
    }
    this.#rebalance();
  }

  leave(member: Member): void {
    if (!this.#members.includes(member)) return;
    this.#members = this.#members.filter((other) => other !== member);
    for (const slot of this.#slots.values()) if (slot.owner === member) release(slot);
    if (this.#members.length === 0) this.#onEmpty();
    else this.#rebalance();
  }

  #rebalance(): void {
    const targets = this.#targets();
    const given = new Map<Member, PartitionPosition[]>();
    const asked = new Map<Member, Slot[]>();
    for (const [id, slot] of this.#slots) {
      const target = targets.get(id);
      if (slot.owner === undefined && target) {
        slot.owner = target;
        const { topic, partition } = slot;
        const offset = this.#options.position(this.#name, topic, partition, target.spec.from);
        append(given, target, { topic, partition, offset });
      } else if (slot.owner && slot.owner !== target && !slot.revoking) {
        slot.revoking = true;
        append(asked, slot.owner, slot);
      }
    }
    for (const [member, slots] of asked) void this.#revoke(member, slots);
    for (const [member, partitions] of given) member.events.assign(partitions);
    for (const member of this.#members) {
      const waits = [...this.#slots].some(([id, slot]) => targets.get(id) === member && slot.owner !== member);
      if (!waits) member.settled();
    }
  }

  #targets(): Map<string, Member> {
    const topics = new Map<string, number>();
    for (const { topic } of this.#slots.values()) topics.set(topic, this.#options.partitionsOf(topic));
    const candidates = this.#members.map(({ id, spec }) => ({ id, topics: spec.topics }));
    const present = (topic: string, partition: number): number | undefined => {
      const slot = this.#slots.get(partitionId(topic, partition));
      return slot?.revoking ? undefined : slot?.owner?.id;
    };
    const byId = new Map(this.#members.map((member) => [member.id, member]));
    const targets = new Map<string, Member>();
    for (const [partition, id] of assignPartitions(candidates, topics, present)) {
      const member = byId.get(id);
      if (member) targets.set(partition, member);
    }
    return targets;
  }

  async #revoke(member: Member, slots: Slot[]): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.rebalanceLimitMs);
    });
    const partitions = slots.map(({ topic, partition }) => ({ topic, partition }));
    // A member that fails to let go loses them all the same.
    await Promise.race([member.events.revoke(partitions).catch(() => undefined), member.gone, limit]);
    clearTimeout(timer);
    let changed = false;
    for (const slot of slots) {
      if (slot.owner !== member || !slot.revoking) continue;
      release(slot);
      changed = true;
    }
    if (changed) this.#rebalance();
  }
}

function release(slot: Slot): void {
  slot.owner = undefined;
  slot.revoking = false;
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
