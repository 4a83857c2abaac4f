import type { Delivery, Producer } from '../../runtime/bus/types.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { ProcessorState, Tracks } from '../../runtime/messages/types.ts';
import type { Headers } from '../../runtime/tracing.ts';
import type { CameraState } from './state.ts';

export const PROCESSOR = 'cleanup';

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
  readonly #producer: Producer;
  readonly #covered: Map<string, number>;
  #configHash = '';
  #deliveries: Delivery[] = [];
  #sent: Promise<unknown>[] = [];
  #dirty = false;
  #committing: Promise<void> = Promise.resolve();
  #removed = false;

  constructor(
    producer: Producer,
    partition: number,
    state: CameraState,
    covered: Map<string, number>,
    heard: { at: number; to: number },
  ) {
    this.#producer = producer;
    this.partition = partition;
    this.state = state;
    this.#covered = covered;
    this.heardAt = heard.at;
    this.heardTo = heard.to;
  }

  get unacknowledged(): number {
    return this.#deliveries.length;
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

  /** Goes out at once; a failure shows at the next commit. */
  publish(tracks: Tracks, headers?: Headers): void {
    const key = cameraKey(this.state.site, this.state.camera);
    const sent = this.#producer.send('tracks.v1', { key, headers, value: encodeJson(tracks) });
    sent.catch(() => undefined);
    this.#sent.push(sent);
    this.#dirty = true;
  }

  /** Makes everything so far durable and acknowledged. One after the other. */
  commit(): Promise<void> {
    const turn = this.#committing.then(() => this.#commit());
    this.#committing = turn.catch(() => undefined);
    return turn;
  }

  /** Commits and removes the state: the camera is gone. */
  async remove(): Promise<void> {
    await this.commit();
    this.#removed = true;
    await this.#producer.send('processor-state.v1', { key: this.#key, value: null });
  }

  async #commit(): Promise<void> {
    if (!this.#dirty || this.#removed) return;
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
    await this.#producer.send('processor-state.v1', { key: this.#key, value });
    for (const delivery of deliveries) delivery.ack();
  }

  get #key(): string {
    return `${PROCESSOR}/${cameraKey(this.state.site, this.state.camera)}`;
  }
}
