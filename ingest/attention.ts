import { BanksmanError } from '../runtime/errors.ts';
import { fromTimestamp } from '../runtime/time.ts';

/** What cleanup asks a camera for. */
export interface Attention {
  /** Capture time, epoch ms. */
  keepUntilMs: number;
  /** No faster than this; null: no bound. */
  maxFps: number | null;
}

/**
 * Reads the value of a `camera.attention.v1` record, by hand because camera processes do without zod. A rate that is
 * no number above 0 would stop the sampler, or let everything through, for good.
 * @throws BanksmanError MESSAGE_INVALID, SyntaxError
 */
export function readAttention(value: Buffer): Attention {
  const record: unknown = JSON.parse(value.toString('utf8'));
  if (typeof record !== 'object' || record === null) throw invalid('not an object');
  const { keepUntil, maxFps }: { keepUntil?: unknown; maxFps?: unknown } = record;
  const keepUntilMs = typeof keepUntil === 'string' ? fromTimestamp(keepUntil) : Number.NaN;
  if (Number.isNaN(keepUntilMs)) throw invalid('keepUntil is not a time');
  if (maxFps === null) return { keepUntilMs, maxFps };
  if (typeof maxFps !== 'number' || !(maxFps > 0)) throw invalid('maxFps is not a rate');
  return { keepUntilMs, maxFps };
}

function invalid(message: string): BanksmanError {
  return new BanksmanError('MESSAGE_INVALID', { message });
}
