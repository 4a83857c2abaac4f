import { BanksmanError, type ErrorCode } from '../../errors.ts';

const AWAY: ReadonlySet<ErrorCode> = new Set([
  'STORE_FULL',
  'REDIS_UNREACHABLE',
  'REDIS_UNAUTHORIZED',
  'REDIS_TLS',
  'CONFIG_SECRET_MISSING',
]);

/** Whether the store as a whole takes or gives nothing now, whatever is asked of it. */
export function isStoreAway(error: unknown): error is BanksmanError {
  return error instanceof BanksmanError && AWAY.has(error.code);
}
