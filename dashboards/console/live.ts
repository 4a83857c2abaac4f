import type { Bus } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { RefusedEdit } from '../../runtime/refused_edit.ts';
import { type SpoolState, waiting } from '../../runtime/stores/objects/waiting.ts';
import type { StateReader, StoredIncident } from '../../runtime/stores/state/types.ts';
import type { CameraViews } from './cameras.ts';
import type { StoreWatch } from './store_watch.ts';

export interface LiveMessage {
  event: 'site' | 'camera' | 'removed' | 'incident' | 'ping';
  data: string;
}

interface LiveDeps {
  bus: Bus;
  clock: Clock;
  log: Logger;
  state: StateReader;
  cameras: CameraViews;
  refusedEdit: () => Promise<RefusedEdit | null>;
  evidence: () => SpoolState;
  store: StoreWatch;
}

/** What a slow browser may have waiting before it is cut off; it reconnects and reads all again. */
const MAX_WAITING = 1_000;
const CAMERAS_MS = 1_000;
const INCIDENTS_MS = 250;
const PING_MS = 4_000;
/** What a page shows before anybody asks for more. */
const FIRST_PAGE = 100;
/** The sink stores a moment after the record is on the bus; after this long it is not coming. */
const DIRTY_LIMIT_MS = 15_000;

/**
 * Watches the store for everybody who follows `/api/v1/events` and says what changed. Topics, or the store itself
 * where it can, only tell *which* incident to read again: what is shown is always what is stored.
 */
export class Live {
  readonly #deps: LiveDeps;
  readonly #followers = new Set<Follower>();
  /** Incidents to read again, with the time when that was noticed: long ago where it is in the store by now. */
  readonly #dirty = new Map<string, number>();
  readonly #said = new Map<string, string>();
  /** Where the store's own list of changes was read to. */
  #cursor: string | undefined;
  readonly #abort = new AbortController();
  readonly #loops: Promise<void>[] = [];

  constructor(deps: LiveDeps) {
    this.#deps = deps;
  }

  start(): void {
    if (this.#deps.state.changed) this.#loops.push(this.#every(INCIDENTS_MS, () => this.#askStore(), true));
    else {
      const topics = ['incidents.v1', 'evidence.v1', 'feedback.v1'] as const;
      for (const topic of topics) this.#loops.push(this.#follow(topic));
    }
    this.#loops.push(this.#every(CAMERAS_MS, () => this.#sayCameras()));
    this.#loops.push(this.#every(INCIDENTS_MS, () => this.#sayIncidents()));
    this.#loops.push(this.#every(PING_MS, async () => this.#say({ event: 'ping', data: '{}' })));
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    for (const follower of this.#followers) follower.end();
    await Promise.allSettled(this.#loops);
  }

  /** Messages from now on. Ends when `signal` aborts, at `stop`, or when the reader is too slow. */
  follow(signal: AbortSignal): AsyncIterable<LiveMessage> {
    const follower = new Follower();
    this.#followers.add(follower);
    signal.addEventListener('abort', () => follower.end());
    follower.onEnd = () => this.#followers.delete(follower);
    return follower;
  }

  async #follow(topic: 'incidents.v1' | 'evidence.v1' | 'feedback.v1'): Promise<void> {
    for await (const message of this.#deps.bus.tail(topic, 'latest', { signal: this.#abort.signal })) {
      try {
        const id = topic === 'incidents.v1' ? parseMessage(topic, message).id : parseMessage(topic, message).incident;
        if (id !== null) this.#dirty.set(id, this.#deps.clock.monotonic());
      } catch (error) {
        this.#deps.log.warn({ err: error }, 'record for the page');
      }
    }
  }

  /** A store that says what changed is asked: it says so when it can be read, and whichever console asks. */
  async #askStore(): Promise<void> {
    const { state } = this.#deps;
    const cursor = this.#cursor;
    // While it is away changes may be forgotten: then everything that is shown first is read again.
    this.#cursor = undefined;
    const changed = await state.changed?.(cursor ?? null);
    if (!changed) return;
    const ids = [...changed.ids];
    if (changed.all || cursor === undefined) {
      const { incidents } = await state.incidents({ limit: FIRST_PAGE });
      ids.push(...incidents.map(({ id }) => id));
    }
    this.#cursor = changed.cursor;
    // Whoever comes to follow reads everything first.
    if (this.#followers.size > 0) for (const id of ids) this.#dirty.set(id, Number.NEGATIVE_INFINITY);
  }

  async #every(ms: number, run: () => Promise<void>, always = false): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#abort;
    let failed = false;
    while (!signal.aborted) {
      await clock.sleep(ms, signal);
      if (signal.aborted || (this.#followers.size === 0 && !always)) continue;
      try {
        await run();
        failed = false;
      } catch (error) {
        if (!failed) log.warn({ err: error }, 'cannot read the state store');
        failed = true;
      }
    }
  }

  async #sayCameras(): Promise<void> {
    const { refusedEdit, evidence, store } = this.#deps;
    const site = { refusedEdit: await refusedEdit(), evidence: waiting(evidence()), stateStore: await store.look() };
    this.#sayChanged('site', 'site', JSON.stringify(site));
    const views = await this.#deps.cameras.all();
    const ids = new Set(views.map((view) => view.id));
    for (const view of views) this.#sayChanged(`camera ${view.id}`, 'camera', JSON.stringify(view));
    for (const key of this.#said.keys()) {
      const id = key.slice('camera '.length);
      if (key.startsWith('camera ') && !ids.has(id)) {
        this.#said.delete(key);
        this.#say({ event: 'removed', data: JSON.stringify({ id }) });
      }
    }
  }

  async #sayIncidents(): Promise<void> {
    const now = this.#deps.clock.monotonic();
    for (const [id, since] of this.#dirty) {
      const incident: StoredIncident | undefined = await this.#deps.state.incident(id);
      if (incident) this.#sayChanged(`incident ${id}`, 'incident', JSON.stringify(incident));
      if (now - since > DIRTY_LIMIT_MS) {
        this.#dirty.delete(id);
        // Bounds the memory; the next change is said in any case.
        this.#said.delete(`incident ${id}`);
      }
    }
  }

  #sayChanged(key: string, event: 'site' | 'camera' | 'incident', data: string): void {
    if (this.#said.get(key) === data) return;
    this.#said.set(key, data);
    this.#say({ event, data });
  }

  #say(message: LiveMessage): void {
    for (const follower of this.#followers) follower.push(message);
  }
}

class Follower implements AsyncIterable<LiveMessage> {
  onEnd: () => void = () => undefined;
  #waiting: LiveMessage[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  push(message: LiveMessage): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.end();
      return;
    }
    this.#waiting.push(message);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.onEnd();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<LiveMessage> {
    while (!this.#ended) {
      const ready = this.#waiting;
      this.#waiting = [];
      yield* ready;
      if (this.#waiting.length === 0 && !this.#ended) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
