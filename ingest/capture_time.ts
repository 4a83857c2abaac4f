/**
 * Capture time from presentation time, as DESIGN, Time and observation, has it: the stream's clock tells
 * how pictures follow one another, the smallest delay over a sliding window tells what the network
 * added, and one wall offset recorded per run keeps steps of the wall clock out. Pure.
 */

/** RTP's 32-bit counter at 90 kHz, in milliseconds. */
const WRAP_MS = 2 ** 32 / 90;
const WINDOW_MS = 60_000;
const BUCKET_MS = 1_000;
/** Milliseconds of correction a millisecond of stream. */
const SLEW = 0.001;
/** In the first moments of a run the smallest delay is still being found: it is taken as it comes. */
const SETTLE_MS = 2_000;
const STEP_MS = 1_000;
/** Over this long the stream's clock must agree with ours to 1 %. */
const RATE_SPAN_MS = 10_000;
const RATE_ERROR = 0.01;
const STILL_UNITS = 5;

export interface CaptureTime {
  /** Epoch ms, never less than the one before in this run. */
  timeMs: number;
  /** Receive time stands in: the stream's clock is not to be believed. */
  estimated: boolean;
  /** The stream's clock jumped: a new run must begin. */
  step: boolean;
}

export class CaptureClock {
  readonly #wallOffsetMs: number;
  #lastPts: number | null = null;
  #wraps = 0;
  #firstArrival: number | null = null;
  #offset: number | null = null;
  #lastUnwrapped = 0;
  /** Smallest delay of each second, oldest first. */
  #buckets: { second: number; delay: number }[] = [];
  #rate: { pts: number; arrival: number }[] = [];
  #still = 0;
  #believed = true;
  #last = Number.NEGATIVE_INFINITY;

  /** @param wallOffsetMs epoch ms minus monotonic ms, read once at the start of the run. */
  constructor(wallOffsetMs: number) {
    this.#wallOffsetMs = wallOffsetMs;
  }

  /**
   * @param ptsMs presentation time, null when the unit has none
   * @param arrivalMs monotonic clock at arrival
   */
  at(ptsMs: number | null, arrivalMs: number): CaptureTime {
    const received = arrivalMs + this.#wallOffsetMs;
    if (ptsMs === null) return this.#give(received, true, false);
    const pts = this.#unwrap(ptsMs);
    const delay = arrivalMs - pts;
    const step = this.#offset !== null && Math.abs(pts - this.#lastUnwrapped) > STEP_MS && this.#jumped(pts, arrivalMs);
    this.#judgeRate(pts, arrivalMs);
    this.#remember(delay, arrivalMs);
    this.#follow(pts, arrivalMs);
    this.#lastUnwrapped = pts;
    if (!this.#believed) return this.#give(received, true, step);
    // A picture cannot have been taken after it arrived.
    return this.#give(Math.min(pts + (this.#offset ?? delay) + this.#wallOffsetMs, received), false, step);
  }

  #give(timeMs: number, estimated: boolean, step: boolean): CaptureTime {
    this.#last = Math.max(this.#last, timeMs);
    return { timeMs: this.#last, estimated, step };
  }

  #unwrap(ptsMs: number): number {
    if (this.#lastPts !== null && this.#lastPts - ptsMs > WRAP_MS / 2) this.#wraps += 1;
    this.#lastPts = ptsMs;
    return ptsMs + this.#wraps * WRAP_MS;
  }

  /** Whether the stream's clock went over a second further, or back, than ours did. */
  #jumped(pts: number, arrivalMs: number): boolean {
    const before = this.#rate.at(-1);
    if (!before) return false;
    const passed = arrivalMs - before.arrival;
    const moved = pts - before.pts;
    // Pictures held up by the network come late and then at once: their clock moves less than ours.
    return moved - passed > STEP_MS || moved < -STEP_MS;
  }

  #judgeRate(pts: number, arrivalMs: number): void {
    const before = this.#rate.at(-1);
    this.#still = before && pts <= before.pts ? this.#still + 1 : 0;
    this.#rate.push({ pts, arrival: arrivalMs });
    while (this.#rate.length > 2 && arrivalMs - (this.#rate[1]?.arrival ?? arrivalMs) >= RATE_SPAN_MS)
      this.#rate.shift();
    if (this.#still >= STILL_UNITS) {
      this.#believed = false;
      return;
    }
    const first = this.#rate[0];
    if (!first || arrivalMs - first.arrival < RATE_SPAN_MS) return;
    const span = arrivalMs - first.arrival;
    const error = Math.abs(pts - first.pts - span);
    // A stall at one end of the span looks like a wrong rate: 200 ms of it are let pass.
    this.#believed = error <= span * RATE_ERROR + 200;
  }

  #remember(delay: number, arrivalMs: number): void {
    const second = Math.floor(arrivalMs / BUCKET_MS);
    const newest = this.#buckets.at(-1);
    if (newest?.second === second) newest.delay = Math.min(newest.delay, delay);
    else this.#buckets.push({ second, delay });
    while ((this.#buckets[0]?.second ?? second) < second - WINDOW_MS / BUCKET_MS) this.#buckets.shift();
  }

  #follow(pts: number, arrivalMs: number): void {
    this.#firstArrival ??= arrivalMs;
    let smallest = Number.POSITIVE_INFINITY;
    for (const { delay } of this.#buckets) smallest = Math.min(smallest, delay);
    if (this.#offset === null || arrivalMs - this.#firstArrival < SETTLE_MS) {
      this.#offset = smallest;
      return;
    }
    const allowed = Math.max(0, pts - this.#lastUnwrapped) * SLEW;
    this.#offset += Math.max(-allowed, Math.min(allowed, smallest - this.#offset));
  }
}
