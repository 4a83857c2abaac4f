/** What a month of each costs: the one price list, which reports read and the boards are told as a metric. */
import { z } from 'zod';
import { refusal } from './scalars.ts';

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

const price = z.number().min(0).max(1e9);

export const pricesSchema = z
  .strictObject({
    currency: z
      .string()
      .meta({ pattern: '^[A-Z]{3}$' })
      .refine(
        (value) => CURRENCIES.has(value),
        refusal(
          'is no currency of ISO 4217',
          'CONFIG_INVALID_VALUE',
          'Write its three capital letters, such as EUR, GBP or USD.',
        ),
      )
      .describe('Of all these prices: three letters of ISO 4217.'),
    cpu_core_month: price.describe('A CPU core for 30 days. 0: it costs nothing.'),
    memory_gib_month: price.describe('A GiB of memory for 30 days.'),
    storage_gb_month: price.describe('A GB (10⁹ bytes) of stored evidence for 30 days.'),
  })
  .describe('What a month costs you, for `banksman report` and the board Pipeline. Default: bytes, and no money.');

export type Prices = z.output<typeof pricesSchema>;
