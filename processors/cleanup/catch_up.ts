/**
 * What was on the bus when a partition was taken over, held back until both topics are read that far. Each
 * topic comes at its own pace: applied as they come, the observations of a camera's next run would shut out
 * the detections of the one before.
 */
import type { Delivery } from '../../runtime/bus/types.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import { type Entry, isBefore } from './merge.ts';

export interface Taken {
  delivery: Delivery;
  entry: Entry;
}

/** Per topic: held records are not acknowledged, and the bus sends no more than 1000 of those. */
const MAX_HELD = 900;

interface Queues {
  detections: Taken[];
  observations: Taken[];
}

/** One partition. */
export class CatchUp {
  /** Milliseconds of a monotonic clock: no longer than this. */
  readonly until: number;
  /** Offset of the last record that was there, by topic; only topics that are not read so far. */
  readonly #last: Map<string, number>;
  /** By camera. */
  readonly #held = new Map<string, Queues>();
  readonly #counts = new Map<string, number>();

  constructor(last: ReadonlyMap<string, number>, until: number) {
    this.#last = new Map(last);
    this.until = until;
  }

  get isOver(): boolean {
    return this.#last.size === 0 || [...this.#counts.values()].some((count) => count >= MAX_HELD);
  }

  /** A record of the partition was read; null: it does not parse. */
  hold(delivery: Delivery, entry: Entry | null): void {
    const { topic, offset } = delivery;
    if (offset >= (this.#last.get(topic) ?? 0)) this.#last.delete(topic);
    if (!entry) return;
    this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + 1);
    const key = cameraKey(entry.record.site, entry.record.camera);
    let queues = this.#held.get(key);
    if (!queues) {
      queues = { detections: [], observations: [] };
      this.#held.set(key, queues);
    }
    (entry.type === 'detections' ? queues.detections : queues.observations).push({ delivery, entry });
  }

  /**
   * Everything held: of each camera run by run, observations before detections, because they know to wait
   * for theirs. Within a topic nothing is overtaken.
   */
  *drain(): Generator<Taken> {
    for (const { detections, observations } of this.#held.values()) {
      let [next, other] = [0, 0];
      for (;;) {
        const detection = detections[next];
        const observation = observations[other];
        if (observation && !(detection && isBefore(detection.entry, observation.entry))) {
          other += 1;
          yield observation;
        } else if (detection) {
          next += 1;
          yield detection;
        } else break;
      }
    }
    this.#held.clear();
  }
}
