/** A group that is larger is not kept: a viewer then begins at the next key picture. */
export const MAX_GROUP_BYTES = 4 * 2 ** 20;
/** The memory grows in steps of this. */
const STEP_BYTES = 64 * 2 ** 10;

/**
 * The group of pictures so far, from its key picture on, in one piece of memory that is used again for each group: as
 * large as the largest group was. (Kept by reference, units outlive the young generation and wait for a full collection:
 * with groups of 2.5 MB a process was 7 MB larger, 11 at times, instead of 2.)
 */
export class Group {
  #memory = Buffer.alloc(0);
  #used = 0;
  #isOpen = false;

  /** Of what is kept. */
  get bytes(): number {
    return this.#used;
  }

  /** A key picture follows. */
  begin(): void {
    this.#used = 0;
    this.#isOpen = true;
  }

  /** Nothing more belongs to it: something is missing. */
  end(): void {
    this.#isOpen = false;
  }

  clear(): void {
    this.#used = 0;
    this.#isOpen = false;
  }

  /** Adds the parts one after another, unless it has ended. */
  add(...parts: readonly Buffer[]): void {
    if (!this.#isOpen) return;
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    if (this.#used + bytes > MAX_GROUP_BYTES) {
      this.clear();
      return;
    }
    this.#makeRoom(this.#used + bytes);
    for (const part of parts) this.#used += part.copy(this.#memory, this.#used);
  }

  /** A copy. */
  take(): Buffer {
    return Buffer.from(this.#memory.subarray(0, this.#used));
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#memory.length) return;
    // A quarter more, so that a group that grows is not copied at each of its units.
    const wanted = Math.ceil((bytes * 1.25) / STEP_BYTES) * STEP_BYTES;
    const memory = Buffer.alloc(Math.min(wanted, MAX_GROUP_BYTES));
    this.#memory.copy(memory, 0, 0, this.#used);
    this.#memory = memory;
  }
}
