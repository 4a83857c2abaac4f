import type { Path } from './path.ts';

const CELL_M = 0.05;

/** Distance and speed on a path from rest to rest, slower where it bends. */
export class BendRide {
  readonly durationS: number;
  readonly #cellM: number;
  /** At the start of each cell, and at the end of the last. */
  readonly #speeds: number[];
  readonly #times: number[];

  /**
   * @param speed metres a second at the most.
   * @param turning radians a second at the most.
   */
  constructor(path: Path, speed: number, acceleration: number, turning: number) {
    const cells = Math.max(2, Math.ceil(path.lengthM / CELL_M));
    this.#cellM = path.lengthM / cells;
    const gain = 2 * acceleration * this.#cellM;
    const squares = Array.from({ length: cells + 1 }, (_, cell) => {
      const bend = Math.abs(path.at(cell * this.#cellM).curvature);
      return Math.min(speed, turning / Math.max(bend, 1e-9)) ** 2;
    });
    squares[0] = 0;
    squares[cells] = 0;
    for (let cell = 1; cell <= cells; cell++) {
      squares[cell] = Math.min(squares[cell] ?? 0, (squares[cell - 1] ?? 0) + gain);
    }
    for (let cell = cells - 1; cell >= 0; cell--) {
      squares[cell] = Math.min(squares[cell] ?? 0, (squares[cell + 1] ?? 0) + gain);
    }
    this.#speeds = squares.map(Math.sqrt);
    this.#times = [0];
    for (let cell = 0; cell < cells; cell++) {
      const mean = ((this.#speeds[cell] ?? 0) + (this.#speeds[cell + 1] ?? 0)) / 2;
      this.#times.push((this.#times[cell] ?? 0) + this.#cellM / mean);
    }
    this.durationS = this.#times.at(-1) ?? 0;
  }

  at(t: number): { distanceM: number; speed: number } {
    if (t <= 0) return { distanceM: 0, speed: 0 };
    if (t >= this.durationS) return { distanceM: this.#cellM * (this.#times.length - 1), speed: 0 };
    let low = 0;
    let high = this.#times.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#times[middle] ?? 0) <= t) low = middle;
      else high = middle;
    }
    const [from, to] = [this.#times[low] ?? 0, this.#times[high] ?? 0];
    const [slow, fast] = [this.#speeds[low] ?? 0, this.#speeds[high] ?? 0];
    const s = t - from;
    const acceleration = (fast - slow) / (to - from);
    return { distanceM: low * this.#cellM + slow * s + 0.5 * acceleration * s * s, speed: slow + acceleration * s };
  }
}
