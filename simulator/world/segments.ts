interface Segment<Moment> {
  startS: number;
  endS: number;
  /** @param s seconds since the segment began. */
  at(s: number): Moment;
}

/** What somebody does, one thing after the other without a gap. */
export class Segments<Moment> {
  readonly startS: number;
  readonly #segments: Segment<Moment>[] = [];
  #now: number;

  constructor(startS: number) {
    this.startS = startS;
    this.#now = startS;
  }

  /** End of what was added so far, seconds of the scenario. */
  get endS(): number {
    return this.#now;
  }

  /** @param at by seconds since this began; nothing is added for no time. */
  add(seconds: number, at: (s: number) => Moment): void {
    if (seconds <= 0) return;
    this.#segments.push({ startS: this.#now, endS: this.#now + seconds, at });
    this.#now += seconds;
  }

  /** @returns null before the start and from the end on. */
  at(t: number): Moment | null {
    if (t < this.startS || t >= this.#now) return null;
    const segment = this.#segments.find(({ endS }) => t < endS) ?? this.#segments.at(-1);
    return segment ? segment.at(t - segment.startS) : null;
  }
}
