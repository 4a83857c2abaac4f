import { partitionOf } from '../../runtime/bus/murmur2.ts';
import type { Bus, Consumer, Delivery, Producer, Tenure, TopicPartition } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/log.ts';
import { sendDeadLetter } from '../../runtime/messages/dead_letters.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey, TOPICS } from '../../runtime/messages/topics.ts';
import type { Incident, Tracks } from '../../runtime/messages/types.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { fromTimestamp } from '../../runtime/time.ts';
import { noTracer, type Tracer } from '../../runtime/tracing.ts';
import { restoreStates } from '../snapshots.ts';
import { Configuration } from './configuration.ts';
import { IncidentCounts } from './counts.ts';
import { apply, type CameraRules, DEFAULT_LOST_S, openIncidents, reconcile } from './engine.ts';
import { Lane, PROCESSOR, readState } from './lane.ts';
import { newCameraState } from './state.ts';
import { finishRecord, traceTransitions } from './traced.ts';

/** Records applied and not acknowledged before a commit is due ahead of time. */
const MAX_UNACKNOWLEDGED = 400;

export interface IncidentsDeps {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
  /** Default: none. */
  tracer?: Tracer;
}

export interface IncidentsOptions {
  /** Seconds unobserved after which an incident is given up as `camera_lost`. Default 3600. */
  lostS?: number;
  /** Between snapshots while no incident changes. Default 1000. */
  snapshotMs?: number;
  /** Called once when it cannot go on (the bus is gone, a snapshot failed): the role should end. */
  onError?: (error: Error) => void;
}

/** Takes `tracks.v1` through the rules; publishes `incidents.v1` and `coverage.v1`. */
export class IncidentsProcessor implements Component {
  readonly name = PROCESSOR;
  readonly #deps: IncidentsDeps;
  readonly #options: IncidentsOptions;
  /** By `site/camera`. */
  readonly #lanes = new Map<string, Lane>();
  /** By partition. */
  readonly #tenures = new Map<number, Tenure>();
  readonly #counts: IncidentCounts;
  #running: { configuration: Configuration; producer: Producer; consumer: Consumer; stop: AbortController } | undefined;
  #failed = false;

  constructor(deps: IncidentsDeps, options: IncidentsOptions = {}) {
    this.#deps = deps;
    this.#options = options;
    this.#counts = new IncidentCounts(deps.metrics);
  }

