export interface Candidate {
  readonly id: number;
  readonly topics: readonly string[];
}

/**
 * Shares partitions among members. Pure. Whoever has a partition keeps it where balance allows.
 * Topics that the same members read are shared alike: partition 2 of one and partition 2 of the
 * other have one owner, so that records of one key meet.
 *
 * @param candidates in the order of their joining.
 * @param topics partitions by topic.
 * @param ownerOf present owner, who may have left.
 * @returns owner by `partitionId`; nothing for a topic that nobody reads.
 */
export function assignPartitions(
  candidates: readonly Candidate[],
  topics: ReadonlyMap<string, number>,
  ownerOf: (topic: string, partition: number) => number | undefined,
): Map<string, number> {
  const result = new Map<string, number>();
  const classes = new Map<string, { members: number[]; topics: string[] }>();
  for (const topic of topics.keys()) {
    const members = candidates.filter((candidate) => candidate.topics.includes(topic)).map(({ id }) => id);
    if (members.length === 0) continue;
    const signature = members.join(',');
    const same = classes.get(signature) ?? { members, topics: [] };
    same.topics.push(topic);
    classes.set(signature, same);
  }
  for (const { members, topics: alike } of classes.values()) {
    const partitions = Math.max(...alike.map((topic) => topics.get(topic) ?? 0));
    const present = (partition: number): number | undefined =>
      alike.map((topic) => ownerOf(topic, partition)).find((owner) => owner !== undefined);
    const owners = shareEvenly(members, partitions, present);
    for (const topic of alike) {
      for (const [partition, owner] of owners.entries()) {
        if (partition < (topics.get(topic) ?? 0)) result.set(partitionId(topic, partition), owner);
      }
    }
  }
  return result;
}

export function partitionId(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

function shareEvenly(
  members: readonly number[],
  partitions: number,
  present: (partition: number) => number | undefined,
): number[] {
  const share = Math.floor(partitions / members.length);
  let extra = partitions % members.length;
  const load = new Map(members.map((member) => [member, 0]));
  const owners: (number | undefined)[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const owner = present(partition);
    const has = owner === undefined ? undefined : load.get(owner);
    if (owner === undefined || has === undefined || has > share || (has === share && extra === 0)) {
      owners.push(undefined);
      continue;
    }
    if (has === share) extra -= 1;
    load.set(owner, has + 1);
    owners.push(owner);
  }
  return owners.map((owner) => {
    if (owner !== undefined) return owner;
    const [least] = [...load].reduce((best, next) => (next[1] < best[1] ? next : best));
    load.set(least, (load.get(least) ?? 0) + 1);
    return least;
  });
}
