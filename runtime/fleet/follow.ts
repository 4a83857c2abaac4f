import type { Bus, Message } from '../bus/types.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { parseMessage } from '../messages/schemas.ts';
import { TOPICS } from '../messages/topics.ts';
import type { AgentRecord } from '../messages/types.ts';
import type { Roster } from './roster.ts';

const RETRY_MS = 1_000;

/**
 * Hears what agents say from now on, into the roster, until aborted. What they said before is of no
 * use: each speaks once a second, and only what was heard arrive tells who lives.
 * @param onRecord called after the roster has it, records of other sites too.
 */
export async function followAgents(
  deps: { bus: Bus; clock: Clock; log: Logger },
  roster: Roster,
  signal: AbortSignal,
  onRecord: (record: AgentRecord) => void = () => undefined,
): Promise<void> {
  const { bus, clock, log } = deps;
  while (!signal.aborted) {
    try {
      for await (const message of bus.tail(TOPICS.agents.name, 'latest', { signal })) {
        const record = read(message, log);
        if (!record) continue;
        roster.hear(record, { monotonic: clock.monotonic(), wall: clock.now() });
        onRecord(record);
      }
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'cannot hear the agents; trying again');
    }
    await clock.sleep(RETRY_MS, signal);
  }
}

function read(message: Message, log: Logger): AgentRecord | undefined {
  try {
    return parseMessage('agents.v1', message);
  } catch (error) {
    log.warn({ err: error }, 'a record of an agent is not valid');
    return undefined;
  }
}