  async start(): Promise<void> {
    const { bus, log } = this.#deps;
    const producer = bus.producer();
    const configuration = new Configuration(bus, log, this.#options.lostS ?? DEFAULT_LOST_S);
    const consumer = bus.consumer(PROCESSOR, ['tracks.v1'], (delivery) => this.#handle(delivery), {
      onAssigned: (partitions, tenure) => this.#restore(partitions, tenure),
      onRevoked: (partitions) => this.#release(partitions),
      onError: (error) => this.#fail(error),
    });
    this.#running = { configuration, producer, consumer, stop: new AbortController() };
    await configuration.start(() => void this.#reconcileAll().catch((error: unknown) => this.#fail(error)));
    await consumer.start();
    void this.#commitNowAndThen(this.#running.stop.signal);
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.stop.abort();
    running.consumer.pause();
    // Acknowledge what is applied while the consumer can still commit it.
    if (!this.#failed) await this.#commitAll();
    await running.consumer.stop();
    if (!this.#failed) await this.#commitAll();
    this.#lanes.clear();
    await running.configuration.stop();
    await running.producer.close();
  }

  async #handle(delivery: Delivery): Promise<void> {
    const { clock, metrics, tracer = noTracer } = this.#deps;
    const running = this.#running;
    // Not acknowledged: whoever takes over applies it.
    if (!running) return;
    let record: Tracks;
    try {
      record = parseMessage('tracks.v1', delivery);
    } catch (error) {
      await sendDeadLetter(running.producer, delivery, error, this.#deps);
      delivery.ack();
      return;
    }
    const config = running.configuration.of(record.site, record.camera);
    // Removed while its last records were on their way, or configured in a way that nobody can read.
    if (config === null || config === 'unreadable') {
      metrics.inc('records_stale_total', { reason: 'camera' });
      return delivery.ack();
    }
    const lane = this.#laneOf(record, delivery.partition, running.producer, config);
    if (!lane) return;
    if (delivery.offset <= lane.covered) return delivery.ack();
    const trace = tracer.follow(delivery.headers);
    const { incidents, coverage, nearMisses, dropped } = apply(lane.state, record, config);
    lane.applied(delivery, config.camera.configHash);
    if (dropped !== null) return metrics.inc('records_stale_total', { reason: dropped });
    const transitions = traceTransitions(tracer, trace, incidents);
    lane.decided(incidents, transitions);
    lane.publishCoverage(coverage);
    lane.missed(nearMisses);
    if (incidents.length > 0) {
      await lane.commit();
      this.#count(incidents, record);
    } else if (lane.unacknowledged >= MAX_UNACKNOWLEDGED) await lane.commit();
    finishRecord(tracer, trace, transitions, record);
    if (record.kind === 'looked') {
      metrics.observe('stage_seconds', secondsSince(record.to, clock), { stage: PROCESSOR });
    }
  }

  /** Undefined: the partition is let go of already. */
  #laneOf({ site, camera }: Tracks, partition: number, producer: Producer, { rules }: CameraRules): Lane | undefined {
    const key = cameraKey(site, camera);
    const tenure = this.#tenures.get(partition);
    let lane = this.#lanes.get(key);
    if (!lane && tenure) {
      const deps = { producer, partition, tenure, term: 1, counts: this.#counts };
      lane = new Lane(deps, newCameraState(site, camera), -1);
      this.#lanes.set(key, lane);
      this.#counts.begin(camera, rules);
    }
    return lane;
  }

  /** States of the cameras in these partitions, and what they had decided and perhaps not published. */
  async #restore(partitions: TopicPartition[], tenure: Tenure): Promise<void> {
    const running = this.#running;
    if (!running) return;
    const mine = new Set(partitions.map(({ partition }) => partition));
    for (const partition of mine) this.#tenures.set(partition, tenure);
    const { producer } = running;
    const partitionCount = await this.#deps.bus.partitions(TOPICS.tracks.name);
    const isMine = (camera: string) => mine.has(partitionOf(camera, partitionCount));
    for (const [camera, { state, term, outdone }] of await restoreStates(this.#deps, PROCESSOR, isMine, readState)) {
      const deps = { producer, partition: partitionOf(camera, partitionCount), tenure, term, counts: this.#counts };
      const lane = new Lane(deps, state.state, state.covered);
      if (outdone) lane.rewrite();
      this.#lanes.set(camera, lane);
    }
    await this.#reconcileAll();
    await this.#commitAll();
  }

  async #release(partitions: TopicPartition[]): Promise<void> {
    const lost = new Set(partitions.map(({ partition }) => partition));
    const leaving = [...this.#lanes].filter(([, lane]) => lost.has(lane.partition));
    await Promise.all(leaving.map(([, lane]) => lane.commit()));
    for (const [key] of leaving) this.#lanes.delete(key);
    for (const partition of lost) this.#tenures.delete(partition);
    this.#gauge();
  }

  /** Rules or cameras changed: what lost its rule closes, also where no record comes any more. */
  async #reconcileAll(): Promise<void> {
    const configuration = this.#running?.configuration;
    if (!configuration) return;
    const commits: Promise<void>[] = [];
    for (const [key, lane] of this.#lanes) {
      const { site, camera } = lane.state;
      const config = configuration.of(site, camera);
      if (config === 'unreadable') continue;
      if (config) this.#counts.begin(camera, config.rules);
      const incidents = reconcile(lane.state, config);
      lane.decided(incidents);
      if (!config) {
        this.#lanes.delete(key);
        commits.push(lane.remove());
      } else if (incidents.length > 0) commits.push(lane.commit());
    }
    this.#gauge();
    await Promise.all(commits);
  }

  async #commitNowAndThen(stop: AbortSignal): Promise<void> {
    const { snapshotMs = 1000 } = this.#options;
    while (!stop.aborted) {
      await this.#deps.clock.sleep(snapshotMs, stop);
      if (stop.aborted || this.#failed) return;
      await this.#commitAll().catch((error: unknown) => this.#fail(error));
    }
  }

  async #commitAll(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.commit()));
  }

  #count(incidents: readonly Incident[], record: Tracks): void {
    const { clock, metrics } = this.#deps;
    for (const incident of incidents) {
      if (incident.transition !== 'opened') continue;
      this.#counts.opened(incident);
      if (incident.type === 'camera_offline') continue;
      metrics.observe('capture_to_incident_seconds', secondsSince(record.to, clock));
    }
    this.#gauge();
  }

  #gauge(): void {
    this.#counts.setOpen([...this.#lanes.values()].flatMap(({ state }) => openIncidents(state)));
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    const cause = asError(error);
    this.#deps.log.error({ err: cause }, 'incidents cannot go on');
    this.#options.onError?.(cause);
  }
}

function secondsSince(timestamp: string, clock: Clock): number {
  return Math.max(0, clock.now() - fromTimestamp(timestamp)) / 1000;
}
