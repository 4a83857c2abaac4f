import type { StoredRecord } from '../session/session.ts';

interface Entry extends StoredRecord {
  /** Monotonic milliseconds: a clock that is set must not empty the memory, nor keep it for ever. */
  readonly at: number;
  readonly bytes: number;
}

interface Partition {
  entries: Entry[];
  head: number;
  next: number;
  reserved: number;
}

export interface FramesLogOptions {
  partitions: number;
  maxBytes: number;
  maxAgeMs: number;
  /**
   * Takes a block of offsets for good and gives its first. Offsets of frames stay unique across
   * restarts, so that coordinates kept with an incident never show another picture.
   */
  reserve: (partition: number, count: number) => number;
}

const BLOCK = 1_000_000;
/** Rough cost of an entry beside its bytes. */
const OVERHEAD_BYTES = 300;

/** Frames in memory, bounded in bytes over all partitions and in age; the oldest goes first. */
export class FramesLog {
  readonly #options: FramesLogOptions;
  readonly #partitions: Partition[];
  #bytes = 0;

  constructor(options: FramesLogOptions) {
    this.#options = options;
    this.#partitions = Array.from({ length: options.partitions }, (_, partition) => {
      const first = options.reserve(partition, BLOCK);
      return { entries: [], head: 0, next: first, reserved: first + BLOCK };
    });
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(partition: number, record: Omit<StoredRecord, 'offset'>, at: number): number {
    const log = this.#log(partition);
    if (log.next >= log.reserved) {
      log.next = this.#options.reserve(partition, BLOCK);
      log.reserved = log.next + BLOCK;
    }
    const offset = log.next;
    const bytes = (record.value?.length ?? 0) + record.headers.length + record.key.length + OVERHEAD_BYTES;
    log.entries.push({ ...record, offset, at, bytes });
    log.next += 1;
    this.#bytes += bytes;
    this.evict(at);
    return offset;
  }

  /** Lets go what is over the bounds at monotonic time `now`. */
  evict(now: number): void {
    const oldestAllowed = now - this.#options.maxAgeMs;
    for (;;) {
      const log = this.#oldest();
      const first = log?.entries[log.head];
      if (log === undefined || first === undefined) return;
      if (this.#bytes <= this.#options.maxBytes && first.at >= oldestAllowed) return;
      this.#bytes -= first.bytes;
      log.head += 1;
      if (log.head > 256 || log.head === log.entries.length) {
        log.entries = log.entries.slice(log.head);
        log.head = 0;
      } else {
        // Let the picture go now; the slot goes with its block.
        log.entries[log.head - 1] = { ...first, value: null };
      }
    }
  }

  read(partition: number, offset: number, maxRecords: number, maxBytes: number): StoredRecord[] {
    const log = this.#log(partition);
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (let i = this.#indexOf(log, offset); i < log.entries.length && records.length < maxRecords; i++) {
      const entry = log.entries[i];
      if (entry === undefined) break;
      bytes += entry.bytes;
      if (records.length > 0 && bytes > maxBytes) break;
      records.push(entry);
    }
    return records;
  }

  start(partition: number): number {
    const log = this.#log(partition);
    return log.entries[log.head]?.offset ?? log.next;
  }

  end(partition: number): number {
    return this.#log(partition).next;
  }

  offsetAtTime(partition: number, time: number): number {
    const log = this.#log(partition);
    for (let i = log.head; i < log.entries.length; i++) {
      const entry = log.entries[i];
      if (entry !== undefined && entry.timestamp >= time) return entry.offset;
    }
    return log.next;
  }

  /** First entry at or above `offset`. Offsets are dense but for the step from block to block. */
  #indexOf(log: Partition, offset: number): number {
    let low = log.head;
    let high = log.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((log.entries[middle]?.offset ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #oldest(): Partition | undefined {
    let oldest: Partition | undefined;
    let at = Number.POSITIVE_INFINITY;
    for (const log of this.#partitions) {
      const first = log.entries[log.head];
      if (first !== undefined && first.at < at) {
        oldest = log;
        at = first.at;
      }
    }
    return oldest;
  }

  #log(partition: number): Partition {
    const log = this.#partitions[partition];
    if (log === undefined) throw new RangeError(`no partition ${partition}`);
    return log;
  }
}
