import type { Message } from '../../runtime/bus/types.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { TOPICS } from '../../runtime/messages/topics.ts';
import type { StateChange } from '../../runtime/stores/state/types.ts';

/**
 * What the state is made of, as far as topics tell it. In the order in which a store that lost everything is filled
 * again: who is there, what people said, what is going on; then what was.
 */
export const STATE_TOPICS = [TOPICS.status, TOPICS.feedback, TOPICS.incidents, TOPICS.evidence, TOPICS.coverage].map(
  (topic) => topic.name,
);

/** @returns undefined for what is no news here. @throws MESSAGE_INVALID */
export function changeOf(site: string, message: Message): StateChange | undefined {
  switch (message.topic) {
    case TOPICS.status.name: {
      if (message.value !== null) return { kind: 'status', status: parseMessage('camera.status.v1', message) };
      const prefix = `${site}/`;
      if (!message.key.startsWith(prefix)) return undefined;
      return { kind: 'camera_removed', site, camera: message.key.slice(prefix.length) };
    }
    case TOPICS.coverage.name:
      return { kind: 'coverage', coverage: parseMessage('coverage.v1', message) };
    case TOPICS.incidents.name:
      return { kind: 'incident', incident: parseMessage('incidents.v1', message) };
    case TOPICS.evidence.name:
      return { kind: 'evidence', evidence: parseMessage('evidence.v1', message) };
    case TOPICS.feedback.name:
      return { kind: 'feedback', feedback: parseMessage('feedback.v1', message) };
    default:
      return undefined;
  }
}
