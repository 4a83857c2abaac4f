import { asError, BanksmanError } from '../../errors.ts';
import type { StoreHealth } from './types.ts';

export const HEALTHY: StoreHealth = Object.freeze({ state: 'ok', reason: null, detail: null });

export function away(error: unknown): StoreHealth {
  const reason = error instanceof BanksmanError ? error.code : 'INTERNAL';
  const where = error instanceof BanksmanError && error.where !== undefined ? `${error.where}: ` : '';
  return { state: 'away', reason, detail: `${where}${asError(error).message}` };
}
