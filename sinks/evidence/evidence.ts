import type { Consumer, Delivery, Producer } from '../../runtime/bus/types.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import { sendDeadLetter } from '../../runtime/messages/dead_letters.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { TOPICS } from '../../runtime/messages/topics.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { SpooledObjectStore } from '../../runtime/stores/objects/spooled.ts';
import type { ObjectStore } from '../../runtime/stores/objects/types.ts';
import { incidentAttributes } from '../../runtime/tracing.ts';
import type { SinkDeps } from '../deps.ts';
import { Trouble } from '../trouble.ts';
import { ConfigArchive } from './configs.ts';
import { EvidenceCounts } from './counts.ts';
import { HeldBytes, type Picture, readPicture, sameCoordinates } from './frames.ts';
import { IncidentWriter } from './incident_writer.ts';
import type { RetentionLimits } from './limits.ts';
import { makePut } from './put.ts';
import { type HeldIncidents, Retention } from './retention.ts';
import { mergeEvidence, rankOf } from './spooling.ts';
import { WorkQueue } from './work_queue.ts';

export interface EvidenceSinkOptions {
  /** Closed at stop. */
  store: ObjectStore;
  /** For a store that may be away: evidence waits on disk in `dataDir` meanwhile. */
  spool?: { maxBytes: number };
  /** Keys that retention looks after, where others keep theirs in the same store. Default: all. */
  prefix?: string;
  /** `evidence.retention` of the site file. */
  retention: RetentionLimits;
  /** Who knows which incidents are held; closed at stop. */
  held: HeldIncidents;
  /** Of banksman, for the records. */
  version: string;
  /** The bus does not deliver any more: the role has to end. */
  onError?: (error: Error) => void;
  /** Pictures kept in memory while the store cannot take them. Default 64 MB. */
  holdBytes?: number;
  /** First and longest delay before another attempt. Default 500 and 10 000. */
  retryMs?: readonly [number, number];
  /** Between two looks at what is too old. Default an hour. */
  retainEveryMs?: number;
}

/** One transition on its way into the store. */
interface Work {
  incident: Incident;
  partition: number;
  held: Picture | undefined;
  superseded: boolean;
}

const IN_FLIGHT = 500;
const CONCURRENCY = 3;
const HOLD_BYTES = 64e6;
/** Incidents whose newest peak is remembered, so that an update with the same one reads nothing. */
const MAX_PEAKS = 1000;

/** Keeps pictures and a record of every incident. Acknowledges a transition once all of it is stored and announced. */
export class EvidenceSink implements Component {
  readonly name = 'evidence';
  readonly #deps: SinkDeps;
  readonly #options: EvidenceSinkOptions;
  readonly #queue: WorkQueue;
  readonly #retention: Retention;
  readonly #holding: HeldBytes;
  readonly #works = new Set<Work>();
  readonly #peaks = new Map<string, Incident['peak']['frame']>();
  readonly #store: ObjectStore;
  readonly #partitions = new Set<number>();
  #writer: IncidentWriter | undefined;
  #started: { consumer: Consumer; producer: Producer; configs: ConfigArchive } | undefined;
  #storeStarted = false;

