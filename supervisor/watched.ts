import type { Bus, Message, Table } from '../runtime/bus/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import { cameraKey } from '../runtime/messages/topics.ts';
import type { CameraRecord } from '../runtime/messages/types.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { fromTimestamp } from '../runtime/time.ts';

const TICK_MS = 500;

export interface WatchedDeps {
  bus: Bus;
  site: string;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
  /** Clock that stamps the camera's times minus this machine's, ms. Default 0: it is the same machine. */
  clockOffsetMs?: (camera: string) => number;
}

/**
 * Whether somebody looks at each configured camera, judged from outside the stages that look: the
 * newest watched interval that went through the rules is younger than what the rules promise.
 * Exported whether the camera's process lives or not.
 */
export class WatchedCameras implements Component {
  readonly name = 'watched';
  readonly #deps: WatchedDeps;
  readonly #cameras: Table;
  /** Capture time up to which the camera was watched, epoch ms. */
  readonly #watchedTo = new Map<string, number>();
  readonly #limits = new Map<string, number>();
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #lastTick = 0;

  constructor(deps: WatchedDeps) {
    this.#deps = deps;
    this.#cameras = deps.bus.table('cameras.v1');
  }

  async start(): Promise<void> {
    await this.#cameras.start();
    for (const [, message] of this.#cameras.entries()) this.#take(message);
    this.#cameras.onChange((message) => this.#take(message));
    void this.#follow();
    this.#lastTick = this.#deps.clock.monotonic();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#abort.abort();
    await this.#cameras.stop();
  }

  isWatched(camera: string): boolean {
    const key = cameraKey(this.#deps.site, camera);
    const to = this.#watchedTo.get(key);
    const limit = this.#limits.get(key);
    const now = this.#deps.clock.now() + (this.#deps.clockOffsetMs?.(camera) ?? 0);
    // Time to come is of a clock that was set back since.
    return to !== undefined && limit !== undefined && Math.abs(now - to) < limit;
  }

  /** A record that nobody can read leaves the one before it in force, as it does with everybody else. */
  #take(message: Message): void {
    try {
      this.#configure(message.key, message.value === null ? null : parseMessage('cameras.v1', message));
    } catch (error) {
      this.#deps.log.warn({ err: error, key: message.key }, 'camera record');
    }
  }

  #configure(key: string, camera: CameraRecord | null): void {
    if (camera) {
      this.#limits.set(key, camera.detect_within_s * 1000);
    } else {
      this.#limits.delete(key);
      this.#watchedTo.delete(key);
      const id = key.slice(key.indexOf('/') + 1);
      this.#deps.metrics.remove('camera_watched', { camera: id });
      this.#deps.metrics.remove('watched_seconds_total', { camera: id });
      this.#deps.metrics.remove('camera_watched_timestamp_seconds', { camera: id });
    }
    this.#deps.metrics.set('cameras_expected', this.#limits.size);
  }

  async #follow(): Promise<void> {
    for await (const message of this.#deps.bus.tail('coverage.v1', 'latest', { signal: this.#abort.signal })) {
      try {
        const coverage = parseMessage('coverage.v1', message);
        if (coverage.watched) this.#watchedTo.set(message.key, fromTimestamp(coverage.to));
      } catch (error) {
        this.#deps.log.warn({ err: error }, 'coverage record');
      }
    }
  }

  #tick(): void {
    const now = this.#deps.clock.monotonic();
    const seconds = (now - this.#lastTick) / 1000;
    this.#lastTick = now;
    for (const key of this.#limits.keys()) {
      const camera = key.slice(key.indexOf('/') + 1);
      const watched = this.isWatched(camera);
      this.#deps.metrics.set('camera_watched', watched ? 1 : 0, { camera });
      this.#deps.metrics.inc('watched_seconds_total', { camera }, watched ? seconds : 0);
      const to = this.#watchedTo.get(key);
      if (to === undefined) continue;
      const here = (to - (this.#deps.clockOffsetMs?.(camera) ?? 0)) / 1_000;
      this.#deps.metrics.set('camera_watched_timestamp_seconds', here, { camera });
    }
  }
}
