import type { Bus } from '../bus/types.ts';
import { encodeJson } from '../messages/codec.ts';
import { cameraKey, TOPICS } from '../messages/topics.ts';
import type { AgentOrder } from '../messages/types.ts';
import { toTimestamp } from '../time.ts';

/** Asks the coordinator to give the agent's cameras to others, a few at a time, and to give it no more. */
export async function orderDrain(
  bus: Bus,
  who: { site: string; agent: string; by: string },
  now: number,
): Promise<void> {
  const order: AgentOrder = { ...who, order: 'drain', at: toTimestamp(now) };
  await send(bus, cameraKey(who.site, who.agent), encodeJson(order));
}

/** The agent takes cameras again. */
export async function cancelDrain(bus: Bus, { site, agent }: { site: string; agent: string }): Promise<void> {
  await send(bus, cameraKey(site, agent), null);
}

async function send(bus: Bus, key: string, value: Buffer | null): Promise<void> {
  const producer = bus.producer();
  try {
    await producer.send(TOPICS.agentOrders.name, { key, value });
  } finally {
    await producer.close();
  }
}
