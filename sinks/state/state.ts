import type { Bus, Consumer, Delivery, Producer, TopicPartition } from '../../runtime/bus/types.ts';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import { sendDeadLetter } from '../../runtime/messages/dead_letters.ts';
import type { StateChange, StateStore } from '../../runtime/stores/state/types.ts';
import { fromTimestamp, toTimestamp } from '../../runtime/time.ts';
import type { SinkDeps } from '../deps.ts';
import { Trouble } from '../trouble.ts';
import { Batcher } from './batcher.ts';
import { changeOf, STATE_TOPICS } from './changes.ts';
import { Ledger } from './ledger.ts';
import { LatestPictures } from './pictures.ts';
import { Rebuilder } from './rebuild.ts';

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
/** How often the store is compared with what was brought into it, when no write says that it should be. */
const LOOK_EVERY_MS = 5_000;
/** Before the next look at a store that lost something. */
const LOOK_AGAIN_MS = 500;

/** Keeps the live state that console and command line read. Emits nothing but metrics. */
export class StateSink implements Component {
  readonly name = 'state';
  readonly #deps: SinkDeps;
  readonly #options: StateSinkOptions;
  readonly #ledger = new Ledger();
  readonly #trouble: Trouble;
  readonly #batcher: Batcher;
  readonly #pictures: LatestPictures;
  readonly #stopping = new AbortController();
  #consumer: Consumer | undefined;
  #producer: Producer | undefined;
  #retention: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  #look: () => void = () => undefined;

  constructor(deps: SinkDeps, options: StateSinkOptions) {
    const log = deps.log.child({ sink: 'state' });
    this.#deps = { ...deps, log };
    this.#options = options;
    const { clock, metrics } = deps;
    this.#trouble = new Trouble(log, 'the state store');
    this.#batcher = new Batcher({
      store: options.store,
      ledger: this.#ledger,
      trouble: this.#trouble,
      onBehind: () => this.#look(),
      clock,
      metrics,
      gatherMs: options.gatherMs ?? 100,
      maxBatch: 1000,
    });
    this.#pictures = new LatestPictures(this.#deps, options.store, options.pictureMs ?? 1000);
  }

  async start(): Promise<void> {
    this.#producer = this.#deps.bus.producer();
    this.#consumer = this.#deps.bus.consumer('state', STATE_TOPICS, (delivery) => this.#take(delivery), {
      maxInFlight: IN_FLIGHT,
      onAssigned: (partitions) => this.#assigned(partitions),
      onRevoked: (partitions) => {
        for (const one of partitions) this.#ledger.revoked(one);
      },
      ...(this.#options.onError ? { onError: this.#options.onError } : {}),
    });
    await this.#consumer.start();
    await this.#pictures.start();
    this.#retention = this.#retain();
    this.#looking = this.#lookForLosses();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#look();
    this.#consumer?.pause();
    await this.#pictures.stop();
    await this.#batcher.stop();
    await this.#retention;
    await this.#looking;
    await this.#consumer?.stop();
    await this.#producer?.close();
    await this.#options.store.close();
  }

  async #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    // Only a store that can lose something is compared with what the group acknowledged.
    const lags = this.#options.store.healing ? await this.#lags() : [];
    for (const { topic, partition } of partitions) {
      const own = lags.find((lag) => lag.group === 'state' && lag.topic === topic && lag.partition === partition);
      this.#ledger.assigned({ topic, partition }, own?.committed ?? 0);
    }
  }

  async #lags(): Promise<Awaited<ReturnType<Bus['lag']>>> {
    try {
      return await this.#deps.bus.lag();
    } catch (error) {
      // What this sink brings in from now on is compared all the same.
      this.#deps.log.warn({ err: asError(error) }, 'what was acknowledged before cannot be asked');
      return [];
    }
  }

  async #take(delivery: Delivery): Promise<void> {
    let change: StateChange | undefined;
    try {
      change = changeOf(this.#deps.site, delivery);
    } catch (error) {
      await this.#putAside(delivery, error);
      // In its turn: what the store has taken goes on past it.
    }
    this.#batcher.add({
      message: delivery,
      change,
      done: () => {
        delivery.ack();
        this.#measure(change);
      },
      refused: async (error) => {
        await this.#putAside(delivery, error);
        delivery.ack();
      },
    });
  }

  async #putAside(delivery: Delivery, error: unknown): Promise<void> {
    if (this.#producer) await sendDeadLetter(this.#producer, delivery, error, this.#deps);
  }

  #measure(change: StateChange | undefined): void {
    if (change?.kind !== 'incident') return;
    const seconds = (this.#deps.clock.now() - fromTimestamp(change.incident.updatedAt)) / 1000;
    this.#deps.metrics.observe('stage_seconds', Math.max(0, seconds), { stage: 'state' });
  }

  /** For as long as the sink runs; what the store's server lost is read from the topics again. */
  async #lookForLosses(): Promise<void> {
    const { store } = this.#options;
    const { healing } = store;
    if (!healing) return;
    const { bus, site, log, metrics } = this.#deps;
    const { signal } = this.#stopping;
    let advised = false;
    const rebuilder = new Rebuilder({ bus, site, log, metrics, healing, ledger: this.#ledger });
    while (!signal.aborted) {
      let lost = false;
      try {
        lost = await rebuilder.check(signal);
        if (!advised) for (const advice of (await store.advice?.()) ?? []) log.warn(advice);
        advised = true;
        metrics.set('store_available', 1, { store: 'state' });
        this.#trouble.end();
      } catch (error) {
        const code = error instanceof BanksmanError ? error.code : 'INTERNAL';
        metrics.inc('store_errors_total', { store: 'state', reason: code });
        metrics.set('store_available', 0, { store: 'state' });
        this.#trouble.begin(code, { err: asError(error) });
      }
      await this.#untilLook(lost ? LOOK_AGAIN_MS : LOOK_EVERY_MS, signal);
    }
  }

  async #untilLook(ms: number, signal: AbortSignal): Promise<void> {
    const waiting = new AbortController();
    this.#look = () => waiting.abort();
    if (signal.aborted) return;
    await this.#deps.clock.sleep(ms, waiting.signal);
    this.#look = () => undefined;
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
