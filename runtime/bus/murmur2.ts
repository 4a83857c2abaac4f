const M = 0x5bd1e995;
const SEED = 0x9747b28c;

/**
 * 32-bit murmur2 as Kafka's Java client computes it (`org.apache.kafka.common.utils.Utils.murmur2`),
 * so that a key lies in the same partition whichever client wrote it.
 * @returns signed 32-bit integer.
 */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  let h = SEED ^ length;
  const body = length & ~3;
  let i = 0;
  for (; i < body; i += 4) {
    let k = at(data, i) | (at(data, i + 1) << 8) | (at(data, i + 2) << 16) | (at(data, i + 3) << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    k = Math.imul(k, M);
    h = Math.imul(h, M) ^ k;
  }
  const rest = length - body;
  if (rest === 3) h ^= at(data, i + 2) << 16;
  if (rest >= 2) h ^= at(data, i + 1) << 8;
  if (rest >= 1) h = Math.imul(h ^ at(data, i), M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}

/** Partition of a key: murmur2 of its UTF-8 bytes, masked to 31 bits, modulo partitions. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key, 'utf8')) & 0x7fffffff) % partitions;
}

function at(data: Uint8Array, index: number): number {
  return data[index] ?? 0;
}
