/** Reads what `paint.py` paints: frame counter and wall clock, from the top of a picture. */
export interface Strip {
  /** Modulo 65,536. */
  counter: number;
  /** Epoch ms when the picture was painted. */
  wallMs: number;
}

export const COLUMNS = 32;
const ROWS = 2;
const WALL_BITS = 2 ** 40;

/**
 * @param luma one byte a pixel, `stride` bytes a row; any scaling of the painted picture.
 * @param nearMs tells which turn of the 40-bit clock it was (35 years).
 * @returns null where there is no strip or it is damaged (CRC-8).
 */
export function readStrip(
  luma: Uint8Array,
  width: number,
  height: number,
  { stride = width, nearMs = Date.now() }: { stride?: number; nearMs?: number } = {},
): Strip | null {
  // As painted, before scaling: 8 px at least, else a 24th of the height.
  const blockH = height / 24;
  const bytes = new Uint8Array(8);
  for (let bit = 0; bit < COLUMNS * ROWS; bit++) {
    const x = ((bit % COLUMNS) + 0.5) * (width / COLUMNS);
    const y = (Math.floor(bit / COLUMNS) + 0.5) * blockH;
    const reach = Math.max(1, Math.floor(Math.min(blockH, width / COLUMNS) / 4));
    if (mean(luma, stride, x, y, reach) > 128) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  }
  const view = Buffer.from(bytes);
  if (crc8(view.subarray(0, 7)) !== view[7]) return null;
  const low = view.readUIntBE(2, 5);
  const turn = Math.round((nearMs - low) / WALL_BITS);
  return { counter: view.readUInt16BE(0), wallMs: turn * WALL_BITS + low };
}

function mean(luma: Uint8Array, stride: number, x: number, y: number, reach: number): number {
  let sum = 0;
  let count = 0;
  for (let row = Math.round(y) - reach; row < Math.round(y) + reach; row++) {
    for (let column = Math.round(x) - reach; column < Math.round(x) + reach; column++) {
      sum += luma[row * stride + column] ?? 0;
      count++;
    }
  }
  return sum / count;
}

/** Polynomial 0x07, initial value 0. */
export function crc8(data: Uint8Array): number {
  let crc = 0;
  for (const byte of data) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : crc << 1;
  }
  return crc;
}
