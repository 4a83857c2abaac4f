/**
 * Whether a camera can keep what a rule promises. Somebody who moves is seen when the motion gate has
 * opened and the next looked frame comes; somebody whom the gate does not see (standing still, small,
 * slow) when the next idle look comes. The later of both is the worst case for the first look, and
 * `detect_within_s` bounds it. Presence that the rule asks for comes on top: it is no delay.
 */

/** From the first changed picture to the open gate: two pictures of a slow stream (10 fps) and decoding. */
export const GATE_DELAY_S = 0.25;
/** From a look that found somebody to the active rate: detection, and the way back to ingest. */
export const ATTENTION_DELAY_S = 0.5;

export interface PromiseInput {
  idle_fps: number;
  active_fps: number;
  min_duration_s: number;
  detect_within_s: number;
  /** Measured on the running camera, where it is known. */
  gate_delay_s?: number;
}

export interface PromiseReport {
  /** First look at somebody whom the gate sees. */
  moving_s: number;
  /** First look at somebody whom the gate does not see. */
  still_s: number;
  /** The later of both. */
  worst_s: number;
  /** Longest time from presence to the incident, presence itself included. */
  opens_within_s: number;
  kept: boolean;
  /** What to change so that it is kept, one way a line; empty when it is. */
  mends: string[];
}

/** Pure; all rates must be over 0. */
export function computePromise(input: PromiseInput): PromiseReport {
  const { idle_fps, active_fps, min_duration_s, detect_within_s, gate_delay_s = GATE_DELAY_S } = input;
  const moving_s = gate_delay_s + 1 / active_fps;
  const still_s = 1 / idle_fps;
  const worst_s = Math.max(moving_s, still_s);
  // Presence is measured between looked frames, so it rounds up to whole intervals, at least one.
  const presence_s = Math.max(1, Math.ceil(min_duration_s * active_fps - 1e-9)) / active_fps;
  const opens_within_s = Math.max(moving_s, still_s + ATTENTION_DELAY_S) + presence_s;
  const late = (seconds: number): boolean => seconds > detect_within_s + 1e-9;
  const mends: string[] = [];
  if (late(still_s)) mends.push(`Raise sampling.idle_fps to ${rateUp(1 / detect_within_s)}.`);
  if (late(moving_s)) {
    const left = detect_within_s - gate_delay_s;
    mends.push(
      left > 1 / 60
        ? `Raise sampling.active_fps to ${rateUp(1 / left)}.`
        : `No rate is enough: opening the motion gate alone takes ${format(gate_delay_s)} s.`,
    );
  }
  if (mends.length > 0) mends.push(`Or set detect_within_s to ${format(Math.ceil(worst_s * 10) / 10)}.`);
  return { moving_s, still_s, worst_s, opens_within_s, kept: mends.length === 0, mends };
}

/** Up to two digits after the point, never below the rate asked for. */
const rateUp = (rate: number): string => format(Math.ceil(rate * 100 - 1e-9) / 100);
const format = (value: number): string => String(Math.round(value * 100) / 100);
