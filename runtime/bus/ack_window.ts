interface Entry {
  readonly offset: number;
  acked: boolean;
}

/**
 * Acknowledgements of one partition, in any order, turned into the offset up to which *all* are in.
 * Pure; every kind of bus uses it.
 */
export class AckWindow {
  readonly #maxInFlight: number;
  #entries: Entry[] = [];
  #head = 0;
  #unacked = 0;
  #position: number;

  /** @param position next offset to be read of the group. */
  constructor(position: number, maxInFlight: number) {
    this.#position = position;
    this.#maxInFlight = maxInFlight;
  }

  /** Next offset that the group has to read: everything below it was acknowledged. */
  get position(): number {
    return this.#position;
  }

  /**
   * Whether one more may be delivered. Ten times the limit may have been acknowledged behind one that
   * was not; beyond that the window would grow with a message that nobody ever acknowledges.
   */
  get hasRoom(): boolean {
    return this.#unacked < this.#maxInFlight && this.#entries.length - this.#head < 10 * this.#maxInFlight;
  }

  /** @returns the acknowledgement of this delivery, idempotent; true when the position moved. */
  deliver(offset: number): () => boolean {
    const entry: Entry = { offset, acked: false };
    this.#entries.push(entry);
    this.#unacked += 1;
    return () => {
      if (entry.acked) return false;
      entry.acked = true;
      this.#unacked -= 1;
      return this.#advance();
    };
  }

  /** The log has nothing below `offset` that was not delivered: compaction or retention took it. */
  skipTo(offset: number): boolean {
    if (this.#entries.length > this.#head || offset <= this.#position) return false;
    this.#position = offset;
    return true;
  }

  #advance(): boolean {
    const before = this.#position;
    for (let first = this.#entries[this.#head]; first?.acked; first = this.#entries[this.#head]) {
      this.#position = first.offset + 1;
      this.#head += 1;
    }
    if (this.#head > 1024 || this.#head === this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return this.#position !== before;
  }
}
