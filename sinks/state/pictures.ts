import type { Consumer, Delivery } from '../../runtime/bus/types.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import { decodeFrameHeaders, splitFrame } from '../../runtime/messages/codec.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { Coordinates, Timestamp } from '../../runtime/messages/types.ts';
import type { StateStore } from '../../runtime/stores/state/types.ts';
import type { SinkDeps } from '../deps.ts';
import { Trouble } from '../trouble.ts';

/** Nobody wants to watch a backlog: tracks older than this on the bus are passed over unread. */
const STALE_MS = 30_000;

/**
 * The latest looked-at picture of each camera, read from the bus and stored at most once every
 * `everyMs`. What cannot be stored is dropped: a newer one comes.
 */
export class LatestPictures {
  readonly #deps: SinkDeps;
  readonly #store: StateStore;
  readonly #everyMs: number;
  readonly #trouble: Trouble;
  readonly #newest = new Map<string, { frame: Coordinates; captureTime: Timestamp }>();
  readonly #stopping = new AbortController();
  #consumer: Consumer | undefined;
  #loop: Promise<void> | undefined;

  constructor(deps: SinkDeps, store: StateStore, everyMs: number) {
    this.#deps = deps;
    this.#store = store;
    this.#everyMs = everyMs;
    this.#trouble = new Trouble(deps.log, 'keeping the latest pictures');
  }

  async start(): Promise<void> {
    this.#consumer = this.#deps.bus.consumer('state-pictures', ['tracks.v1'], (delivery) => this.#note(delivery), {
      from: 'latest',
    });
    await this.#consumer.start();
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#consumer?.stop();
  }

  #note(delivery: Delivery): void {
    delivery.ack();
    if (this.#deps.clock.now() - delivery.timestamp > STALE_MS) return;
    try {
      const { site, camera, kind, frame, to } = parseMessage('tracks.v1', delivery);
      if (site === this.#deps.site && kind === 'looked' && frame) this.#newest.set(camera, { frame, captureTime: to });
    } catch {
      // Whoever consumes tracks for good puts it aside and counts it.
    }
  }

  async #run(): Promise<void> {
    const { clock, metrics } = this.#deps;
    while (!this.#stopping.signal.aborted) {
      const due = [...this.#newest];
      this.#newest.clear();
      for (const [camera, { frame, captureTime }] of due) {
        if (this.#stopping.signal.aborted) return;
        try {
          await this.#keep(camera, frame, captureTime);
          this.#trouble.end();
        } catch (error) {
          const code = error instanceof BanksmanError ? error.code : 'INTERNAL';
          metrics.inc('store_errors_total', { store: 'pictures', reason: code });
          this.#trouble.begin(code, { camera, err: error });
        }
      }
      await clock.sleep(this.#everyMs, this.#stopping.signal);
    }
  }

  async #keep(camera: string, frame: Coordinates, captureTime: Timestamp): Promise<void> {
    const { bus, site } = this.#deps;
    const message = await bus.read(frame.topic, frame.partition, Number(frame.offset));
    if (!message?.value) return;
    const [jpeg] = splitFrame(decodeFrameHeaders(message.headers), message.value);
    if (jpeg) await this.#store.apply([{ kind: 'picture', site, camera, captureTime, jpeg }]);
  }
}
