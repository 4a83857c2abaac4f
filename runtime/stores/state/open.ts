/** The state store that a site file names. Each kind is loaded when it is wanted. */
import { BanksmanError, isErrorCode } from '../../errors.ts';
import type { RedisOptions } from './redis_options.ts';
import type { StateReader, StateStore } from './types.ts';

/** `state` of the site file. */
export interface StateOptions {
  store: 'embedded' | 'redis';
  /** Null where the store is embedded. */
  redis: RedisOptions | null;
}

/** Connects or opens files at its first call. `dataDir`: of the embedded kind. */
export async function openStateReader({ store, redis }: StateOptions, dataDir: string): Promise<StateReader> {
  if (store === 'redis' && redis) return new (await import('./redis_reader.ts')).RedisStateReader(redis);
  return new (await import('./embedded.ts')).EmbeddedStateReader(dataDir);
}

/** As `openStateReader`, for the state sink. */
export async function openStateStore({ store, redis }: StateOptions, dataDir: string): Promise<StateStore> {
  if (store === 'redis' && redis) return new (await import('./redis.ts')).RedisStateStore(redis);
  return new (await import('./embedded.ts')).EmbeddedStateStore(dataDir);
}

/** Which incidents are held. */
export interface HeldReader {
  /** @throws where the store cannot be relied on now: nobody may take "not held" from a store that has lost it. */
  held(): Promise<Set<string>>;
  close(): Promise<void>;
}

export async function openHeld(options: StateOptions, dataDir: string): Promise<HeldReader> {
  const reader = await openStateReader(options, dataDir);
  return {
    async held() {
      const { state, reason, detail } = await reader.health();
      if (state === 'ok') return reader.held();
      const code = reason !== null && isErrorCode(reason) ? reason : 'STORE_FAILED';
      throw new BanksmanError(code, { message: `the state store cannot be relied on now: ${detail}` });
    },
    close: () => reader.close(),
  };
}
