import gstreamer, { type Element, type Pipeline } from 'gstreamer-superficial';
import { BanksmanError } from '../../runtime/errors.ts';

/**
 * A pipeline whose bus is polled. By default a pipeline that is stopped throws away what lies on its
 * bus: a thread that has not yet taken the message that woke it then waits for ever, and so does the
 * process when it exits. (The binding's own property of that name sets nothing.)
 */
export function polledPipeline(description: string): Pipeline {
  return new gstreamer.Pipeline(`pipeline.( auto-flush-bus=false ${description} )`);
}

/** @throws BanksmanError INTERNAL when the pipeline was built without it. */
export function element(pipeline: Pipeline, name: string): Element {
  const found = pipeline.findChild(name);
  if (!found) throw new BanksmanError('INTERNAL', { message: `no element ${name} in the pipeline` });
  return found;
}

/** Writes a time stamp, whole nanoseconds, as appsrc wants it. */
export function writePts(ptsNs: number, into: Buffer): Buffer {
  into.writeUInt32BE(Math.floor(ptsNs / 0x1_0000_0000), 0);
  into.writeUInt32BE(ptsNs % 0x1_0000_0000, 4);
  return into;
}

/**
 * Frees a buffer's memory now instead of at some garbage collection: pictures of megabytes are small
 * objects to the collector, which would let dozens pile up. Leaves Node's shared pool of small buffers alone.
 */
export function release(buffer: Buffer): void {
  const memory = buffer.buffer;
  if (memory instanceof ArrayBuffer && memory.byteLength >= LARGE_BYTES && !memory.detached) memory.transfer(0);
}

const LARGE_BYTES = 32_768;
