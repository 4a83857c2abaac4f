import { partitionOf } from '../../runtime/bus/murmur2.ts';
import type { Bus, Consumer, Delivery, Message, Producer, Table, TopicPartition } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { sendDeadLetter } from '../../runtime/messages/dead_letters.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey, TOPICS } from '../../runtime/messages/topics.ts';
import type { CameraAttention, CameraRecord } from '../../runtime/messages/types.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { fromTimestamp, toTimestamp } from '../../runtime/time.ts';
import { applyEntry, starve } from './apply.ts';
import { announce } from './attention.ts';
import { Lane, PROCESSOR } from './lane.ts';
import { type Entry, merge, release, restartWaiting } from './merge.ts';
import { readState, startCamera } from './state.ts';

/** Records of one camera taken and not acknowledged before a commit is due ahead of time. */
const MAX_UNACKNOWLEDGED = 200;

export interface CleanupDeps {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
}

export interface CleanupOptions {
  /** Between snapshots. Default 1000. */
  snapshotMs?: number;
  /** Without input for this long a camera is starved, said again every `repeatMs`. Default 5000 and 2000. */
  silentMs?: number;
  repeatMs?: number;
  /** Called once when it cannot go on (the bus is gone, a snapshot failed): the role should end. */
  onError?: (error: Error) => void;
}

/** How often waiting observations and silent cameras are looked after. */
const TICK_MS = 250;

/** After a take-over frames wait at most this long for the observations that were there before. */
const CATCH_UP_MS = 5000;

/** Frames of a partition that wait until its observations are read, so that both are applied in one order again. */
interface CatchUp {
  /** Offset of the last observation that was there. */
  last: number;
  until: number;
  held: Delivery[];
}

interface Running {
  producer: Producer;
  consumer: Consumer;
  cameras: Table;
  unsubscribe: () => void;
  stop: AbortController;
}

/** Turns `detections.v1` and `observations.v1` into `tracks.v1`, and asks for attention. */
export class CleanupProcessor implements Component {
  readonly name = PROCESSOR;
  readonly #deps: CleanupDeps;
  readonly #options: CleanupOptions;
  /** By `site/camera`. */
  readonly #lanes = new Map<string, Lane>();
  readonly #cameras = new Map<string, CameraRecord>();
  /** By partition. */
  readonly #catchUps = new Map<number, CatchUp>();
  #running: Running | undefined;
  #failed = false;

  constructor(deps: CleanupDeps, options: CleanupOptions = {}) {
    this.#deps = deps;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bus } = this.#deps;
    const cameras = bus.table('cameras.v1');
    await cameras.start();
    for (const [key, message] of cameras.entries()) this.#configure(key, message);
    const unsubscribe = cameras.onChange((message) => this.#configure(message.key, message));
    const topics = ['detections.v1', 'observations.v1'];
    const consumer = bus.consumer(PROCESSOR, topics, (delivery) => this.#handle(delivery), {
      onAssigned: (partitions) => this.#restore(partitions),
      onRevoked: (partitions) => this.#release(partitions),
      onError: (error) => this.#fail(error),
    });
    this.#running = { producer: bus.producer(), consumer, cameras, unsubscribe, stop: new AbortController() };
    await consumer.start();
    void this.#everyTick(this.#running.stop.signal);
    void this.#everySnapshot(this.#running.stop.signal);
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.stop.abort();
    running.unsubscribe();
    running.consumer.pause();
    // Acknowledge what is taken while the consumer can still commit it.
    if (!this.#failed) await this.#commitAll();
    await running.consumer.stop();
    this.#lanes.clear();
    this.#catchUps.clear();
    await running.cameras.stop();
    await running.producer.close();
  }

  #handle(delivery: Delivery): void | Promise<void> {
    const catchUp = this.#catchUps.get(delivery.partition);
    if (!catchUp) return this.#take(delivery);
    if (delivery.topic === 'detections.v1') {
      catchUp.held.push(delivery);
      return;
    }
    const taken = this.#take(delivery);
    if (delivery.offset < catchUp.last) return taken;
    return this.#caughtUp(delivery.partition, catchUp, taken);
  }

