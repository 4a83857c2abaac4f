/** The object store that the site file asks for. Each kind is loaded when it is wanted: the S3 client is large. */
import { join } from 'node:path';
import { LocalObjectStore } from './local.ts';
import type { S3Options } from './s3.ts';
import type { SpoolReader } from './spool.ts';
import type { ObjectReader, ObjectStore } from './types.ts';
import { NOTHING_WAITS, type SpoolState } from './waiting.ts';

/** What `evidence` of the site file says of it. */
export interface ObjectsOptions {
  store: 'local' | 's3';
  s3: (S3Options & { link_expires_s: number }) | null;
  spool: { max_bytes: number };
}

/** For those who write. A store beyond this machine belongs behind a spool (`SpooledObjectStore`). */
export async function openObjects({ store, s3 }: ObjectsOptions, dataDir: string): Promise<ObjectStore> {
  if (store === 'local' || !s3) return new LocalObjectStore(join(dataDir, 'evidence'));
  const { S3ObjectStore } = await import('./s3.ts');
  return new S3ObjectStore(s3);
}

/** Evidence for those who show it. */
export interface EvidenceReader extends ObjectReader {
  /** Whether evidence waits on this machine for its store, and why. */
  state(): SpoolState;
}

/** For those who read: what still waits on this machine is read from there. */
export async function openEvidenceReader(options: ObjectsOptions, dataDir: string): Promise<EvidenceReader> {
  const objects = await openObjects(options, dataDir);
  if (options.store === 'local') {
    return {
      get: (key) => objects.get(key),
      presign: async () => null,
      state: () => NOTHING_WAITS,
      close: () => objects.close(),
    };
  }
  const { SpoolReader } = await import('./spool.ts');
  return overSpool(objects, new SpoolReader(dataDir));
}

function overSpool(objects: ObjectStore, spool: SpoolReader): EvidenceReader {
  return {
    get: async (key) => spool.get(key) ?? objects.get(key),
    presign: async (key, ttlS) => (spool.has(key) ? null : objects.presign(key, ttlS)),
    state: () => spool.state(),
    close: async () => {
      spool.close();
      await objects.close();
    },
  };
}
