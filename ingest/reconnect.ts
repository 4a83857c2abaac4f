/** How long to wait before the next attempt: pure functions of what happened. */

const MIN_MS = 1_000;
const MAX_MS = 30_000;
/** A tenth of the outage so far: an outage of ten seconds is over at most a second late, one of an hour costs little. */
const SHARE = 0.1;
/** So many sessions in a row that broke at once are a bad hour of the network; more is a habit. */
const SHORT_SESSIONS_FREE = 30;

/**
 * @param outageMs since the last access unit, or since the first attempt.
 * @param shortSessions in a row that played for a moment only: a session limit, a broken encoder.
 * @param random 0-1, injected: jitter over the upper half, so that a switch's reboot does not synchronize a fleet.
 * @returns milliseconds.
 */
export function reconnectDelayMs(outageMs: number, shortSessions: number, random: () => number): number {
  const habit = shortSessions > SHORT_SESSIONS_FREE ? MIN_MS * 2 ** (shortSessions - SHORT_SESSIONS_FREE) : 0;
  const bound = Math.min(MAX_MS, Math.max(MIN_MS, outageMs * SHARE, habit));
  return bound * (0.5 + 0.5 * random());
}

/** A process that ran so long before it failed costs no budget. */
const LONG_RUN_MS = 5_000;
const BUDGET = 5;
const WINDOW_MS = 10 * 60_000;

/** Failures of a camera's process: how soon the next may start, and when there were too many. */
export class RestartBudget {
  #failures: number[] = [];
  #streak = 0;

  /**
   * @param nowMs monotonic.
   * @returns milliseconds to wait, or null when the budget is spent.
   */
  failed(nowMs: number, ranMs: number, random: () => number): number | null {
    if (ranMs >= LONG_RUN_MS) {
      this.#streak = 0;
      return 250 * (0.5 + 0.5 * random());
    }
    this.#failures = [...this.#failures.filter((at) => nowMs - at < WINDOW_MS), nowMs];
    if (this.#failures.length > BUDGET) return null;
    return Math.min(MAX_MS, 500 * 2 ** this.#streak++) * (0.5 + 0.5 * random());
  }

  reset(): void {
    this.#failures = [];
    this.#streak = 0;
  }
}