  constructor(deps: SinkDeps, options: EvidenceSinkOptions) {
    const log = deps.log.child({ sink: 'evidence' });
    const { clock, metrics } = deps;
    this.#deps = { ...deps, log };
    this.#options = options;
    this.#holding = new HeldBytes(options.holdBytes ?? HOLD_BYTES);
    const trouble = new Trouble(log, 'the evidence store');
    this.#queue = new WorkQueue({
      clock,
      concurrency: CONCURRENCY,
      ...(options.retryMs ? { retryMs: options.retryMs } : {}),
      onFailed: (code, err, { lane }) => {
        metrics.inc('store_errors_total', { store: 'evidence', reason: code });
        trouble.begin(code, { err, what: lane });
      },
      onWorking: () => trouble.end(),
    });
    const { retention, held, retainEveryMs, prefix = '' } = options;
    this.#store = this.#spooled();
    this.#retention = new Retention(this.#deps, {
      store: this.#store,
      prefix,
      limits: retention,
      held,
      queue: this.#queue,
      // Of several sinks one: who has the first partition.
      isMine: () => this.#partitions.has(0),
      ...(retainEveryMs === undefined ? {} : { everyMs: retainEveryMs }),
    });
  }

  async start(): Promise<void> {
    const { bus, log, metrics } = this.#deps;
    const { onError, retention, version } = this.#options;
    const store = this.#store;
    const counts = new EvidenceCounts(metrics);
    counts.limits(retention);
    const put = makePut({
      store,
      ready: () => this.#startStore(),
      onWritten: (written) => {
        counts.written(written);
        this.#retention.grown(written.bytes - written.replaced);
      },
    });
    const producer = bus.producer();
    const configs = new ConfigArchive({ bus, store, put, counts, queue: this.#queue, log });
    const writer = new IncidentWriter({ ...this.#deps, producer, store, put, configs, version });
    this.#writer = writer;
    const consumer = bus.consumer('evidence', [TOPICS.incidents.name], (delivery) => this.#take(delivery, writer), {
      maxInFlight: IN_FLIGHT,
      onAssigned: (partitions) => {
        for (const { partition } of partitions) this.#partitions.add(partition);
      },
      onRevoked: (partitions) => this.#release(new Set(partitions.map(({ partition }) => partition))),
      ...(onError ? { onError } : {}),
    });
    this.#started = { consumer, producer, configs };
    // First in the queue, and tried until it works: a store that is full or away ends no role.
    this.#queue.add({ lane: 'start', run: () => this.#startStore() });
    await configs.start();
    await consumer.start();
    this.#retention.start(producer);
  }

  async stop(): Promise<void> {
    const started = this.#started;
    this.#started = undefined;
    started?.consumer.pause();
    await Promise.all([this.#retention.stop(), this.#queue.stop()]);
    await started?.consumer.stop();
    await started?.configs.stop();
    await this.#store.close();
    this.#writer = undefined;
    await started?.producer.close();
    if (started) await this.#options.held.close();
  }

  async #take(delivery: Delivery, writer: IncidentWriter): Promise<void> {
    const producer = this.#started?.producer;
    // Not acknowledged: whoever takes over stores it.
    if (!producer) return;
    let incident: Incident;
    try {
      incident = parseMessage('incidents.v1', delivery);
    } catch (error) {
      await sendDeadLetter(producer, delivery, error, this.#deps);
      return delivery.ack();
    }
    const trace = this.#deps.tracer?.follow(delivery.headers);
    const held = await this.#hold(incident);
    const work: Work = { incident, partition: delivery.partition, held, superseded: false };
    if (held) this.#supersede(incident);
    this.#works.add(work);
    this.#count();
    this.#queue.add({
      lane: incident.id,
      partition: delivery.partition,
      run: async () => {
        await writer.write(work);
        this.#forget(work);
        delivery.ack();
        trace?.end('evidence');
        if (trace) this.#deps.tracer?.finish(trace, incidentAttributes(incident));
      },
      refused: async (error) => {
        await sendDeadLetter(producer, delivery, error, this.#deps);
        this.#forget(work);
        delivery.ack();
      },
    });
  }

  /** Reads the peak's frame at once: the bus has it for minutes only, and a store may be full for longer. */
  async #hold(incident: Incident): Promise<Picture | undefined> {
    const { id, peak } = incident;
    const known = this.#peaks.get(id);
    this.#peaks.delete(id);
    this.#peaks.set(id, peak.frame);
    const [oldest] = this.#peaks.keys();
    if (this.#peaks.size > MAX_PEAKS && oldest !== undefined) this.#peaks.delete(oldest);
    if (!peak.frame || sameCoordinates(known, peak.frame)) return undefined;
    const picture = await readPicture(this.#deps.bus, peak.frame, incident);
    // Where there is no room it is read when its turn comes, if the bus still has it then.
    return picture && this.#holding.take(picture.jpeg.length) ? picture : undefined;
  }

  /** Of one incident only the newest picture is kept waiting: it would replace those before it. */
  #supersede({ id }: Incident): void {
    for (const work of this.#works) {
      if (work.incident.id !== id || !work.held) continue;
      this.#letGo(work);
      work.superseded = true;
    }
  }

  async #release(partitions: ReadonlySet<number>): Promise<void> {
    for (const partition of partitions) this.#partitions.delete(partition);
    await this.#queue.drop(partitions);
    for (const work of this.#works) {
      if (!partitions.has(work.partition)) continue;
      this.#peaks.delete(work.incident.id);
      this.#forget(work);
    }
  }

  #forget(work: Work): void {
    this.#letGo(work);
    this.#works.delete(work);
    this.#count();
  }

  #letGo(work: Work): void {
    if (work.held) this.#holding.release(work.held.jpeg.length);
    work.held = undefined;
  }

  #count(): void {
    this.#deps.metrics.set('evidence_pending', this.#works.size);
  }

  async #startStore(): Promise<void> {
    if (this.#storeStarted) return;
    await this.#store.start();
    this.#storeStarted = true;
  }

  #spooled(): ObjectStore {
    const { store, spool, retryMs } = this.#options;
    if (!spool) return store;
    const { clock, log, metrics, dataDir } = this.#deps;
    return new SpooledObjectStore({
      remote: store,
      dataDir,
      maxBytes: spool.maxBytes,
      ...{ clock, log, metrics },
      rank: rankOf,
      merge: mergeEvidence,
      onMerged: async (_key, bytes) => {
        // Not announced: it stays in the spool and is merged again after the next start.
        if (!this.#writer) throw new BanksmanError('STORE_FAILED', { message: 'the sink has not started' });
        await this.#writer.announceMerged(bytes);
      },
      ...(retryMs ? { retryMs } : {}),
    });
  }
}
