import { contentTypeOf } from '../../runtime/stores/objects/keys.ts';
import type { ObjectStore, PutOptions, PutResult } from '../../runtime/stores/objects/types.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import type { Written } from './counts.ts';

export type Put = (
  key: string,
  bytes: Buffer,
  what: Pick<Written, 'kind' | 'camera' | 'replaced'>,
  condition?: Pick<PutOptions, 'ifAbsent' | 'replaces' | 'revision'>,
) => Promise<{ sha256: string; result: PutResult }>;

export interface PutDeps {
  store: ObjectStore;
  /** Awaited before each write: the store has been started. */
  ready(): Promise<void>;
  /** Hears of everything that came into the store. */
  onWritten(written: Written): void;
}

export function makePut({ store, ready, onWritten }: PutDeps): Put {
  return async (key, bytes, what, condition = {}) => {
    await ready();
    const sha256 = sha256Hex(bytes);
    const result = await store.put(key, bytes, { contentType: contentTypeOf(key), sha256, ...condition });
    if (result === 'written') onWritten({ ...what, bytes: bytes.length });
    return { sha256, result };
  };
}
