/**
 * Produce requests for kafkajs' connections, written once into one buffer of the right size: kafkajs' own encoder
 * copies each record eight times, into buffers that it clears first, and sums up its bytes one by one in JavaScript,
 * which is most of what a picture costs there.
 */
import { crc32c } from '@node-rs/crc32';
import Encoder from 'kafkajs/src/protocol/encoder.js';
import type { ProduceBatch, ProduceRecord, ProducerIdentity } from './link.ts';

const ALL_REPLICAS = -1;
const MAGIC = 2;
/** Of a batch, before its first record: https://kafka.apache.org/documentation/#recordbatch. */
const BATCH_HEADER = 61;
/** Base offset and length, which the length itself leaves out. */
const BEFORE_LENGTH_ENDS = 12;
const CRC_AT = 17;
const CHECKED_FROM = 21;
/** Its encoder doubles what it needs and clears it; what is as large as a picture gets what it asks for. */
const LARGE = 4_096;

const ensureAvailable = Encoder.prototype.ensureAvailable;
Encoder.prototype.ensureAvailable = function (this: Encoder, length: number): void {
  const needed = this.offset + length;
  if (needed <= this.buf.length || needed < LARGE) {
    ensureAvailable.call(this, length);
    return;
  }
  const larger = Buffer.allocUnsafeSlow(needed);
  this.buf.copy(larger, 0, 0, this.offset);
  this.buf = larger;
};

/** A record's parts as bytes, and the length that is written before it. */
interface Sized {
  key: Buffer;
  value: Buffer | null;
  headers: [name: Buffer, value: Buffer][];
  bodyBytes: number;
  offsetDelta: number;
}

/**
 * Body of a Produce request, versions 3 to 8, uncompressed, one batch a partition.
 * @param timestamp of all records, epoch milliseconds.
 */
export function encodeProduce(
  batches: readonly ProduceBatch[],
  identity: ProducerIdentity,
  { timeoutMs, timestamp }: { timeoutMs: number; timestamp: number },
): Encoder {
  const topics = [...Map.groupBy(batches, ({ topic }) => topic)].map(
    ([name, group]) =>
      [Buffer.from(name), group.map((batch) => ({ ...batch, records: batch.records.map(size) }))] as const,
  );
  let bytes = 2 + 2 + 4 + 4;
  for (const [name, group] of topics) {
    bytes += 2 + name.length + 4;
    for (const { records } of group) bytes += 4 + 4 + batchBytes(records);
  }
  const out = new Writer(Buffer.allocUnsafeSlow(bytes));
  out.int16(-1); // no transaction
  out.int16(ALL_REPLICAS);
  out.int32(timeoutMs);
  out.int32(topics.length);
  for (const [name, group] of topics) {
    out.int16(name.length);
    out.bytes(name);
    out.int32(group.length);
    for (const { partition, firstSequence, records } of group) {
      out.int32(partition);
      const length = batchBytes(records);
      out.int32(length);
      writeBatch(out, records, length, { identity, timestamp, firstSequence });
    }
  }
  const encoder = new Encoder(0);
  encoder.buf = out.buffer;
  encoder.offset = out.at;
  return encoder;
}

function size({ key, value, headers }: ProduceRecord, offsetDelta: number): Sized {
  const sized: Sized = { key: Buffer.from(key), value, headers: [], bodyBytes: 0, offsetDelta };
  for (const name in headers) sized.headers.push([Buffer.from(name), Buffer.from(headers[name] ?? '')]);
  let bytes = 1 + varintBytes(0) + varintBytes(offsetDelta) + blobBytes(sized.key) + blobBytes(value);
  bytes += varintBytes(sized.headers.length);
  for (const [name, text] of sized.headers) bytes += blobBytes(name) + blobBytes(text);
  sized.bodyBytes = bytes;
  return sized;
}

function batchBytes(records: readonly Sized[]): number {
  let bytes = BATCH_HEADER;
  for (const { bodyBytes } of records) bytes += varintBytes(bodyBytes) + bodyBytes;
  return bytes;
}

function writeBatch(
  out: Writer,
  records: readonly Sized[],
  length: number,
  of: { identity: ProducerIdentity; timestamp: number; firstSequence: number },
): void {
  const start = out.at;
  out.int64(0n); // base offset: the broker's to give
  out.int32(length - BEFORE_LENGTH_ENDS);
  out.int32(0); // leader's epoch, as kafkajs has it: the broker writes its own
  out.int8(MAGIC);
  out.int32(0); // the checksum, when the rest is there
  out.int16(0); // no compression, time of creation, no transaction
  out.int32(records.length - 1);
  out.int64(BigInt(of.timestamp));
  out.int64(BigInt(of.timestamp));
  out.int64(of.identity.id);
  out.int16(of.identity.epoch);
  out.int32(of.firstSequence);
  out.int32(records.length);
  for (const { key, value, headers, bodyBytes, offsetDelta } of records) {
    out.varint(bodyBytes);
    out.int8(0);
    out.varint(0); // time since the first
    out.varint(offsetDelta);
    out.blob(key);
    out.blob(value);
    out.varint(headers.length);
    for (const [name, text] of headers) {
      out.blob(name);
      out.blob(text);
    }
  }
  const checked = out.buffer.subarray(start + CHECKED_FROM, start + length);
  out.buffer.writeUInt32BE(crc32c(checked), start + CRC_AT);
}

class Writer {
  readonly buffer: Buffer;
  at = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  int8(value: number): void {
    this.at = this.buffer.writeInt8(value, this.at);
  }

  int16(value: number): void {
    this.at = this.buffer.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.at = this.buffer.writeInt32BE(value, this.at);
  }

  int64(value: bigint): void {
    this.at = this.buffer.writeBigInt64BE(value, this.at);
  }

  /** Zigzag, seven bits a byte. */
  varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest > 0x7f) {
      this.buffer[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.at++] = rest;
  }

  bytes(value: Buffer): void {
    this.at += value.copy(this.buffer, this.at);
  }

  blob(value: Buffer | null): void {
    this.varint(value === null ? -1 : value.length);
    if (value !== null) this.bytes(value);
  }
}

function blobBytes(value: Buffer | null): number {
  return value === null ? varintBytes(-1) : varintBytes(value.length) + value.length;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = ((value << 1) ^ (value >> 31)) >>> 0; rest > 0x7f; rest >>>= 7) bytes += 1;
  return bytes;
}
