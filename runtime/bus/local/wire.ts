import type { Socket } from 'node:net';
import type { OutgoingRecord, StoredRecord } from '../session/session.ts';

/**
 * What goes over the socket, both ways: `u32 length | u8 type | u32 id | body`, little-endian; length
 * counts what follows it. JSON only in small control bodies; keys, headers and values are raw bytes.
 */
export const TO_SERVER = Object.freeze({ send: 1, fetch: 2, cancel: 3, call: 4, revoked: 5 });
export const TO_CLIENT = Object.freeze({ hello: 16, result: 17, failure: 18, sent: 19, batch: 20, event: 21 });

export const PROTOCOL = 1;
/** Longer frames end the connection. */
export const MAX_FRAME_BYTES = 32 * 1024 * 1024;
const PREFIX_BYTES = 9;
/** Longer values travel as a buffer of their own, uncopied. */
const COPY_BYTES = 2048;

export interface Frame {
  readonly type: number;
  readonly id: number;
  readonly body: Buffer;
}

/** Puts frames together from what a socket brings; a body is never written again. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  readonly #allocate: (bytes: number) => Buffer;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #filled = 0;
  #body: Buffer | undefined;

  /** @param allocate for large bodies, uninitialized; default: each has memory of its own. */
  constructor(onFrame: (frame: Frame) => void, allocate: (bytes: number) => Buffer = Buffer.allocUnsafeSlow) {
    this.#onFrame = onFrame;
    this.#allocate = allocate;
  }

  /** @throws RangeError when this is not our protocol. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const into = this.#body ?? this.#prefix;
      const copied = chunk.copy(into, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled < into.length) return;
      this.#filled = 0;
      if (this.#body === undefined) {
        const length = this.#prefix.readUInt32LE(0) - (PREFIX_BYTES - 4);
        if (length < 0 || length > MAX_FRAME_BYTES) throw new RangeError(`frame of ${length} bytes`);
        this.#body = length > COPY_BYTES ? this.#allocate(length) : Buffer.allocUnsafe(length);
        if (length > 0) continue;
      }
      const frame = { type: this.#prefix.readUInt8(4), id: this.#prefix.readUInt32LE(5), body: this.#body };
      this.#body = undefined;
      this.#onFrame(frame);
    }
  }
}

/** @param parts of the body, written one after another. */
export function frame(type: number, id: number, parts: readonly Buffer[]): Buffer[] {
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  prefix.writeUInt32LE(length + PREFIX_BYTES - 4, 0);
  prefix.writeUInt8(type, 4);
  prefix.writeUInt32LE(id, 5);
  return [prefix, ...parts];
}

export function jsonFrame(type: number, id: number, body: unknown): Buffer[] {
  return frame(type, id, [Buffer.from(JSON.stringify(body))]);
}

export function parseJson<T>(body: Buffer): T {
  return JSON.parse(body.toString('utf8'));
}

/** Body of `send`: topic, then the record. */
export function encodeSend(topic: string, record: OutgoingRecord): Buffer[] {
  const name = Buffer.from(topic);
  const head = Buffer.allocUnsafe(2 + name.length);
  head.writeUInt16LE(name.length, 0);
  name.copy(head, 2);
  return [head, ...encodeRecord(record)];
}

export function decodeSend(body: Buffer): { topic: string; record: OutgoingRecord } {
  const end = 2 + body.readUInt16LE(0);
  return { topic: body.toString('utf8', 2, end), record: decodeRecord(body, end).record };
}

/** Body of `batch`: where to go on, then offset, time and content of each record. */
export function encodeBatch(next: number, records: readonly StoredRecord[]): Buffer[] {
  const head = Buffer.allocUnsafe(12);
  head.writeDoubleLE(next, 0);
  head.writeUInt32LE(records.length, 8);
  const parts: Buffer[] = [head];
  for (const record of records) {
    const place = Buffer.allocUnsafe(16);
    place.writeDoubleLE(record.offset, 0);
    place.writeDoubleLE(record.timestamp, 8);
    parts.push(place, ...encodeRecord(record));
  }
  return parts;
}

export function decodeBatch(body: Buffer): { next: number; records: StoredRecord[] } {
  const records: StoredRecord[] = [];
  let at = 12;
  for (let left = body.readUInt32LE(8); left > 0; left--) {
    const { record, end } = decodeRecord(body, at + 16);
    records.push({ ...record, offset: body.readDoubleLE(at), timestamp: body.readDoubleLE(at + 8) });
    at = end;
  }
  return { next: body.readDoubleLE(0), records };
}

export function encodePosition(partition: number, offset: number): Buffer {
  const body = Buffer.allocUnsafe(12);
  body.writeUInt32LE(partition, 0);
  body.writeDoubleLE(offset, 4);
  return body;
}

export function decodePosition(body: Buffer): { partition: number; offset: number } {
  return { partition: body.readUInt32LE(0), offset: body.readDoubleLE(4) };
}

/** `u32 key length | u32 headers length | i32 value length, -1 for null | key | headers | value`. */
function encodeRecord({ key, headers, value }: OutgoingRecord): Buffer[] {
  const keyBytes = Buffer.byteLength(key);
  const headersBytes = Buffer.byteLength(headers);
  const inline = value !== null && value.length <= COPY_BYTES ? value : undefined;
  const head = Buffer.allocUnsafe(12 + keyBytes + headersBytes + (inline?.length ?? 0));
  head.writeUInt32LE(keyBytes, 0);
  head.writeUInt32LE(headersBytes, 4);
  head.writeInt32LE(value?.length ?? -1, 8);
  head.write(key, 12);
  head.write(headers, 12 + keyBytes);
  inline?.copy(head, 12 + keyBytes + headersBytes);
  return inline || value === null ? [head] : [head, value];
}

function decodeRecord(body: Buffer, at: number): { record: OutgoingRecord; end: number } {
  const key = at + 12;
  const headers = key + body.readUInt32LE(at);
  const value = headers + body.readUInt32LE(at + 4);
  const length = body.readInt32LE(at + 8);
  const end = value + Math.max(0, length);
  if (end > body.length) throw new RangeError('record longer than its frame');
  return {
    record: {
      key: body.toString('utf8', key, headers),
      headers: body.toString('utf8', headers, value),
      value: length < 0 ? null : body.subarray(value, end),
    },
    end,
  };
}

/** Bodies of `call`, answered by `result` or `failure`. */
export type Call =
  | { op: 'bounds'; topic: string; time: number | null }
  | { op: 'lag'; group: string | null }
  | { op: 'join'; member: number; group: string; topics: string[]; from: 'earliest' | 'latest' }
  | { op: 'commit'; member: number; positions: { topic: string; partition: number; offset: number }[] }
  | { op: 'leave'; member: number };

/** Body of `event`; a `revoke` is answered by `revoked` with its id. */
export type Event =
  | { kind: 'assign'; member: number; partitions: { topic: string; partition: number; offset: number }[] }
  | { kind: 'revoke'; member: number; partitions: { topic: string; partition: number }[] };

export interface Failure {
  code: string;
  message: string;
  where: string | null;
}

/** One system call for all of them. */
export function writeAll(socket: Socket, buffers: readonly Buffer[]): void {
  if (!socket.writable) return;
  socket.cork();
  for (const buffer of buffers) if (buffer.length > 0) socket.write(buffer);
  socket.uncork();
}
