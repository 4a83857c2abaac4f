/**
 * GStreamer Data Protocol 1.0 as `gdppay` writes it: the only way that times and flags of buffers
 * reach this process. 62 bytes of header, then the payload.
 */
export const GDP_HEADER_BYTES = 62;

/** GstBufferFlags that matter here. */
export const BUFFER_FLAGS = Object.freeze({ discont: 0x40, corrupted: 0x100 });

export interface GdpBuffer {
  /** Nanoseconds, exact below 104 days; null when the buffer carries no time. */
  readonly ptsNs: number | null;
  readonly flags: number;
  /** A view. */
  readonly payload: Buffer;
}

const TYPE_AT = 4;
const LENGTH_AT = 6;
const PTS_AT = 10;
const FLAGS_AT = 42;
const TYPE_BUFFER = 1;
const NONE = 0xffff_ffff;

/** @returns null for caps and events, and for what is no whole packet. */
export function parseGdp(packet: Buffer): GdpBuffer | null {
  if (packet.length < GDP_HEADER_BYTES || packet.readUInt16BE(TYPE_AT) !== TYPE_BUFFER) return null;
  const end = GDP_HEADER_BYTES + packet.readUInt32BE(LENGTH_AT);
  if (packet.length < end) return null;
  const high = packet.readUInt32BE(PTS_AT);
  const low = packet.readUInt32BE(PTS_AT + 4);
  return {
    ptsNs: high === NONE && low === NONE ? null : high * 0x1_0000_0000 + low,
    flags: packet.readUInt16BE(FLAGS_AT),
    payload: packet.subarray(GDP_HEADER_BYTES, end),
  };
}
