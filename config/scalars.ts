/** Kinds of values that the site file is made of, from text as people write it to what code works with. */
import { z } from 'zod';
import type { ErrorCode } from '../runtime/errors.ts';
import type { SecretRef } from '../runtime/messages/types.ts';
import { listedBind, listedBytes, listedDays, listedTime } from './formats.ts';
import { isHttpUrl, urlHoldsSecret } from './urls.ts';

/** What must start anew before an edited option holds; options without it hold at once. */
export type Restart = 'camera' | 'ingest' | 'process' | 'sink' | 'console' | 'up';

/** Metadata of an option: which edits need a restart, and of what. */
export function restarts(...roles: Restart[]): { restart: Restart[] } {
  return { restart: roles };
}

/** A refusal with a code of its own, for `.refine()`; `issues.ts` reads it back. */
export function refusal(error: string, code: ErrorCode = 'CONFIG_INVALID_VALUE', mend?: string) {
  return { error, params: { code, ...(mend === undefined ? {} : { mend }) } };
}

/** Names become parts of topic keys, folders and labels. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const NAME_RULE =
  'must be 1 to 64 letters, digits, dots, dashes or underscores, and start with a letter or digit';
export const name = z.string().refine((text) => NAME_PATTERN.test(text), refusal(NAME_RULE));

/** Maps by name: names are checked apart, so that a bad one does not hide what is wrong beneath it. */
export function named<T extends z.ZodType>(value: T) {
  return z.record(z.string(), value).meta({ propertyNames: { pattern: NAME_PATTERN.source } });
}

export const text = z.string().min(1);
/** An address without a secret in it. @param instead what to use for one. */
export const httpUrl = (instead: string) =>
  z
    .string()
    .refine(
      (value) => !urlHoldsSecret(value),
      refusal(
        'holds a user or password in the URL',
        'CONFIG_SECRET_IN_FILE',
        `Take it out of the URL and use ${instead}.`,
      ),
    )
    .refine((value) => urlHoldsSecret(value) || isHttpUrl(value), refusal('must be an http:// or https:// address'));
export const seconds = z.number().min(0).max(86_400);
export const fps = z.number().min(0.05).max(60);
export const unit = z.number().min(0).max(1);

const onPicture = z
  .number()
  .refine(
    (value) => value >= 0 && value <= 1,
    refusal('lies outside the picture: coordinates go from 0 to 1', 'CONFIG_BAD_POLYGON'),
  )
  .meta({ minimum: 0, maximum: 1 });
export const point = z.tuple([onPicture, onPicture]);
export const polygon = z
  .array(point)
  .meta({ minItems: 3 })
  .describe('Corners `[x, y]` in order round the area, each 0-1; x right, y down.');
export const box = z
  .tuple([onPicture, onPicture, onPicture, onPicture])
  .refine(
    ([x1, y1, x2, y2]) => x1 < x2 && y1 < y2,
    refusal(
      'has no area: a box is [x1, y1, x2, y2] with x1 < x2 and y1 < y2',
      'CONFIG_BAD_POLYGON',
      'Give the upper left corner first.',
    ),
  );
export const line = z
  .tuple([point, point])
  .refine(
    ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]) >= 0.01,
    refusal(
      'is too short: both ends are at the same place',
      'CONFIG_BAD_POLYGON',
      'Give two ends that lie apart: [[x1, y1], [x2, y2]].',
    ),
  );

/** `50GB`, `128MiB` or a number of bytes; becomes a number of bytes. */
export const byteSize = z
  .union([z.number(), z.string()], { error: 'must be a size such as 50GB or 128MB' })
  .refine((value) => listedBytes(value) !== undefined, refusal('must be a size such as 50GB or 128MB'))
  .transform((value) => listedBytes(value) ?? 0);

/** `HOST:PORT`; becomes its parts. */
export const bind = z
  .string()
  .refine((value) => listedBind(value) !== undefined, refusal('must be HOST:PORT such as 127.0.0.1:8080'))
  .transform((value) => listedBind(value) ?? { host: '127.0.0.1', port: 0 });

const REFERENCE = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;
const reference = (value: string): SecretRef => ({ env: REFERENCE.exec(value)?.[1] ?? '' });

/** Only ever a reference: the value itself does not belong in the file. */
export const secret = z
  .string()
  .meta({ pattern: REFERENCE.source })
  .refine(
    (value) => REFERENCE.test(value),
    refusal(
      'is a secret written into the site file',
      'CONFIG_SECRET_IN_FILE',
      'Put it in the environment and write ${NAME} here.',
    ),
  )
  .transform(reference);

/** A user name may stand in the file; or a reference like a password. */
export const user = z
  .string()
  .min(1)
  .refine(
    (value) => !value.includes('${') || REFERENCE.test(value),
    refusal('must be a name, or one reference such as ${GATE_USER} and nothing else'),
  )
  .transform((value): SecretRef => (REFERENCE.test(value) ? reference(value) : { text: value }));

/** How a client of a server trusts it and shows who it is. @param asker who wants to see a certificate. */
export const clientTls = (asker: string) =>
  z.strictObject({
    verify: z.boolean().describe('Refuse a certificate that nobody vouches for.').default(true),
    ca_file: text.nullable().describe('Authority of your own, PEM.').default(null),
    cert_file: text.nullable().describe(`Certificate of this client, PEM, where ${asker} for one.`).default(null),
    key_file: text.nullable().describe('Its key, PEM.').default(null),
  });

/** `daily`, `mon-fri`, `sat`, or a list of these; becomes day numbers, 0 = Sunday. */
export const days = z
  .union([z.string(), z.array(z.string())], {
    error: 'must be daily, a range such as mon-fri, or a list such as [mon, wed]',
  })
  .refine(
    (value) => listedDays(value) !== undefined,
    refusal('must be daily, a range such as mon-fri, or a list such as [mon, wed]'),
  )
  .transform((value) => listedDays(value) ?? []);

const TIME_RULE = 'must be a time of day in quotes, such as "20:00"';
export const startTime = z
  .string({ error: TIME_RULE })
  .refine((value) => listedTime(value) !== undefined, refusal(TIME_RULE))
  .transform((value) => listedTime(value) ?? '00:00');
export const endTime = z
  .string({ error: TIME_RULE })
  .refine((value) => value === '24:00' || listedTime(value) !== undefined, refusal(TIME_RULE))
  .transform((value) => (value === '24:00' ? '00:00' : (listedTime(value) ?? '00:00')));

export const timezone = z
  .string()
  .refine(
    isTimezone,
    refusal('is not an IANA time zone', 'CONFIG_INVALID_VALUE', 'Write it as Europe/Dublin, America/New_York or UTC.'),
  );

/** Offsets such as +01:00 are refused: they know nothing of daylight saving. */
function isTimezone(value: string): boolean {
  if (!/^[A-Za-z]/.test(value)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false;
  }
}
