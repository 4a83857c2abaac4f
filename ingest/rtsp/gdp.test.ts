import { describe, expect, it } from 'vitest';
import { BUFFER_FLAGS, GDP_HEADER_BYTES, parseGdp } from './gdp.ts';

function packet(type: number, payload: Buffer, pts: bigint, flags: number): Buffer {
  const header = Buffer.alloc(GDP_HEADER_BYTES);
  header.writeUInt16BE(type, 4);
  header.writeUInt32BE(payload.length, 6);
  header.writeBigUInt64BE(pts, 10);
  header.writeUInt16BE(flags, 42);
  return Buffer.concat([header, payload]);
}

describe('GDP', () => {
  it('gives time, flags and payload of a buffer', () => {
    const parsed = parseGdp(packet(1, Buffer.from('picture'), 3_723_004_005_006n, 0x2140));
    expect(parsed?.ptsNs).toBe(3_723_004_005_006);
    expect(parsed?.payload.toString()).toBe('picture');
    expect((parsed?.flags ?? 0) & BUFFER_FLAGS.discont).toBeTruthy();
    expect((parsed?.flags ?? 0) & BUFFER_FLAGS.corrupted).toBeTruthy();
  });

  it('knows a buffer without a time', () => {
    expect(parseGdp(packet(1, Buffer.from('x'), 0xffff_ffff_ffff_ffffn, 0))?.ptsNs).toBeNull();
  });

  it('passes over caps, events and packets cut short', () => {
    expect(parseGdp(packet(2, Buffer.from('video/x-h264'), 0n, 0))).toBeNull();
    expect(parseGdp(packet(64, Buffer.alloc(0), 0n, 0))).toBeNull();
    expect(parseGdp(packet(1, Buffer.alloc(100), 0n, 0).subarray(0, 161))).toBeNull();
    expect(parseGdp(Buffer.alloc(10))).toBeNull();
  });
});
