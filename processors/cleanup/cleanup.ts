import { partitionOf } from '../../runtime/bus/murmur2.ts';
import type {
  Bus,
  Consumer,
  Delivery,
  Message,
  Producer,
  Table,
  Tenure,
  TopicPartition,
} from '../../runtime/bus/types.ts';
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
import { noTracer, type StageTrace, type Tracer } from '../../runtime/tracing.ts';
import { type Restored, restoreStates } from '../snapshots.ts';
import { applyEntry, starve } from './apply.ts';
import { announce } from './attention.ts';
import { CatchUp, type Taken } from './catch_up.ts';
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
  /** Default: none. */
  tracer?: Tracer;
}

export interface CleanupOptions {
  /** Between snapshots. Default 1000. */
  snapshotMs?: number;
  /** Without input for this long a camera is starved, said again every `repeatMs`. Default 5000 and 2000. */
  silentMs?: number;
  repeatMs?: number;
  /** What was captured this short ago may still come: nothing is said of it. Default 2000, the age at which frames are shed. */
  inFlightMs?: number;
  /** Called once when it cannot go on (the bus is gone, a snapshot failed): the role should end. */
  onError?: (error: Error) => void;
}

/** How often waiting observations and silent cameras are looked after. */
const TICK_MS = 250;

/** After a take-over this long at most for reading what was there before. */
const CATCH_UP_MS = 5000;

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
  /** Cameras that there are, and of whose configuration nobody could ever read anything: their state is kept. */
  readonly #unreadable = new Set<string>();
  /** By partition. */
  readonly #catchUps = new Map<number, CatchUp>();
  readonly #assigned = new Map<number, Tenure>();
  /** Of the topics that are read. */
  #partitions = 0;
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
      onAssigned: (partitions, tenure) => this.#restore(partitions, tenure),
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
    const running = this.#running;
    // Not acknowledged: whoever takes over applies it.
    if (!running) return;
    const catchUp = this.#catchUps.get(delivery.partition);
    let entry: Entry | null = null;
    let aside: Promise<void> | undefined;
    try {
      entry = readEntry(delivery);
    } catch (error) {
      aside = sendDeadLetter(running.producer, delivery, error, this.#deps).then(() => delivery.ack());
    }
    if (catchUp) {
      catchUp.hold(delivery, entry);
      if (catchUp.isOver) this.#caughtUp(delivery.partition, catchUp);
    } else if (entry) this.#take({ delivery, entry });
    return aside;
  }

  #caughtUp(partition: number, catchUp: CatchUp): void {
    this.#catchUps.delete(partition);
    for (const taken of catchUp.drain()) this.#take(taken);
  }

  #take({ delivery, entry }: Taken): void {
    const running = this.#running;
    if (!running) return;
    const { site, camera } = entry.record;
    if (!this.#cameras.has(cameraKey(site, camera))) {
      // Removed while its last records were on their way.
      this.#deps.metrics.inc('records_stale_total', { reason: 'camera' });
      delivery.ack();
      return;
    }
    const lane = this.#laneOf(site, camera, delivery.partition, running.producer);
    if (!lane) return;
    if (lane.covers(delivery)) {
      this.#deps.metrics.inc('records_stale_total', { reason: 'covered' });
      delivery.ack();
      return;
    }
    const { clock, tracer = noTracer } = this.#deps;
    const now = clock.monotonic();
    const merged = merge(lane.state.merge, entry, now);
    lane.state.merge = merged.state;
    lane.took(delivery, this.#cameras.get(cameraKey(site, camera))?.configHash ?? '');
    if (merged.dropped === null) Object.assign(lane, { heardAt: now, heardTo: timeOf(entry), starvedAt: null });
    else this.#deps.metrics.inc('records_stale_total', { reason: merged.dropped });
    if (merged.missing > 0) this.#countMissing(merged.missing);
    this.#apply(lane, merged.ready, tracer.follow(delivery.headers));
    if (lane.unacknowledged === MAX_UNACKNOWLEDGED) void lane.commit().catch((error: unknown) => this.#fail(error));
  }

  /** @param trace of the detections among them: there is one record of these at most. */
  #apply(lane: Lane, entries: readonly Entry[], trace?: StageTrace): void {
    const { clock, metrics } = this.#deps;
    const { site, camera } = lane.state;
    for (const entry of entries) {
      const tracks = applyEntry(lane.state, entry, this.#cameras.get(cameraKey(site, camera)));
      const own = entry.type === 'detections' ? trace : undefined;
      own?.end(PROCESSOR, { 'banksman.tracks': tracks.tracks.length });
      lane.publish(tracks, own?.headers);
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

  /** Undefined: the partition is not this processor's. */
  #laneOf(site: string, camera: string, partition: number, producer: Producer): Lane | undefined {
    const key = cameraKey(site, camera);
    const tenure = this.#assigned.get(partition);
    let lane = this.#lanes.get(key);
    if (!lane && tenure) {
      const deps = { producer, partition, tenure, term: 1 };
      lane = new Lane(deps, startCamera(site, camera), new Map(), this.#heardNow());
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** Where nothing was ever heard capture time is taken to be the wall clock, as that of every camera nearly is. */
  #heardNow(): { at: number; to: number } {
    const { clock } = this.#deps;
    return { at: clock.monotonic(), to: clock.now() };
  }

  /** A camera of which nothing ever comes is missed as well. */
  #expect({ site, camera }: CameraRecord): void {
    const partition = partitionOf(cameraKey(site, camera), this.#partitions);
    const producer = this.#running?.producer;
    if (producer) this.#laneOf(site, camera, partition, producer);
  }

  /** States of the cameras in these partitions. Their keys lie in other partitions than the cameras' do. */
  async #restore(partitions: TopicPartition[], tenure: Tenure): Promise<void> {
    const { bus } = this.#deps;
    const producer = this.#running?.producer;
    if (!producer) return;
    const mine = new Set(partitions.map(({ partition }) => partition));
    this.#partitions = await bus.partitions(TOPICS.detections.name);
    const gone: Promise<unknown>[] = [];
    const isWanted = (camera: string): boolean => {
      // Both topics of a partition are assigned together, and each may say so.
      if (!mine.has(partitionOf(camera, this.#partitions)) || this.#lanes.has(camera)) return false;
      if (this.#cameras.has(camera) || this.#unreadable.has(camera)) return true;
      // Removed while nobody was there to see it.
      gone.push(producer.send('processor-state.v1', { key: `${PROCESSOR}/${camera}`, value: null }));
      return false;
    };
    const states = await restoreStates(this.#deps, PROCESSOR, isWanted, readState);
    for (const [camera, restored] of states) this.#resume(camera, restored, producer, tenure);
    await Promise.all(gone);
    // Of the two topics of a partition each may be said to be assigned by itself.
    const fresh = [...mine].filter((partition) => !this.#assigned.has(partition));
    for (const partition of fresh) this.#assigned.set(partition, tenure);
    for (const record of this.#cameras.values()) this.#expect(record);
    await this.#beginCatchUp(fresh);
  }

  #resume(
    camera: string,
    { state: { state, covered }, term, outdone }: Restored<NonNullable<ReturnType<typeof readState>>>,
    producer: Producer,
    tenure: Tenure,
  ): void {
    const heard = this.#heardNow();
    state.merge = restartWaiting(state.merge, heard.at);
    heard.to = Math.max(heard.to, state.to ?? 0);
    const deps = { producer, partition: partitionOf(camera, this.#partitions), tenure, term };
    const lane = new Lane(deps, state, covered, heard);
    if (outdone) lane.rewrite();
    this.#lanes.set(camera, lane);
  }

  async #beginCatchUp(partitions: readonly number[]): Promise<void> {
    const lags = (await this.#deps.bus.lag()).filter(({ group, lag }) => group === PROCESSOR && lag > 0);
    const until = this.#deps.clock.monotonic() + CATCH_UP_MS;
    for (const partition of partitions) {
      const last = lags.filter((it) => it.partition === partition).map(({ topic, end }) => [topic, end - 1] as const);
      if (last.length > 0) this.#catchUps.set(partition, new CatchUp(new Map(last), until));
    }
  }

  async #release(partitions: TopicPartition[]): Promise<void> {
    for (const { partition } of partitions) {
      this.#catchUps.delete(partition);
      this.#assigned.delete(partition);
    }
    const lost = new Set(partitions.map(({ partition }) => partition));
    const leaving = [...this.#lanes].filter(([, lane]) => lost.has(lane.partition));
    await Promise.all(leaving.map(([, lane]) => lane.commit()));
    for (const [key] of leaving) this.#lanes.delete(key);
  }

  /** One record of `cameras.v1`. A camera that is gone takes its state with it. */
  #configure(key: string, message: Message): void {
    this.#unreadable.delete(key);
    if (message.value === null) {
      this.#cameras.delete(key);
      const lane = this.#lanes.get(key);
      this.#lanes.delete(key);
      lane?.remove().catch((error: unknown) => this.#fail(error));
      return;
    }
    try {
      const record = parseMessage('cameras.v1', message);
      this.#cameras.set(key, record);
      this.#expect(record);
    } catch (error) {
      if (!this.#cameras.has(key)) this.#unreadable.add(key);
      this.#deps.log.error({ key, err: error }, 'camera record that does not parse; the one before stays');
    }
  }

  async #everyTick(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.#deps.clock.sleep(TICK_MS, stop);
      if (stop.aborted || this.#failed) return;
      for (const [partition, catchUp] of this.#catchUps) {
        if (this.#deps.clock.monotonic() < catchUp.until) continue;
        this.#caughtUp(partition, catchUp);
      }
      for (const [key, lane] of this.#lanes) this.#lookAfter(key, lane);
    }
  }

  /** Observations that waited too long, and cameras of which nothing comes. */
  #lookAfter(key: string, lane: Lane): void {
    const { silentMs = 5000, repeatMs = 2000, inFlightMs = 2000 } = this.#options;
    const now = this.#deps.clock.monotonic();
    const { state, ready, missing } = release(lane.state.merge, now);
    if (ready.length > 0) {
      lane.state.merge = state;
      this.#countMissing(missing);
      this.#apply(lane, ready);
    }
    if (!this.#cameras.has(key) || now - lane.heardAt < silentMs || !lane.isSure) return;
    if (lane.starvedAt !== null && now - lane.starvedAt < repeatMs) return;
    lane.starvedAt = now;
    const tracks = starve(lane.state, lane.heardTo + (now - lane.heardAt) - inFlightMs);
    if (tracks) lane.publish(tracks);
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
