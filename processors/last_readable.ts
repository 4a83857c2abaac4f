import type { Bus, Message } from '../runtime/bus/types.ts';

/** A mistake spoils few states. Those of many were written by another version, and all before them were. */
const MAX_SPOILED = 20;

/**
 * The newest state of each of these keys of `processor-state.v1` that can be read. Where a cluster keeps the topic,
 * what was written before the record that nobody can read is still there until the cluster compacts it.
 * @param read undefined for what cannot be read
 */
export async function lastReadable<State>(
  bus: Pick<Bus, 'tail'>,
  keys: ReadonlySet<string>,
  read: (message: Message) => State | undefined,
): Promise<Map<string, State>> {
  const found = new Map<string, State>();
  if (keys.size === 0 || keys.size > MAX_SPOILED) return found;
  for await (const message of bus.tail('processor-state.v1', 'earliest', { stopAtEnd: true })) {
    if (!keys.has(message.key)) continue;
    const state = message.value === null ? undefined : read(message);
    if (state !== undefined) found.set(message.key, state);
    else if (message.value === null) found.delete(message.key);
  }
  return found;
}
