import type { Producer } from '../runtime/bus/types.ts';
import { encodeFrameHeaders, encodeJson } from '../runtime/messages/codec.ts';
import { cameraKey, TOPICS } from '../runtime/messages/topics.ts';
import type { FrameMeta, Observation } from '../runtime/messages/types.ts';
import type { StageTrace } from '../runtime/tracing.ts';
import type { Counters } from './counters.ts';

/** Frames on their way to the bus; a bus that is slower sheds frames, it does not fill this process. */
const MAX_FRAMES_UNDER_WAY = 8;

/** Frames and observations of one camera onto the bus. */
export class FramePublisher {
  readonly #producer: Producer;
  readonly #counters: Counters;
  readonly #onError: (error: unknown) => void;
  readonly #underWay = new Set<Promise<unknown>>();
  #frames = 0;

  constructor(producer: Producer, counters: Counters, onError: (error: unknown) => void) {
    this.#producer = producer;
    this.#counters = counters;
    this.#onError = onError;
  }

  get hasRoom(): boolean {
    return this.#frames < MAX_FRAMES_UNDER_WAY;
  }

  frame(meta: FrameMeta, jpegs: readonly Buffer[], trace?: StageTrace): void {
    const [only] = jpegs;
    const value = jpegs.length === 1 && only ? only : Buffer.concat(jpegs);
    const key = cameraKey(meta.site, meta.camera);
    const headers = encodeFrameHeaders(meta);
    if (trace) Object.assign(headers, trace.headers);
    this.#counters.add('frames_published_total', 1, { purpose: meta.purpose });
    this.#frames += 1;
    this.#send(
      this.#producer.send(TOPICS.frames.name, { key, headers, value }).finally(() => {
        this.#frames -= 1;
      }),
    );
  }

  observation(observation: Observation): void {
    const key = cameraKey(observation.site, observation.camera);
    this.#send(this.#producer.send(TOPICS.observations.name, { key, value: encodeJson(observation) }));
  }

  /** Resolves when all that was sent is with the bus, or failed. */
  async drained(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay]);
  }

  #send(sending: Promise<unknown>): void {
    const settled = sending.catch((error: unknown) => this.#onError(error));
    this.#underWay.add(settled);
    void settled.finally(() => this.#underWay.delete(settled));
  }
}
