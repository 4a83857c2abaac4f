/**
 * Live video as messages: one text message that describes the stream, then a binary message for each access unit.
 * The same bytes go from a camera process to its agent, through a pipe, and from the agent to each viewer, through
 * a WebSocket. `README.md` describes them for whoever writes a viewer.
 */
import { findParameterSets, type ParameterSets } from '../rtsp/h264.ts';

/** Of a unit's message, big-endian: version u8, flags u8, length of this header u16, capture time in µs u64. */
export const UNIT_HEADER_BYTES = 12;
const VERSION = 1;

export const UNIT_FLAGS = Object.freeze({
  /** Decoding can start here. */
  key: 1,
  /** Something is missing right before it. */
  discontinuity: 2,
  /** Its time is that of its arrival, because the camera's clock is not believed. */
  estimated: 4,
});

export interface UnitHeader {
  key: boolean;
  discontinuity: boolean;
  estimated: boolean;
  /** Capture time, epoch ms. */
  timeMs: number;
}

/** What a viewer must know before the first unit, and whenever it changes. */
export interface StreamDescription {
  type: 'stream';
  version: typeof VERSION;
  /** As RFC 6381 has it, e.g. `avc1.64001f`. Units are a byte stream (Annex B). */
  codec: string;
  /** Pixels of the display picture. */
  width: number;
  height: number;
  runId: string;
  /** Base64 without start codes, SPS first; they also stand in every key unit. */
  parameterSets: string[];
}

export function encodeUnitHeader({ key, discontinuity, estimated, timeMs }: UnitHeader): Buffer {
  const header = Buffer.allocUnsafe(UNIT_HEADER_BYTES);
  header[0] = VERSION;
  header[1] =
    (key ? UNIT_FLAGS.key : 0) |
    (discontinuity ? UNIT_FLAGS.discontinuity : 0) |
    (estimated ? UNIT_FLAGS.estimated : 0);
  header.writeUInt16BE(UNIT_HEADER_BYTES, 2);
  header.writeBigUInt64BE(BigInt(Math.max(0, Math.round(timeMs * 1_000))), 4);
  return header;
}

/** @returns null for what is no message of a unit. */
export function decodeUnit(message: Buffer): (UnitHeader & { data: Buffer }) | null {
  if (message.length < UNIT_HEADER_BYTES || message[0] !== VERSION) return null;
  const flags = message[1] ?? 0;
  return {
    key: (flags & UNIT_FLAGS.key) !== 0,
    discontinuity: (flags & UNIT_FLAGS.discontinuity) !== 0,
    estimated: (flags & UNIT_FLAGS.estimated) !== 0,
    timeMs: Number(message.readBigUInt64BE(4)) / 1_000,
    data: message.subarray(message.readUInt16BE(2)),
  };
}

export function isKey(message: Buffer): boolean {
  return ((message[1] ?? 0) & UNIT_FLAGS.key) !== 0;
}

/** A copy of a unit's message for a viewer who missed what came before it. */
export function afterLoss(message: Buffer): Buffer {
  const copy = Buffer.from(message);
  copy[1] = (copy[1] ?? 0) | UNIT_FLAGS.discontinuity;
  return copy;
}

/** @param unit a key unit. @returns null where nothing says what it is. */
export function describeStream(unit: Buffer, runId: string): StreamDescription | null {
  const sets = findParameterSets(unit);
  return sets && { type: 'stream', version: VERSION, ...facts(sets), runId };
}

function facts({ sps, width, height, nals }: ParameterSets): Omit<StreamDescription, 'type' | 'version' | 'runId'> {
  return {
    codec: `avc1.${sps.subarray(1, 4).toString('hex')}`,
    ...{ width, height },
    parameterSets: nals.map((nal) => nal.toString('base64')),
  };
}

/** In the pipe each message has a head: its length u32, big-endian, and whether it is text. */
export const PIPE_HEAD_BYTES = 5;

/** @param bytes of the message that follows. */
export function encodePipeHead(isText: boolean, bytes: number): Buffer {
  const head = Buffer.allocUnsafe(PIPE_HEAD_BYTES);
  head.writeUInt32BE(bytes, 0);
  head[4] = isText ? 1 : 0;
  return head;
}

/** Nobody's picture is larger: what claims to be is no message. */
const MAX_MESSAGE_BYTES = 16 * 2 ** 20;

/** Cuts what comes out of a pipe into messages. Each is a buffer of its own. */
export class PipeReader {
  readonly #onMessage: (message: Buffer, isText: boolean) => void;
  readonly #head = Buffer.alloc(PIPE_HEAD_BYTES);
  #message: Buffer | null = null;
  #filled = 0;

  constructor(onMessage: (message: Buffer, isText: boolean) => void) {
    this.#onMessage = onMessage;
  }

  /** @throws RangeError for what no camera process sends; nothing can be read after it. */
  add(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const into = this.#message ?? this.#head;
      const copied = chunk.copy(into, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled < into.length) continue;
      this.#filled = 0;
      if (this.#message === null) this.#message = this.#begun();
      else {
        const message = this.#message;
        this.#message = null;
        this.#onMessage(message, this.#head[4] === 1);
      }
    }
  }

  #begun(): Buffer {
    const bytes = this.#head.readUInt32BE(0);
    if (bytes === 0 || bytes > MAX_MESSAGE_BYTES) throw new RangeError(`a message of ${bytes} bytes`);
    return Buffer.allocUnsafe(bytes);
  }
}
