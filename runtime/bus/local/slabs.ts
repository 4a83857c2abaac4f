const SLAB_BYTES = 1024 * 1024;
/** Larger buffers stand alone. */
const LARGE_BYTES = SLAB_BYTES / 4;

/**
 * Buffers cut one behind another from large blocks, for what is let go in the order in which it came:
 * a block goes with the last of its buffers. Frames of every size, each in memory of its own, leave holes
 * that nothing fits into (measured: some 25 MB beside 64 MB of frames).
 */
export class Slabs {
  #slab = Buffer.alloc(0);
  #used = 0;

  /** Not zeroed; whoever asks writes all of it, once. */
  take(bytes: number): Buffer {
    if (bytes > LARGE_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (this.#used + bytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    const taken = this.#slab.subarray(this.#used, this.#used + bytes);
    this.#used += bytes;
    return taken;
  }
}
