import type { Metrics } from '../../runtime/metrics.ts';
import { contentTypeOf } from '../../runtime/stores/objects/keys.ts';
import type { ObjectStore, PutOptions, PutResult } from '../../runtime/stores/objects/types.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';

export type Put = (
  key: string,
  bytes: Buffer,
  kind: string,
  condition?: Pick<PutOptions, 'ifAbsent' | 'replaces' | 'revision'>,
) => Promise<{ sha256: string; result: PutResult }>;

export interface PutDeps {
  store: ObjectStore;
  metrics: Metrics;
  /** Awaited before each write: the store has been started. */
  ready(): Promise<void>;
  /** Hears of every byte, for retention. */
  onWritten(bytes: number): void;
}

/** Writes and counts. */
export function makePut({ store, metrics, ready, onWritten }: PutDeps): Put {
  return async (key, bytes, kind, condition = {}) => {
    await ready();
    const sha256 = sha256Hex(bytes);
    const result = await store.put(key, bytes, { contentType: contentTypeOf(key), sha256, ...condition });
    if (result === 'written') {
      metrics.inc('evidence_bytes_total', { kind }, bytes.length);
      onWritten(bytes.length);
    }
    return { sha256, result };
  };
}
