import { Backoff, type BackoffOptions } from '../../backoff.ts';
import type { BanksmanError } from '../../errors.ts';

/** A change of leader is over by then. */
const PASSING_MS = 2_000;
/** Between two words about one place that does not answer. */
const TOLD_MS = 30_000;

export interface ClusterEvents {
  /** Something does not answer since; said after two seconds, then every half minute, of each place by itself. */
  onTrouble?: (error: BanksmanError, sinceMs: number) => void;
  /** All that was said to be in trouble answers again. */
  onHealed?: (troubleMs: number) => void;
}

/**
 * What fails now, each attempt by itself: one partition without a leader does not answer because the others do.
 * What is said is by place (a topic, a group, the brokers), so that a cluster that is gone is a few lines.
 */
export class Troubles {
  readonly #events: ClusterEvents;
  readonly #failing = new Map<Attempts, { since: number; told: boolean }>();
  /** When a place was last spoken of. */
  readonly #places = new Map<string, number>();
  /** Of what is told of: since when, and whether some of it works again. */
  #since = Number.POSITIVE_INFINITY;
  #mended = false;

  constructor(events: ClusterEvents) {
    this.#events = events;
  }

  failed(attempts: Attempts, error: BanksmanError): void {
    const now = performance.now();
    const trouble = this.#failing.get(attempts) ?? { since: now, told: false };
    this.#failing.set(attempts, trouble);
    const { since } = trouble;
    if (now - since < PASSING_MS) return;
    trouble.told = true;
    this.#since = Math.min(this.#since, since);
    const place = `${error.code} ${error.where}`;
    if (now - (this.#places.get(place) ?? Number.NEGATIVE_INFINITY) < TOLD_MS) return;
    this.#places.set(place, now);
    this.#events.onTrouble?.(error, now - since);
  }

  /** @param mended false: nobody wants it any more. */
  ended(attempts: Attempts, mended: boolean): void {
    const trouble = this.#failing.get(attempts);
    this.#failing.delete(attempts);
    if (!trouble?.told) return;
    this.#mended ||= mended;
    if ([...this.#failing.values()].some(({ told }) => told)) return;
    if (this.#mended) this.#events.onHealed?.(performance.now() - this.#since);
    this.#since = Number.POSITIVE_INFINITY;
    this.#mended = false;
    this.#places.clear();
  }
}

export interface AttemptsDeps {
  readonly troubles: Troubles;
  /** @throws what no further attempt would mend, or any once nobody waits for it. */
  readonly passing: (error: unknown, signal: AbortSignal | undefined) => BanksmanError;
  readonly pause: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** One thing that is tried until it works. Whoever makes it ends it. */
export class Attempts {
  readonly #deps: AttemptsDeps;
  readonly #backoff: Backoff;

  constructor(deps: AttemptsDeps, retry: BackoffOptions) {
    this.#deps = deps;
    this.#backoff = new Backoff(retry);
  }

  /**
   * Waits a growing while before the next one.
   * @throws BanksmanError that no further attempt would mend, or any once the cluster is closed or `signal` aborted.
   */
  async failed(error: unknown, signal?: AbortSignal): Promise<void> {
    const { troubles, passing, pause } = this.#deps;
    troubles.failed(this, passing(error, signal));
    await pause(this.#backoff.next(), signal);
  }

  succeeded(): void {
    this.#backoff.reset();
    this.#deps.troubles.ended(this, true);
  }

  /** Nothing of it is tried any more. */
  end(): void {
    this.#deps.troubles.ended(this, false);
  }
}
