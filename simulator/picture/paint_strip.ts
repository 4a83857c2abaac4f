import { COLUMNS, crc8 } from '../rtsp/strip.ts';
import type { Planes } from './convert.ts';

/**
 * The strip that `rtsp/strip.ts` reads and `rtsp/paint.py` paints: 2 × 32 blocks at the top of the picture,
 * 16 bits of counter, 40 bits of milliseconds, CRC-8; most significant bit first.
 * @param counter of the frame, modulo 65,536. @param ms modulo 2^40.
 */
export function paintStrip(picture: Planes, counter: number, ms: number): void {
  const { width, height, y, u, v } = picture;
  const payload = Buffer.alloc(8);
  payload.writeUInt16BE(counter & 0xffff, 0);
  payload.writeUIntBE(ms % 2 ** 40, 2, 5);
  payload[7] = crc8(payload.subarray(0, 7));
  const block = Math.max(8, Math.floor(Math.round(height / 24) / 2) * 2);
  for (let row = 0; row < 2 * block; row++) {
    const first = row < block ? 0 : COLUMNS;
    for (let column = 0; column < COLUMNS; column++) {
      const bit = first + column;
      const isOn = ((payload[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
      const from = Math.floor((column * width) / COLUMNS);
      y.fill(isOn ? 235 : 16, row * width + from, row * width + Math.floor(((column + 1) * width) / COLUMNS));
    }
  }
  u.fill(128, 0, (width / 2) * block);
  v.fill(128, 0, (width / 2) * block);
}