  async #caughtUp(partition: number, { held }: CatchUp, before?: void | Promise<void>): Promise<void> {
    await before;
    for (;;) {
      const delivery = held.shift();
      if (!delivery) break;
      await this.#take(delivery);
    }
    this.#catchUps.delete(partition);
  }

  #take(delivery: Delivery): void | Promise<void> {
    const running = this.#running;
    // Not acknowledged: whoever takes over applies it.
    if (!running) return;
    let entry: Entry;
    try {
      entry = readEntry(delivery);
    } catch (error) {
      return sendDeadLetter(running.producer, delivery, error, this.#deps).then(() => delivery.ack());
    }
    const { site, camera } = entry.record;
    if (this.#cameras.size > 0 && !this.#cameras.has(cameraKey(site, camera))) {
      // Removed while its last records were on their way.
      this.#deps.metrics.inc('records_stale_total', { reason: 'camera' });
      return delivery.ack();
    }
    const lane = this.#laneOf(site, camera, delivery.partition, running.producer);
    if (lane.covers(delivery)) {
      this.#deps.metrics.inc('records_stale_total', { reason: 'covered' });
      return delivery.ack();
    }
    const now = this.#deps.clock.monotonic();
    const merged = merge(lane.state.merge, entry, now);
    lane.state.merge = merged.state;
    lane.took(delivery, this.#cameras.get(cameraKey(site, camera))?.configHash ?? '');
    if (merged.dropped === null) Object.assign(lane, { heardAt: now, heardTo: timeOf(entry), starvedAt: null });
    else this.#deps.metrics.inc('records_stale_total', { reason: merged.dropped });
    if (merged.missing > 0) this.#countMissing(merged.missing);
    this.#apply(lane, merged.ready);
    if (lane.unacknowledged === MAX_UNACKNOWLEDGED) void lane.commit().catch((error: unknown) => this.#fail(error));
  }

  #apply(lane: Lane, entries: readonly Entry[]): void {
    const { clock, metrics } = this.#deps;
    const { site, camera } = lane.state;
    for (const entry of entries) {
      const tracks = applyEntry(lane.state, entry, this.#cameras.get(cameraKey(site, camera)));
      lane.publish(tracks);
      for (const [reason, count] of Object.entries(tracks.rejected)) {
        metrics.inc('detections_rejected_total', { reason }, count);
      }
      if (tracks.kind !== 'looked') continue;
      const seconds = (clock.now() - fromTimestamp(tracks.to)) / 1000;
      metrics.observe('stage_seconds', Math.max(0, seconds), { stage: PROCESSOR });
    }
    if (entries.length > 0) this.#announce(lane);
  }

  /** Newest wins and it is repeated: a message that is lost does no harm. */
  #announce(lane: Lane): void {
    const { state, publish } = announce(lane.state.attention, this.#deps.clock.monotonic());
    lane.state.attention = state;
    if (!publish) return;
    const { site, camera } = lane.state;
    const value: CameraAttention = {
      site,
      camera,
      keepUntil: toTimestamp(publish.keepUntil),
      maxFps: publish.maxFps === null ? null : Math.round(publish.maxFps * 100) / 100,
    };
    const message = { key: cameraKey(site, camera), value: encodeJson(value) };
    this.#running?.producer.send('camera.attention.v1', message).catch(() => undefined);
  }

  #laneOf(site: string, camera: string, partition: number, producer: Producer): Lane {
    const key = cameraKey(site, camera);
    let lane = this.#lanes.get(key);
    if (!lane) {
      const heard = { at: this.#deps.clock.monotonic(), to: null };
      lane = new Lane(producer, partition, startCamera(site, camera), new Map(), heard);
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** States of the cameras in these partitions. Their keys lie in other partitions than the cameras' do. */
  async #restore(partitions: TopicPartition[]): Promise<void> {
    const { bus, clock, log } = this.#deps;
    const producer = this.#running?.producer;
    if (!producer) return;
    const mine = new Set(partitions.map(({ partition }) => partition));
    const table = bus.table('processor-state.v1');
    await table.start();
    for (const [key, message] of table.entries()) {
      if (!key.startsWith(`${PROCESSOR}/`)) continue;
      const camera = key.slice(PROCESSOR.length + 1);
      const partition = partitionOf(camera, TOPICS.detections.partitions);
      // Both topics of a partition are assigned together, and each may say so.
      if (!mine.has(partition) || this.#lanes.has(camera)) continue;
      const restored = readState(message);
      if (!restored) {
        log.error({ key }, 'state that this version cannot read: the camera starts afresh');
        continue;
      }
      const { state, covered } = restored;
      const now = clock.monotonic();
      state.merge = restartWaiting(state.merge, now);
      this.#lanes.set(camera, new Lane(producer, partition, state, covered, { at: now, to: state.to }));
    }
    await table.stop();
    const until = clock.monotonic() + CATCH_UP_MS;
    for (const { group, topic, partition, lag, end } of await bus.lag()) {
      if (group !== PROCESSOR || topic !== 'observations.v1' || lag === 0 || !mine.has(partition)) continue;
      if (this.#catchUps.has(partition)) continue;
      this.#catchUps.set(partition, { last: end - 1, until, held: [] });
    }
  }

  async #release(partitions: TopicPartition[]): Promise<void> {
    for (const { partition } of partitions) this.#catchUps.delete(partition);
    const lost = new Set(partitions.map(({ partition }) => partition));
    const leaving = [...this.#lanes].filter(([, lane]) => lost.has(lane.partition));
    await Promise.all(leaving.map(([, lane]) => lane.commit()));
    for (const [key] of leaving) this.#lanes.delete(key);
  }

  /** One record of `cameras.v1`. A camera that is gone takes its state with it. */
  #configure(key: string, message: Message): void {
    if (message.value === null) {
      this.#cameras.delete(key);
      const lane = this.#lanes.get(key);
      this.#lanes.delete(key);
      lane?.remove().catch((error: unknown) => this.#fail(error));
      return;
    }
    try {
      this.#cameras.set(key, parseMessage('cameras.v1', message));
    } catch (error) {
      this.#deps.log.error({ key, err: error }, 'camera record that does not parse; the one before stays');
    }
  }

  async #everyTick(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.#deps.clock.sleep(TICK_MS, stop);
      if (stop.aborted || this.#failed) return;
      for (const [partition, catchUp] of this.#catchUps) {
        if (this.#deps.clock.monotonic() < catchUp.until) continue;
        await this.#caughtUp(partition, catchUp).catch((error: unknown) => this.#fail(error));
      }
      for (const [key, lane] of this.#lanes) this.#lookAfter(key, lane);
    }
  }

  /** Observations that waited too long, and cameras of which nothing comes. */
  #lookAfter(key: string, lane: Lane): void {
    const { silentMs = 5000, repeatMs = 2000 } = this.#options;
    const now = this.#deps.clock.monotonic();
    const { state, ready, missing } = release(lane.state.merge, now);
    if (ready.length > 0) {
      lane.state.merge = state;
      this.#countMissing(missing);
      this.#apply(lane, ready);
    }
    if (!this.#cameras.has(key) || lane.heardTo === null || now - lane.heardAt < silentMs) return;
    if (lane.starvedAt !== null && now - lane.starvedAt < repeatMs) return;
    lane.starvedAt = now;
    lane.publish(starve(lane.state, lane.heardTo + (now - lane.heardAt)));
  }

  /** Frames that were gone before detection could read them. */
  #countMissing(count: number): void {
    this.#deps.metrics.inc('frames_shed_total', { reason: 'missing', purpose: 'live' }, count);
  }

  async #everySnapshot(stop: AbortSignal): Promise<void> {
    const { snapshotMs = 1000 } = this.#options;
    while (!stop.aborted) {
      await this.#deps.clock.sleep(snapshotMs, stop);
      if (stop.aborted || this.#failed) return;
      await this.#commitAll().catch((error: unknown) => this.#fail(error));
    }
  }

  async #commitAll(): Promise<void> {
    let active = 0;
    for (const { state } of this.#lanes.values()) {
      active += state.scene.tracker.tracks.filter((track) => !track.tentative && track.missed === 0).length;
    }
    this.#deps.metrics.set('tracks_active', active);
    await Promise.all([...this.#lanes.values()].map((lane) => lane.commit()));
  }

  #fail(cause: unknown): void {
    if (this.#failed || !this.#running) return;
    this.#failed = true;
    const error = asError(cause);
    this.#deps.log.error({ err: error }, 'cleanup cannot go on');
    this.#options.onError?.(error);
  }
}

function readEntry(delivery: Delivery): Entry {
  const { topic, partition, offset } = delivery;
  const source = { topic, partition, offset: String(offset) };
  return topic === 'detections.v1'
    ? { type: 'detections', record: parseMessage('detections.v1', delivery), source }
    : { type: 'observation', record: parseMessage('observations.v1', delivery), source };
}

/** Capture time up to which a record speaks, epoch ms. */
function timeOf(entry: Entry): number {
  return fromTimestamp(entry.type === 'detections' ? entry.record.captureTime : entry.record.to);
}
