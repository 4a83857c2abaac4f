import type { Bus, Message } from '../runtime/bus/types.ts';

/** A mistake spoils few states. Those of many were written by another version, and all before them were. */
const MAX_SPOILED = 20;

export interface Readable<State> {
  readonly state: State;
  readonly message: Message;
}

/**
 * The state that holds of each of these keys of `processor-state.v1`, of those that can be read. Where a cluster keeps the topic,
 * what was written before the record that nobody can read is still there until the cluster compacts it.
 * @param read undefined for what cannot be read
 * @param replaces whether the later of two holds
 */
export async function lastReadable<State>(
  bus: Pick<Bus, 'tail'>,
  keys: ReadonlySet<string>,
  read: (message: Message) => State | undefined,
  replaces: (later: Message, held: Message) => boolean,
): Promise<Map<string, Readable<State>>> {
  const found = new Map<string, Readable<State>>();
  if (keys.size === 0 || keys.size > MAX_SPOILED) return found;
  for await (const message of bus.tail('processor-state.v1', 'earliest', { stopAtEnd: true })) {
    if (!keys.has(message.key)) continue;
    if (message.value === null) {
      found.delete(message.key);
      continue;
    }
    const state = read(message);
    const held = found.get(message.key);
    if (state !== undefined && (!held || replaces(message, held.message))) found.set(message.key, { state, message });
  }
  return found;
}
