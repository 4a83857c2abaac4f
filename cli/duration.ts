import { BanksmanError } from '../runtime/errors.ts';

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * `90s`, `5m`, `1h`, `500ms`; a bare number is seconds. `option` is named where it is none.
 * @returns milliseconds. @throws BanksmanError USAGE.
 */
export function parseDuration(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  const unit = UNITS[match?.[2] ?? 's'];
  if (!match || unit === undefined) {
    throw new BanksmanError('USAGE', {
      where: option,
      message: `${text === '' ? 'nothing' : text} is not a duration: write 60s, 5m or 1h`,
    });
  }
  return Number(match[1]) * unit;
}
