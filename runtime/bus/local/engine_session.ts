import { BanksmanError } from '../../errors.ts';
import {
  type Batch,
  type Bounds,
  encodeHeaders,
  type FetchRequest,
  type GroupLag,
  type JoinSpec,
  type MemberEvents,
  type Membership,
  type SentRecord,
  type Session,
  type StoredRecord,
} from '../session/session.ts';
import type { Position } from '../types.ts';
import type { Engine } from './engine.ts';
import type { Member } from './groups.ts';

/** One connection to the engine: when it ends its members leave and its readers wake. */
export class EngineSession implements Session {
  readonly silentMs = Number.POSITIVE_INFINITY;
  readonly #engine: Engine;
  readonly #copy: boolean;
  readonly #onClosed: () => void;
  readonly #members = new Set<Member>();
  readonly #ended = new AbortController();

  constructor(engine: Engine, copy: boolean, onClosed: () => void) {
    this.#engine = engine;
    this.#copy = copy;
    this.#onClosed = onClosed;
  }

  async send(topic: string, record: SentRecord): Promise<Position> {
    this.#check();
    const value = this.#copy && record.value ? Buffer.from(record.value) : record.value;
    return this.#engine.send(topic, { key: record.key, headers: encodeHeaders(record.headers), value });
  }

  async fetch(request: FetchRequest, signal?: AbortSignal): Promise<Batch<StoredRecord>> {
    this.#check();
    // Not AbortSignal.any: what it makes lives as long as its longest-lived source.
    const one = new AbortController();
    const abort = (): void => one.abort();
    signal?.addEventListener('abort', abort);
    this.#ended.signal.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    try {
      const batch = await this.#engine.fetch(request, one.signal);
      this.#check();
      return batch;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#ended.signal.removeEventListener('abort', abort);
    }
  }

  /** As `fetch` without waiting, in the same turn: whoever asks decides how much is held at once. */
  readNow(request: FetchRequest): Batch<StoredRecord> {
    this.#check();
    return this.#engine.read(request);
  }

  /** Resolves when the partition grows, or when `signal` aborts; the caller aborts it with the session. */
  nextAppend({ topic, partition }: FetchRequest, signal: AbortSignal): Promise<void> {
    return this.#engine.nextAppend(topic, partition, signal);
  }

  async bounds(topic: string, time?: number): Promise<Bounds[]> {
    this.#check();
    return this.#engine.bounds(topic, time);
  }

  async lag(group?: string): Promise<GroupLag[]> {
    this.#check();
    return this.#engine.lag(group);
  }

  join(spec: JoinSpec, events: MemberEvents): Membership {
    this.#check();
    const member = this.#engine.join(spec, events);
    this.#members.add(member);
    return {
      ready: member.ready,
      commit: async (positions) => {
        this.#check();
        await this.#engine.commit(member, positions);
      },
      leave: async () => {
        this.#members.delete(member);
        member.leave();
      },
    };
  }

  async close(): Promise<void> {
    this.abort();
  }

  abort(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    for (const member of this.#members) member.leave();
    this.#members.clear();
    this.#onClosed();
  }

  #check(): void {
    if (this.#ended.signal.aborted) throw new BanksmanError('BUS_LOST');
  }
}
