import type { Delivery, Producer, Tenure } from '../../runtime/bus/types.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { ProcessorState, Tracks } from '../../runtime/messages/types.ts';
import type { Headers } from '../../runtime/tracing.ts';
import { rankHeaders } from '../snapshots.ts';
import type { CameraState } from './state.ts';

export const PROCESSOR = 'cleanup';

export interface LaneDeps {
  readonly producer: Producer;
  readonly partition: number;
  /** Of the partition: the lane writes nothing that may be another's to write. */
  readonly tenure: Tenure;
  /** How many owners the camera's state had, with this one. */
  readonly term: number;
}

/**
 * One camera's state and what of it is not durable yet. Tracks go out at once; a snapshot follows when
 * they are durable, and the input is acknowledged when the snapshot is. After a crash the next owner
 * publishes what came after the snapshot again, with the same sources and ids.
 */
export class Lane {
  readonly partition: number;
  readonly state: CameraState;
  /** Milliseconds of the monotonic clock: of the last input, and of the last record that said there was none. */
  heardAt: number;
  starvedAt: number | null = null;
  /** Capture time that `heardAt` stands for, epoch ms. */
  heardTo: number;
  readonly #deps: LaneDeps;
  readonly #covered: Map<string, number>;
  #configHash = '';
  #deliveries: Delivery[] = [];
  #sent: Promise<unknown>[] = [];
  #dirty = false;
  #committing: Promise<void> = Promise.resolve();
  #removed = false;

  constructor(deps: LaneDeps, state: CameraState, covered: Map<string, number>, heard: { at: number; to: number }) {
    this.#deps = deps;
    this.partition = deps.partition;
    this.state = state;
    this.#covered = covered;
    this.heardAt = heard.at;
    this.heardTo = heard.to;
  }

  get unacknowledged(): number {
    return this.#deliveries.length;
  }

  /** False: the partition may be another's, who hears of the camera what is not heard of here. */
  get isSure(): boolean {
    return this.#deps.tenure.isSure;
  }

  /** Whether the state holds this record already. */
  covers({ topic, offset }: Delivery): boolean {
    return offset <= (this.#covered.get(topic) ?? -1);
  }

  /** The state holds this record now: it is acknowledged once a snapshot does. */
  took(delivery: Delivery, configHash: string): void {
    this.#covered.set(delivery.topic, delivery.offset);
    this.#configHash = configHash;
    this.#deliveries.push(delivery);
    this.#dirty = true;
  }

  /** The snapshot that it was restored from is to be written anew. */
  rewrite(): void {
    this.#dirty = true;
  }

  /** Goes out at once; a failure shows at the next commit. */
  publish(tracks: Tracks, headers?: Headers): void {
    const key = cameraKey(this.state.site, this.state.camera);
    const { producer, tenure } = this.#deps;
    const sent = producer.send('tracks.v1', { key, headers, value: encodeJson(tracks) }, tenure.over);
    sent.catch(() => undefined);
    this.#sent.push(sent);
    this.#dirty = true;
  }

  /**
   * Makes everything so far durable and acknowledged. One after the other. Nothing of it while the partition may be
   * another's, who begins at the snapshot before.
   */
  commit(): Promise<void> {
    const { tenure } = this.#deps;
    const turn = this.#committing
      .then(() => this.#commit())
      .catch((error: unknown) => {
        if (!tenure.over.aborted) throw error;
      });
    this.#committing = turn.catch(() => undefined);
    return turn;
  }

  /** Commits and removes the state: the camera is gone. */
  async remove(): Promise<void> {
    await this.commit();
    this.#removed = true;
    const { producer, tenure } = this.#deps;
    // Else whoever has it then finds it in the topic, and removes it.
    if (tenure.isSure) await producer.send('processor-state.v1', { key: this.#key, value: null });
  }

  async #commit(): Promise<void> {
    const { producer, tenure, term } = this.#deps;
    if (!this.#dirty || this.#removed || !tenure.isSure) return;
    // All of one moment: the state, what it published, and what it covers.
    const { site, camera } = this.state;
    const covered = Object.fromEntries([...this.#covered].map(([topic, offset]) => [topic, String(offset)]));
    const snapshot: ProcessorState = {
      ...{ processor: PROCESSOR, site, camera, configHash: this.#configHash, covered, state: this.state },
    };
    const value = encodeJson(snapshot);
    const deliveries = this.#deliveries;
    const sent = this.#sent;
    this.#deliveries = [];
    this.#sent = [];
    this.#dirty = false;
    await Promise.all(sent);
    const message = { key: this.#key, headers: rankHeaders(covered, term), value };
    await producer.send('processor-state.v1', message, tenure.over);
    for (const delivery of deliveries) delivery.ack();
  }

  get #key(): string {
    return `${PROCESSOR}/${cameraKey(this.state.site, this.state.camera)}`;
  }
}
