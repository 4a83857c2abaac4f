import type { Bus, Message } from '../runtime/bus/types.ts';
import type { Logger } from '../runtime/log.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import { TOPICS } from '../runtime/messages/topics.ts';
import type { Coverage } from '../runtime/messages/types.ts';
import { fromTimestamp } from '../runtime/time.ts';

/** Up to when the cameras of an agent were watched, as those say who judge it. */
export class WatchedTimes {
  /** Newest watched capture time, epoch ms, by camera. */
  readonly #to = new Map<string, number>();

  forget(camera: string): void {
    this.#to.delete(camera);
  }

  /** Whether somebody watched so lately. Time to come is of a clock that was set back since. */
  isWatched(camera: string, withinMs: number, nowMs: number): boolean {
    const to = this.#to.get(camera) ?? Number.NEGATIVE_INFINITY;
    return Math.abs(nowMs - to) < withinMs;
  }

  /** Until the signal. @param isOurs whether the agent has the camera. */
  async follow(
    { bus, site, log }: { bus: Bus; site: string; log: Logger },
    isOurs: (camera: string) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      for await (const message of bus.tail(TOPICS.coverage.name, 'latest', { signal })) {
        const coverage = read(message);
        if (!coverage) continue;
        const { site: from, camera, to, watched } = coverage;
        if (from === site && watched && isOurs(camera)) this.#to.set(camera, fromTimestamp(to));
      }
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'cannot follow coverage');
    }
  }
}

/** Undefined for what no reader believes; whoever stores coverage puts it aside and counts it. */
function read(message: Message): Coverage | undefined {
  try {
    return parseMessage('coverage.v1', message);
  } catch {
    return undefined;
  }
}
