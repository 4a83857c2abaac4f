import type { Purpose, Sampling } from '../runtime/messages/types.ts';

/** A camera's pictures come with jitter: one this much early is taken for the one that was due. */
const EARLY_SHARE = 0.25;
const EARLY_MAX_MS = 40;

export interface SamplerInput {
  /** Capture time. */
  timeMs: number;
  /** Gate open, or attention asked for. */
  active: boolean;
  /** Look at this picture whatever the rate says. */
  forced: boolean;
  /** Back-pressure: no faster than this, null where there is none. */
  maxFps: number | null;
}

/** Which pictures are looked at: evenly on capture time, at the active or the idle rate. Pure. */
export class Sampler {
  #sampling: Sampling;
  #lastMs: number | null = null;

  constructor(sampling: Sampling) {
    this.#sampling = sampling;
  }

  configure(sampling: Sampling): void {
    this.#sampling = sampling;
  }

  /** @returns why the picture is looked at, or null. */
  look({ timeMs, active, forced, maxFps }: SamplerInput): Purpose | null {
    const { idle_fps, active_fps } = this.#sampling;
    const wanted = active ? active_fps : idle_fps;
    const rate = maxFps === null ? wanted : Math.min(wanted, maxFps);
    const period = 1000 / rate;
    const purpose = active || forced ? 'live' : 'heartbeat';
    if (this.#lastMs === null || forced) {
      this.#lastMs = timeMs;
      return purpose;
    }
    const due = this.#lastMs + period;
    if (timeMs < due - Math.min(period * EARLY_SHARE, EARLY_MAX_MS)) return null;
    // On the beat where the camera keeps it; after a pause the beat begins anew.
    this.#lastMs = timeMs - due > period ? timeMs : due;
    return purpose;
  }
}
