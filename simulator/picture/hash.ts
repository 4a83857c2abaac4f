/**
 * A number from numbers, always the same: what happens in a frame depends on seed and time alone, not on
 * the frames before it. 32-bit finalizer of MurmurHash3 (Appleby, public domain), once per word.
 * @returns 0 … 2^32 − 1.
 */
export function hash(a: number, b = 0, c = 0): number {
  return mixed(mixed(mixed(0x9e3779b9 ^ a) ^ b) ^ c) >>> 0;
}

/** As `hash`, 0 inclusive to 1 exclusive. */
export function share(a: number, b = 0, c = 0): number {
  return hash(a, b, c) / 4294967296;
}

function mixed(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Milliseconds: the grain of time in which one frame differs from another. */
export function tickOf(t: number): number {
  return Math.round(t * 1000);
}
