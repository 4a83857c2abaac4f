import type { Message, TailFrom, TailOptions } from '../types.ts';
import { type Bounds, type Session, toMessage } from './session.ts';

const FETCH_BYTES = 512 * 1024;
const FETCH_RECORDS = 500;

/** One partition of a tail: at most one answer held, the next one asked for when that is used up. */
interface Source {
  readonly partition: number;
  /** End at the call of `tail`. */
  readonly end: number;
  offset: number;
  held: Message[];
  used: number;
  fetching: Promise<void> | undefined;
}

/**
 * Messages without a group. What was there at the call comes in the order of its append times over
 * all partitions (a replay meets records as they happened); what follows comes as it arrives.
 */
export async function* tail(
  session: Session,
  topic: string,
  from: TailFrom,
  { signal, key, stopAtEnd = false }: TailOptions,
): AsyncGenerator<Message, void, undefined> {
  // The generator may be left at any yield; its waiting fetches must end with it.
  const done = new AbortController();
  const abort = (): void => done.abort();
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  try {
    const bounds = await session.bounds(topic, typeof from === 'object' ? from.time : 0);
    const sources = bounds.map((each) => source(each, from));
    while (!done.signal.aborted) {
      const waitingFor: Promise<void>[] = [];
      for (const each of sources) {
        if (each.used < each.held.length || (stopAtEnd && each.offset >= each.end)) continue;
        if (each.fetching === undefined) {
          each.fetching = fill(session, topic, each, key, done.signal);
          // It is awaited below, but a `yield` may lie between.
          each.fetching.catch(() => undefined);
        }
        // Of what was there at the call nothing may overtake; beyond it nobody waits for a calm partition.
        if (each.offset < each.end) waitingFor.push(each.fetching);
      }
      if (waitingFor.length > 0) {
        await Promise.all(waitingFor);
        continue;
      }
      const next = oldest(sources);
      if (next) {
        yield next;
        continue;
      }
      const fetching = sources.flatMap((each) => each.fetching ?? []);
      if (fetching.length === 0) return;
      await Promise.race(fetching);
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    abort();
  }
}

function source({ partition, start, end, atTime }: Bounds, from: TailFrom): Source {
  const offset = from === 'latest' ? end : from === 'earliest' ? start : atTime;
  return { partition, end, offset, held: [], used: 0, fetching: undefined };
}

async function fill(
  session: Session,
  topic: string,
  into: Source,
  key: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { records, next } = await session.fetch(
    {
      topic,
      partition: into.partition,
      offset: into.offset,
      maxRecords: FETCH_RECORDS,
      maxBytes: FETCH_BYTES,
      wait: into.offset >= into.end,
      ...(key === undefined ? {} : { key }),
    },
    signal,
  );
  into.held = records.map((record) => toMessage(topic, into.partition, record));
  into.used = 0;
  into.offset = next;
  into.fetching = undefined;
}

function oldest(sources: Source[]): Message | undefined {
  let first: Source | undefined;
  for (const each of sources) {
    const message = each.held[each.used];
    if (message === undefined) continue;
    if (first === undefined || message.timestamp < (first.held[first.used]?.timestamp ?? 0)) first = each;
  }
  if (first === undefined) return undefined;
  const message = first.held[first.used];
  first.used += 1;
  return message;
}
