import { describe, expect, it } from 'vitest';
import { assignPartitions, type Candidate } from './assignment.ts';

const topics = new Map([
  ['detections', 4],
  ['observations', 4],
]);
const member = (id: number, reads = [...topics.keys()]): Candidate => ({ id, topics: reads });
const owned = (owners: Map<string, number>) => (topic: string, partition: number) =>
  owners.get(`${topic}/${partition}`);
const none = (): undefined => undefined;

describe('assignPartitions', () => {
  it('gives a lone member everything and nobody nothing', () => {
    expect([...assignPartitions([member(1)], topics, none).values()]).toEqual(Array(8).fill(1));
    expect(assignPartitions([], topics, none).size).toBe(0);
  });

  it('shares evenly, and leaves a member idle when there are too few', () => {
    const six = assignPartitions(
      [1, 2, 3, 4, 5, 6].map((id) => member(id)),
      topics,
      none,
    );
    for (const id of [1, 2, 3, 4]) expect([...six.values()].filter((owner) => owner === id)).toHaveLength(2);
    expect([...six.values()]).not.toContain(6);
  });

  it('moves no more than balance asks for', () => {
    const one = assignPartitions([member(1)], topics, none);
    const two = assignPartitions([member(1), member(2)], topics, owned(one));
    const three = assignPartitions([member(1), member(2), member(3)], topics, owned(two));
    const moved = (from: Map<string, number>, to: Map<string, number>): number =>
      [...to].filter(([id, owner]) => from.get(id) !== owner).length;
    expect(moved(one, two)).toBe(4);
    expect(moved(two, three)).toBe(2);
    const without = assignPartitions([member(1), member(3)], topics, owned(three));
    for (const [id, owner] of three) if (owner !== 2) expect(without.get(id)).toBe(owner);
  });

  it('keeps partitions of one number together', () => {
    const owners = assignPartitions([member(7), member(3), member(5)], topics, none);
    for (let p = 0; p < 4; p++) expect(owners.get(`detections/${p}`)).toBe(owners.get(`observations/${p}`));
  });

  it('gives a topic only to those who read it', () => {
    const owners = assignPartitions([member(1, ['detections']), member(2)], topics, none);
    expect([0, 1, 2, 3].map((p) => owners.get(`observations/${p}`))).toEqual([2, 2, 2, 2]);
    expect([0, 1, 2, 3].map((p) => owners.get(`detections/${p}`)).sort()).toEqual([1, 1, 2, 2]);
  });
});
