import { describe, expect, it } from 'vitest';
import {
  decodeBatch,
  decodeSend,
  encodeBatch,
  encodeSend,
  type Frame,
  FrameReader,
  frame,
  MAX_FRAME_BYTES,
} from './wire.ts';

const bytes = (parts: readonly Buffer[]): Buffer => Buffer.concat(parts);

describe('wire', () => {
  it('puts frames together however the bytes are cut', () => {
    const bodies: Buffer[] = [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(5000, 'y')];
    const stream = bytes(bodies.flatMap((body, i) => frame(i + 1, i * 1000, [body])));
    for (const step of [1, 2, 7, 4096, stream.length]) {
      const frames: Frame[] = [];
      const reader = new FrameReader((each) => frames.push(each));
      for (let at = 0; at < stream.length; at += step) reader.push(stream.subarray(at, at + step));
      expect(frames.map(({ type, id }) => [type, id])).toEqual([
        [1, 0],
        [2, 1000],
        [3, 2000],
      ]);
      expect(frames.map(({ body }) => body.equals(bodies.shift() ?? Buffer.alloc(1)))).toEqual([true, true, true]);
      bodies.push(...frames.map(({ body }) => body));
    }
  });

  it('carries records as they are, and large values without a copy', () => {
    const large = Buffer.alloc(100_000, 'z');
    for (const value of [null, Buffer.alloc(0), Buffer.from('small'), large]) {
      const record = { key: 'höf/✓', headers: '{"a":"ü"}', value };
      expect(decodeSend(bytes(encodeSend('tracks.v1', record)))).toEqual({ topic: 'tracks.v1', record });
      const stored = { ...record, offset: 2 ** 52, timestamp: 1_790_000_000_000 };
      expect(decodeBatch(bytes(encodeBatch(2 ** 52 + 1, [stored, stored])))).toEqual({
        next: 2 ** 52 + 1,
        records: [stored, stored],
      });
    }
    expect(encodeSend('t', { key: 'k', headers: '{}', value: large })).toContain(large);
  });

  it('refuses what is not its protocol', () => {
    const reader = new FrameReader(() => {});
    const prefix = Buffer.alloc(9);
    prefix.writeUInt32LE(MAX_FRAME_BYTES + 100, 0);
    expect(() => reader.push(prefix)).toThrow(RangeError);
    expect(() => new FrameReader(() => {}).push(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow(RangeError);
    const short = bytes(encodeSend('t', { key: 'k', headers: '{}', value: Buffer.alloc(100) })).subarray(0, -1);
    expect(() => decodeSend(short)).toThrow(RangeError);
  });
});
