import { expect, it } from 'vitest';
import { type FoundTopic, planTopics, type WantedTopic, wantedTopics } from './topics.ts';

const WISHES = { partitions: 24, replication: 3, framesMs: 300_000, framesBytes: 2e9 };
const WANTED = wantedTopics('banksman.', WISHES).filter(({ name }) =>
  ['banksman.tracks.v1', 'banksman.camera.owners.v1', 'banksman.coordinator.v1'].includes(name),
);

/** As the cluster has them: 12 partitions where more are wanted than one. */
function found(changes: (topic: WantedTopic) => Partial<FoundTopic> | null = () => ({})): Map<string, FoundTopic> {
  return new Map(
    WANTED.flatMap((topic) => {
      const { name, replication, settings } = topic;
      const changed = changes(topic);
      const partitions = Math.min(12, topic.partitions);
      return changed ? [[name, { partitions, replication, settings, used: false, ...changed }] as const] : [];
    }),
  );
}

const isTracks = ({ name }: WantedTopic) => name.endsWith('tracks.v1');
const brief = (steps: ReturnType<typeof planTopics>) =>
  steps.map((step) => `${step.kind} ${step.kind === 'create' ? step.topic.name : step.topic}`);

it('widens topics that never took a record', () => {
  expect(brief(planTopics(WANTED, found()))).toEqual(['widen banksman.camera.owners.v1', 'widen banksman.tracks.v1']);
});

it('refuses to widen a topic that did, and with it all that must be alike', () => {
  const steps = planTopics(
    WANTED,
    found((topic) => ({ used: isTracks(topic) })),
  );
  expect(steps).toEqual([
    {
      kind: 'refuse',
      topic: 'banksman.camera.owners.v1',
      why: expect.stringMatching(/^it has 12 partitions, not 24, and gets no more/),
      mend: expect.stringContaining('Set bus.kafka.topics.partitions back to 12.'),
    },
    {
      kind: 'refuse',
      topic: 'banksman.tracks.v1',
      why: expect.stringMatching(/^it has 12 partitions, not 24, and holds records/),
      mend: expect.stringContaining('"More partitions" in deploy/README.md'),
    },
  ]);
});

it('makes no missing topic that would be unlike the others', () => {
  const steps = planTopics(
    WANTED,
    found((topic) => (isTracks(topic) ? { used: true } : null)),
  );
  expect(brief(steps)).toEqual([
    'refuse banksman.camera.owners.v1',
    'create banksman.coordinator.v1',
    'refuse banksman.tracks.v1',
  ]);
});

it('does the rest though something is refused', () => {
  const steps = planTopics(
    WANTED,
    found(({ settings, name }) => ({ used: true, settings: name.endsWith('coordinator.v1') ? {} : settings })),
  );
  expect(new Set(brief(steps))).toEqual(
    new Set(['refuse banksman.camera.owners.v1', 'set banksman.coordinator.v1', 'refuse banksman.tracks.v1']),
  );
});

it('says of a topic that is too wide which number would do', () => {
  const [step] = planTopics(
    WANTED,
    found((topic) => ({ partitions: isTracks(topic) ? 30 : topic.partitions })),
  );
  expect(step).toMatchObject({ kind: 'refuse', mend: expect.stringContaining('partitions to 30') });
});
