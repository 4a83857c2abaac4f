/**
 * Which snapshot of a camera in `processor-state.v1` holds. Not the newest: one that its writer sent before it was
 * cut off may arrive after those of its heir, and input that the heir acknowledged does not come again.
 */
import type { Bus, Message } from '../runtime/bus/types.ts';
import type { Logger } from '../runtime/log.ts';
import type { ProcessorState } from '../runtime/messages/types.ts';
import { lastReadable } from './last_readable.ts';

/** Of two snapshots the one that covers more input holds; of two that cover as much, that of the later owner. */
export interface Rank {
  /** Records that the state holds, of all inputs together: the offsets of one partition only rise. */
  readonly covers: number;
  /** How many owners the camera's state had before, as far as their snapshots tell. */
  readonly term: number;
}

export interface Restored<State> {
  readonly state: State;
  /** Of the owner that restores it. */
  readonly term: number;
  /** One that does not hold lies above it, and would be left when the topic is compacted. */
  readonly outdone: boolean;
}

const COVERS = 'state-covers';
const TERM = 'state-term';

/** As headers, so that a topic with many snapshots of a camera can be read without parsing each. */
export function rankHeaders(covered: ProcessorState['covered'], term: number): Record<string, string> {
  return { [COVERS]: String(coversOf(covered)), [TERM]: String(term) };
}

/** Whether `later`, which lies above `held` in the topic, holds. */
export function replaces(later: Message, held: Message): boolean {
  // Versions that did not say replaced each other in the order of the topic.
  if (later.headers[COVERS] === undefined && held.headers[COVERS] === undefined) return true;
  const [next, before] = [rankOf(later), rankOf(held)];
  return next.covers > before.covers || (next.covers === before.covers && next.term >= before.term);
}

function rankOf({ headers, value }: Message): Rank {
  const covers = headers[COVERS];
  if (covers !== undefined) return { covers: Number(covers), term: Number(headers[TERM] ?? 0) };
  try {
    return { covers: coversOf(JSON.parse(String(value)).covered ?? {}), term: 0 };
  } catch {
    return { covers: 0, term: 0 };
  }
}

function coversOf(covered: ProcessorState['covered']): number {
  return Object.values(covered).reduce((sum, offset) => sum + Number(offset) + 1, 0);
}

/**
 * The states of one processor, by `site/camera`.
 * @param isWanted asked of each camera once
 * @param read undefined for what this version does not understand
 */
export async function restoreStates<State>(
  { bus, log }: { bus: Bus; log: Logger },
  processor: string,
  isWanted: (camera: string) => boolean,
  read: (message: Message) => State | undefined,
): Promise<Map<string, Restored<State>>> {
  const outdone = new Set<string>();
  const table = bus.table('processor-state.v1', {
    replaces: (later, held) => {
      const isBetter = replaces(later, held);
      if (isBetter) outdone.delete(later.key);
      else outdone.add(later.key);
      return isBetter;
    },
  });
  await table.start();
  const found = new Map<string, Restored<State>>();
  const spoiled = new Map<string, string>();
  const take = (camera: string, state: State, message: Message): void => {
    found.set(camera, { state, term: rankOf(message).term + 1, outdone: outdone.has(message.key) });
  };
  for (const [key, message] of table.entries()) {
    const camera = key.slice(processor.length + 1);
    if (!key.startsWith(`${processor}/`) || !isWanted(camera)) continue;
    const state = read(message);
    if (state === undefined) spoiled.set(key, camera);
    else take(camera, state, message);
  }
  await table.stop();
  const before = await lastReadable(bus, new Set(spoiled.keys()), read, replaces);
  for (const [key, camera] of spoiled) {
    const last = before.get(key);
    if (last) take(camera, last.state, last.message);
    const outcome = last ? 'the one before it is taken' : 'the camera starts afresh';
    log.error({ key }, `state that this version cannot read: ${outcome}`);
  }
  return found;
}
