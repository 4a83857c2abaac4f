import { describe, expect, it } from 'vitest';
import { describeStep, type FoundTopic, groupLimits, planTopics, type WantedTopic } from './topics.ts';

const settings = { 'cleanup.policy': 'delete', 'min.insync.replicas': '2' };
const wanted: WantedTopic = { name: 'tracks.v1', partitions: 12, replication: 3, settings };
const steps = (found: Omit<FoundTopic, 'used'>) =>
  planTopics([wanted], new Map([[wanted.name, { ...found, used: true }]]));
const lines = (found: Omit<FoundTopic, 'used'>): string[] => steps(found).map((step) => describeStep(step));

describe('a topic that is there', () => {
  it('is left alone where it has what is wanted, or more copies', () => {
    expect(lines({ partitions: 12, replication: 3, settings })).toEqual([]);
    expect(lines({ partitions: 12, replication: 4, settings })).toEqual([]);
  });

  it('is not enough with fewer copies, and is not asked to wait for more than it has', () => {
    const few = 'tracks.v1: each record has 1 copy, not 3';
    const alone = { ...settings, 'min.insync.replicas': '1' };
    expect(lines({ partitions: 12, replication: 1, settings: alone })).toEqual([few]);
    expect(steps({ partitions: 12, replication: 1, settings: alone })).toMatchObject([
      { mend: expect.stringMatching(/kafka-reassign-partitions.*bus.kafka.topics.replication to 1\.$/) },
    ]);
    expect(lines({ partitions: 12, replication: 1, settings })).toEqual([
      few,
      'set min.insync.replicas of tracks.v1 from 2 to 1',
    ]);
    expect(lines({ partitions: 12, replication: 2, settings })).toEqual([
      expect.stringContaining('has 2 copies, not 3'),
    ]);
  });
});

describe('what brokers allow groups', () => {
  const of = (settings: Record<string, string>) => groupLimits([{ broker: '1', settings }]);

  it('is enough as it comes, and where a broker does not say', () => {
    expect(of({ 'group.min.session.timeout.ms': '6000', 'group.max.session.timeout.ms': '1800000' }).refusals).toEqual(
      [],
    );
    expect(of({})).toMatchObject({ refusals: [], consumerSessionMs: null });
    expect(of({ 'group.consumer.session.timeout.ms': '45000' })).toMatchObject({ consumerSessionMs: 45_000 });
  });

  it('is said of each broker that allows no session of 6 s: it coordinates some of the groups', () => {
    const strict = { broker: '2', settings: { 'group.min.session.timeout.ms': '10000' } };
    const short = { broker: '3', settings: { 'group.max.session.timeout.ms': '5000' } };
    expect(groupLimits([{ broker: '1', settings: {} }, strict, short]).refusals).toEqual([
      expect.stringMatching(/^broker 2 has group\.min\.session\.timeout\.ms=10000: .* 6000 or less/),
      expect.stringMatching(/^broker 3 has group\.max\.session\.timeout\.ms=5000: .* 6000 or more/),
    ]);
  });
});
