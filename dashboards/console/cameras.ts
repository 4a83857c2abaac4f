import type { Bus, Message, Table } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type BanksmanError, ERRORS, isErrorCode } from '../../runtime/errors.ts';
import { AgentClocks } from '../../runtime/fleet/clocks.ts';
import type { KnownAgent } from '../../runtime/fleet/roster.ts';
import type { Logger } from '../../runtime/log.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { CameraStatus } from '../../runtime/messages/types.ts';
import { isStoreAway } from '../../runtime/stores/state/away.ts';
import { type CameraLive, isWatched, type StateReader } from '../../runtime/stores/state/types.ts';
import { toTimestamp } from '../../runtime/time.ts';
import type { CameraView } from './views.ts';

/** The agent refreshes a status at least every 5 s; one this old is of an agent that is gone. */
const STATUS_LIMIT_MS = 15_000;
/** More open incidents than this are counted as this many. */
const OPEN_LIMIT = 500;

/** What is to be known of a camera's record; `detect_within_s` null: nobody can read it. */
interface Configured {
  camera: string;
  detect_within_s: number | null;
}

/** What the store said. */
interface Known {
  byCamera: Map<string, CameraLive>;
  openOf: Map<string, number>;
}

/** Every configured camera as people see it: configuration, live state and open incidents in one. */
export class CameraViews {
  readonly #site: string;
  readonly #clock: Clock;
  readonly #state: StateReader;
  readonly #table: Table;
  /** By key. A record that nobody can read leaves the one before it; where there was none it is a camera all the same. */
  readonly #configured = new Map<string, Configured>();
  readonly #clocks: AgentClocks;
  #known: Known = { byCamera: new Map(), openOf: new Map() };

  constructor(deps: { bus: Bus; site: string; clock: Clock; log: Logger; state: StateReader }) {
    this.#site = deps.site;
    this.#clock = deps.clock;
    this.#state = deps.state;
    this.#table = deps.bus.table('cameras.v1');
    this.#clocks = new AgentClocks(deps);
  }

  async start(): Promise<void> {
    await this.#table.start();
    for (const [, message] of this.#table.entries()) this.#configure(message);
    this.#table.onChange((message) => this.#configure(message));
    await this.#clocks.start();
  }

  async stop(): Promise<void> {
    await this.#clocks.stop();
    await this.#table.stop();
  }

  /** Sorted by id. While the store is away: what was known last, and that nobody can tell more. */
  async all(): Promise<CameraView[]> {
    let away: BanksmanError | undefined;
    try {
      this.#known = await this.#read();
    } catch (error) {
      if (!isStoreAway(error)) throw error;
      away = error;
    }
    const { byCamera, openOf } = this.#known;
    const views: CameraView[] = [];
    for (const camera of this.#configured.values()) {
      // What is told of it was stamped by its agent's clock.
      const now = this.#clock.now() + this.#clocks.offsetMs(camera.camera);
      const [live, open] = [byCamera.get(camera.camera), openOf.get(camera.camera) ?? 0];
      const view = away ? untold(camera, live, open, away, now) : cameraView(camera, live, open, now);
      views.push(camera.detect_within_s === null ? unreadable(view) : view);
    }
    return views.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #configure(message: Message): void {
    const { key, value } = message;
    const prefix = cameraKey(this.#site, '');
    if (!key.startsWith(prefix)) return;
    if (value === null) this.#configured.delete(key);
    else {
      try {
        this.#configured.set(key, parseMessage('cameras.v1', message));
      } catch {
        const before = this.#configured.get(key);
        this.#configured.set(key, before ?? { camera: key.slice(prefix.length), detect_within_s: null });
      }
    }
  }

  async #read(): Promise<Known> {
    const [live, open] = await Promise.all([
      this.#state.cameras(this.#site),
      this.#state.incidents({ site: this.#site, state: ['open', 'unobserved'], limit: OPEN_LIMIT }),
    ]);
    const openOf = new Map<string, number>();
    for (const { camera } of open.incidents) openOf.set(camera, (openOf.get(camera) ?? 0) + 1);
    return { byCamera: new Map(live.map((camera) => [camera.camera, camera])), openOf };
  }

  /** Ingest agents that live. */
  agents(): KnownAgent[] {
    return this.#clocks.living();
  }

  isConfigured(camera: string): boolean {
    return this.#table.get(cameraKey(this.#site, camera)) !== undefined;
  }
}

/** Pure. */
export function cameraView(
  camera: Configured,
  live: CameraLive | undefined,
  openIncidents: number,
  nowMs: number,
): CameraView {
  const { site: _site, camera: id, ...status } = currentStatus(camera.camera, live?.status ?? null, nowMs);
  return {
    id,
    ...status,
    mend: status.reason !== null && isErrorCode(status.reason) ? ERRORS[status.reason].mend : null,
    watched: live ? isWatched(live, nowMs, camera.detect_within_s ?? 0) : false,
    snapshot: live?.picture
      ? { url: `/api/v1/cameras/${encodeURIComponent(id)}/snapshot.jpg`, captureTime: live.picture.captureTime }
      : null,
    openIncidents,
  };
}

/** As it was when the store could be read last; green it is not, because nobody can tell. */
function untold(
  camera: Configured,
  live: CameraLive | undefined,
  openIncidents: number,
  { code, mend }: BanksmanError,
  nowMs: number,
): CameraView {
  const readAt = live?.status ? Date.parse(live.status.updatedAt) : nowMs;
  const view = cameraView(camera, live, openIncidents, readAt);
  return { ...view, watched: false, reason: code, detail: 'not known now: the state store cannot be read', mend };
}

/** Nobody can look at a camera whose record nobody can read. */
function unreadable(view: CameraView): CameraView {
  const { message, mend } = ERRORS.MESSAGE_INVALID;
  return { ...view, state: 'stopped', reason: 'MESSAGE_INVALID', detail: `its record in cameras.v1: ${message}`, mend };
}

/** A state that nobody refreshes any more is not believed. */
function currentStatus(camera: string, status: CameraStatus | null, nowMs: number): CameraStatus {
  if (status && nowMs - Date.parse(status.updatedAt) < STATUS_LIMIT_MS) return status;
  const silent: CameraStatus = {
    site: '',
    camera,
    epoch: 0,
    agent: '',
    state: status ? 'stopped' : 'connecting',
    reason: null,
    detail: null,
    since: toTimestamp(nowMs),
    updatedAt: toTimestamp(nowMs),
    runId: null,
    watched: false,
    fps: { received: 0, decoded: 0, published: 0 },
    stream: null,
    limitedFps: null,
    media: null,
  };
  if (!status) return silent;
  return {
    ...status,
    state: 'stopped',
    reason: status.state === 'stopped' ? status.reason : 'ROLE_FAILED',
    detail: status.state === 'stopped' ? status.detail : 'nothing was heard of this camera’s ingest agent',
    since: status.updatedAt,
    fps: silent.fps,
    media: null,
  };
}
