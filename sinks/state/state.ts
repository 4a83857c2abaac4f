import type { Consumer, Delivery, Producer } from '../../runtime/bus/types.ts';
import { asError } from '../../runtime/errors.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import { sendDeadLetter } from '../../runtime/messages/dead_letters.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { TOPICS } from '../../runtime/messages/topics.ts';
import type { StateChange, StateStore } from '../../runtime/stores/state/types.ts';
import { fromTimestamp, toTimestamp } from '../../runtime/time.ts';
import type { SinkDeps } from '../deps.ts';
import { Batcher } from './batcher.ts';
import { LatestPictures } from './pictures.ts';

export interface StateSinkOptions {
  store: StateStore;
  /** Closed incidents and coverage older than this are forgotten, unless held. */
  retentionDays: number;
  /** How long changes are gathered into one transaction. Default 100. */
  gatherMs?: number;
  /** The bus does not deliver any more: the role has to end. */
  onError?: (error: Error) => void;
  /** Between two pictures of one camera. Default 1000. */
  pictureMs?: number;
}

const RETAIN_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
const IN_FLIGHT = 500;
const TOPICS_IN = [TOPICS.status, TOPICS.coverage, TOPICS.incidents, TOPICS.evidence, TOPICS.feedback];

/** Keeps the live state that console and command line read. Emits nothing but metrics. */
export class StateSink implements Component {
  readonly name = 'state';
  readonly #deps: SinkDeps;
  readonly #options: StateSinkOptions;
  readonly #batcher: Batcher;
  readonly #pictures: LatestPictures;
  readonly #stopping = new AbortController();
  #consumer: Consumer | undefined;
  #producer: Producer | undefined;
  #retention: Promise<void> | undefined;

  constructor(deps: SinkDeps, options: StateSinkOptions) {
    const log = deps.log.child({ sink: 'state' });
    this.#deps = { ...deps, log };
    this.#options = options;
    const { clock, metrics } = deps;
    const gatherMs = options.gatherMs ?? 100;
    this.#batcher = new Batcher({ store: options.store, clock, metrics, log, gatherMs, maxBatch: 1000 });
    this.#pictures = new LatestPictures(this.#deps, options.store, options.pictureMs ?? 1000);
  }

  async start(): Promise<void> {
    this.#producer = this.#deps.bus.producer();
    const topics = TOPICS_IN.map((topic) => topic.name);
    this.#consumer = this.#deps.bus.consumer('state', topics, (delivery) => this.#take(delivery), {
      maxInFlight: IN_FLIGHT,
      ...(this.#options.onError ? { onError: this.#options.onError } : {}),
    });
    await this.#consumer.start();
    await this.#pictures.start();
    this.#retention = this.#retain();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#consumer?.pause();
    await this.#pictures.stop();
    await this.#batcher.stop();
    await this.#retention;
    await this.#consumer?.stop();
    await this.#producer?.close();
    await this.#options.store.close();
  }

  async #take(delivery: Delivery): Promise<void> {
    let change: StateChange | undefined;
    try {
      change = this.#changeOf(delivery);
    } catch (error) {
      await this.#putAside(delivery, error);
      return;
    }
    if (!change) return delivery.ack();
    this.#batcher.add({
      change,
      done: () => {
        delivery.ack();
        this.#measure(change);
      },
      refused: (error) => this.#putAside(delivery, error),
    });
  }

  /** @returns undefined for what is no news here. @throws MESSAGE_INVALID */
  #changeOf(delivery: Delivery): StateChange | undefined {
    switch (delivery.topic) {
      case TOPICS.status.name: {
        if (delivery.value !== null) return { kind: 'status', status: parseMessage('camera.status.v1', delivery) };
        const prefix = `${this.#deps.site}/`;
        if (!delivery.key.startsWith(prefix)) return undefined;
        return { kind: 'camera_removed', site: this.#deps.site, camera: delivery.key.slice(prefix.length) };
      }
      case TOPICS.coverage.name:
        return { kind: 'coverage', coverage: parseMessage('coverage.v1', delivery) };
      case TOPICS.incidents.name:
        return { kind: 'incident', incident: parseMessage('incidents.v1', delivery) };
      case TOPICS.evidence.name:
        return { kind: 'evidence', evidence: parseMessage('evidence.v1', delivery) };
      case TOPICS.feedback.name:
        return { kind: 'feedback', feedback: parseMessage('feedback.v1', delivery) };
      default:
        return undefined;
    }
  }

  async #putAside(delivery: Delivery, error: unknown): Promise<void> {
    if (!this.#producer) return;
    await sendDeadLetter(this.#producer, delivery, error, this.#deps);
    delivery.ack();
  }

  #measure(change: StateChange): void {
    if (change.kind !== 'incident') return;
    const seconds = (this.#deps.clock.now() - fromTimestamp(change.incident.updatedAt)) / 1000;
    this.#deps.metrics.observe('stage_seconds', Math.max(0, seconds), { stage: 'state' });
  }

  async #retain(): Promise<void> {
    const { clock, log } = this.#deps;
    const { store, retentionDays } = this.#options;
    while (!this.#stopping.signal.aborted) {
      try {
        const removed = await store.retain({ before: toTimestamp(clock.now() - retentionDays * DAY_MS) });
        if (removed > 0) log.info({ removed }, 'old incidents forgotten');
      } catch (error) {
        log.warn({ err: asError(error) }, 'old incidents stay for now');
      }
      await clock.sleep(RETAIN_EVERY_MS, this.#stopping.signal);
    }
  }
}
