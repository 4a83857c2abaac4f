/**
 * Lets so many camera processes load at once. Dozens that start together starve the agent itself: it would be late to
 * say that it lives, lose its cameras for that, and start them anew.
 */
export class Starts {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#free = limit;
  }

  /**
   * Waits for a place, first come first served.
   * @returns what gives the place back, to be called once or more; null when `signal` aborted before there was one
   */
  async begin(signal: AbortSignal): Promise<(() => void) | null> {
    if (this.#free > 0) this.#free -= 1;
    else if (!(await this.#turn(signal))) return null;
    let isMine = true;
    return () => {
      if (isMine) this.#giveBack();
      isMine = false;
    };
  }

  #turn(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const go = (): void => {
        signal.removeEventListener('abort', leave);
        resolve(true);
      };
      const leave = (): void => {
        this.#waiting.delete(go);
        resolve(false);
      };
      this.#waiting.add(go);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #giveBack(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    // The place goes from hand to hand.
    this.#waiting.delete(next);
    next();
  }
}
