import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { StateReader } from '../../runtime/stores/state/types.ts';
import { toTimestamp } from '../../runtime/time.ts';
import type { StateStoreTrouble } from './views.ts';

/** Asked by every request and every follower; the store is asked no more often than this. */
const FRESH_MS = 1_000;

/** Whether what the console shows can be relied on, since when not; said in the log when it begins and when it ends. */
export class StoreWatch {
  readonly #deps: { state: StateReader; clock: Clock; log: Logger };
  #trouble: StateStoreTrouble | null = null;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<StateStoreTrouble | null> | undefined;

  constructor(deps: { state: StateReader; clock: Clock; log: Logger }) {
    this.#deps = deps;
  }

  /** Null while all is well. Never rejects. */
  look(): Promise<StateStoreTrouble | null> {
    if (this.#asking) return this.#asking;
    if (this.#deps.clock.monotonic() - this.#askedAt < FRESH_MS) return Promise.resolve(this.#trouble);
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<StateStoreTrouble | null> {
    const { state, clock, log } = this.#deps;
    const { state: now, reason: code, detail } = await state.health();
    this.#askedAt = clock.monotonic();
    const before = this.#trouble;
    if (now === 'ok') {
      if (before) log.info('the state store can be relied on again');
      this.#trouble = null;
      return null;
    }
    const message = detail ?? '';
    const same = before?.state === now && before.code === code;
    if (!same) log.warn({ state: now, code, detail }, 'the state store cannot be relied on');
    this.#trouble = { state: now, code, message, since: same ? before.since : toTimestamp(clock.now()) };
    return this.#trouble;
  }
}
