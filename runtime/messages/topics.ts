/** Every topic of the product, its policy and its bounds. CONTRACTS, Topics. */

/**
 * - `frames`: in memory where the bus is local, bounded in age and bytes; oldest goes first.
 * - `log`: kept on disk for `retentionMs`.
 * - `compacted`: the last value of each key is kept for ever; a null value removes the key.
 */
export type TopicPolicy = 'frames' | 'log' | 'compacted';

export interface TopicSpec {
  readonly name: string;
  readonly policy: TopicPolicy;
  readonly partitions: number;
  readonly retentionMs: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Topics that are read together must have the same number of partitions: same key, same partition. */
const PARTITIONS = 4;

const spec = (name: string, policy: TopicPolicy, retentionMs = 0, partitions = PARTITIONS): TopicSpec =>
  Object.freeze({ name, policy, partitions, retentionMs });

export const TOPICS = Object.freeze({
  cameras: spec('cameras.v1', 'compacted'),
  rules: spec('rules.v1', 'compacted'),
  owners: spec('camera.owners.v1', 'compacted'),
  /** One partition, so that who sees its own record has seen all that were sent before. */
  agents: spec('agents.v1', 'log', HOUR, 1),
  agentOrders: spec('agent.orders.v1', 'compacted', 0, 1),
  /** Carries nothing: whoever holds its partition coordinates. */
  coordinator: spec('coordinator.v1', 'log', HOUR, 1),
  status: spec('camera.status.v1', 'compacted'),
  attention: spec('camera.attention.v1', 'compacted'),
  frames: spec('frames.v1', 'frames', 5 * 60_000),
  observations: spec('observations.v1', 'log', 2 * DAY),
  detections: spec('detections.v1', 'log', 2 * DAY),
  tracks: spec('tracks.v1', 'log', 2 * DAY),
  coverage: spec('coverage.v1', 'log', 2 * DAY),
  incidents: spec('incidents.v1', 'log', 30 * DAY),
  evidence: spec('evidence.v1', 'log', 30 * DAY),
  feedback: spec('feedback.v1', 'log', 365 * DAY),
  processorState: spec('processor-state.v1', 'compacted'),
  deadLetters: spec('dead-letters.v1', 'log', 30 * DAY),
});

export type TopicName = (typeof TOPICS)[keyof typeof TOPICS]['name'];

const BY_NAME: ReadonlyMap<string, TopicSpec> = new Map(Object.values(TOPICS).map((topic) => [topic.name, topic]));

/** @returns undefined for a topic that the product does not have. */
export function topicSpec(name: string): TopicSpec | undefined {
  return BY_NAME.get(name);
}

/** Key of every per-camera record, and of `agents.v1` and `agent.orders.v1` with an agent in the camera's place. */
export function cameraKey(site: string, camera: string): string {
  return `${site}/${camera}`;
}
