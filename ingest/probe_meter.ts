import { findSps, isBidirectional, pictureKind, type Sps } from './rtsp/h264.ts';

export interface StreamFigures {
  sps: Sps | null;
  /** Pictures a second, from presentation times; null with fewer than three. */
  fps: number | null;
  bitrateKbps: number | null;
  /** Longest seen between key pictures; null when there was but one. */
  keyFrameIntervalS: number | null;
  keyFrames: number;
  hasBFrames: boolean;
  /** Seconds of stream measured. */
  seconds: number;
  pictures: number;
}

/** Measures a stream from its access units; keeps a few numbers a picture. */
export class StreamMeter {
  #sps: Sps | null = null;
  #times: number[] = [];
  #keyTimes: number[] = [];
  #bytes = 0;
  #lastBytes = 0;
  #hasBFrames = false;
  #pendingPtsMs: number | null = null;

  /** @param ptsMs presentation time, null where the unit carries none (parameter sets alone). */
  add(unit: Buffer, ptsMs: number | null): void {
    this.#sps ??= findSps(unit);
    const kind = pictureKind(unit);
    this.#bytes += unit.length;
    // The first key picture can come as two units: parameter sets with the time, slices without.
    const at = ptsMs ?? this.#pendingPtsMs;
    this.#pendingPtsMs = kind === 'none' ? at : null;
    if (kind === 'none' || at === null) return;
    this.#lastBytes = unit.length;
    this.#times.push(at);
    if (kind === 'key') this.#keyTimes.push(at);
    this.#hasBFrames ||= kind === 'delta' && isBidirectional(unit);
  }

  /** Seconds between the first and the last picture so far. */
  get seconds(): number {
    return this.#times.length < 2 ? 0 : (Math.max(...this.#times) - Math.min(...this.#times)) / 1_000;
  }

  get keyFrames(): number {
    return this.#keyTimes.length;
  }

  figures(): StreamFigures {
    const seconds = this.seconds;
    const pictures = this.#times.length;
    const enough = pictures >= 3 && seconds > 0;
    const gaps = this.#keyTimes.slice(1).map((at, i) => (at - (this.#keyTimes[i] ?? at)) / 1_000);
    return {
      sps: this.#sps,
      fps: enough ? (pictures - 1) / seconds : null,
      // The last picture's bytes belong to the time after it.
      bitrateKbps: enough ? ((this.#bytes - this.#lastBytes) * 8) / 1_000 / seconds : null,
      keyFrameIntervalS: gaps.length > 0 ? Math.max(...gaps) : null,
      keyFrames: this.#keyTimes.length,
      hasBFrames: this.#hasBFrames,
      seconds,
      pictures,
    };
  }
}
