import type { Bus } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { RefusedEdit } from '../../runtime/refused_edit.ts';
import { type SpoolState, waiting } from '../../runtime/stores/objects/waiting.ts';
import type { StateReader, StoredIncident } from '../../runtime/stores/state/types.ts';
import type { CameraViews } from './cameras.ts';

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
}

/** What a slow browser may have waiting before it is cut off; it reconnects and reads all again. */
const MAX_WAITING = 1_000;
const CAMERAS_MS = 1_000;
const INCIDENTS_MS = 250;
const PING_MS = 4_000;
/** The sink stores a moment after the record is on the bus; after this long it is not coming. */
const DIRTY_LIMIT_MS = 15_000;

/**
 * Watches the store for everybody who follows `/api/v1/events` and says what changed. Topics only
 * tell *which* incident to read again: what is shown is always what is stored.
 */
export class Live {
  readonly #deps: LiveDeps;
  readonly #followers = new Set<Follower>();
  /** Incidents to read again, with the time when that was noticed. */
  readonly #dirty = new Map<string, number>();
  readonly #said = new Map<string, string>();
  readonly #abort = new AbortController();
  readonly #loops: Promise<void>[] = [];

  constructor(deps: LiveDeps) {
    this.#deps = deps;
  }

  start(): void {
    for (const topic of ['incidents.v1', 'evidence.v1', 'feedback.v1'] as const) this.#loops.push(this.#follow(topic));
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

  async #every(ms: number, run: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#abort;
    let failed = false;
    while (!signal.aborted) {
      await clock.sleep(ms, signal);
      if (signal.aborted || this.#followers.size === 0) continue;
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
    const refusedEdit = await this.#deps.refusedEdit();
    this.#sayChanged('site', 'site', JSON.stringify({ refusedEdit, evidence: waiting(this.#deps.evidence()) }));
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
