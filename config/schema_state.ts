/** Where live state and the index of incidents are kept. */
import { z } from 'zod';
import { redisAddress } from '../runtime/stores/state/redis_options.ts';
import { clientTls, refusal, restarts, secret, text, user } from './scalars.ts';
import { urlHoldsSecret } from './urls.ts';

/** Between the braces of a hash tag. */
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/;

const address = z
  .string()
  .refine(
    (value) => !urlHoldsSecret(value),
    refusal(
      'holds a user or password in the URL',
      'CONFIG_SECRET_IN_FILE',
      'Take it out of the URL and use username and password: ${REDIS_PASSWORD} beside it.',
    ),
  )
  .refine(
    (value) => urlHoldsSecret(value) || redisAddress(value) !== undefined,
    refusal(
      'must be an address such as redis://10.0.0.5:6379',
      'CONFIG_INVALID_VALUE',
      'Write redis://HOST:PORT, rediss:// for TLS, and /N after it for another database than 0.',
    ),
  );

const redis = z
  .strictObject({
    url: address
      .optional()
      .describe('One server: `redis://HOST:PORT`, `rediss://` for TLS, `/N` after it for another database than 0.'),
    sentinels: z
      .array(address)
      .min(1)
      .max(64)
      .optional()
      .describe('Instead of `url`: Sentinels that name the master. `rediss://` means TLS to them and to the servers.'),
    sentinel_name: text.optional().describe('Name of the master in the Sentinels.'),
    sentinel_password: secret.optional().describe('`${NAME}`: of the Sentinels, where they have one.'),
    cluster_nodes: z
      .array(address)
      .min(1)
      .max(64)
      .optional()
      .describe('Instead of `url`: some nodes of a Redis Cluster; it tells of the others.'),
    username: user.optional().describe('User of the access list. Default: the default user.'),
    password: secret.optional().describe('`${NAME}`: read when connecting.'),
    password_file: text.optional().describe('File that holds it instead.'),
    tls: clientTls('the server asks').prefault({}).describe('For `rediss://`.'),
    prefix: z
      .string()
      .refine(
        (value) => PREFIX.test(value),
        refusal(
          'must be 1 to 100 letters, digits, dots, colons, dashes or underscores, and start with a letter or digit',
        ),
      )
      .optional()
      .describe('Of every key. Default: `banksman:` and the site, so that sites can share a server.'),
    max_incidents: z
      .number()
      .int()
      .min(100)
      .max(10_000_000)
      .describe('Beyond this many the oldest closed ones are forgotten before their time; about 4 KB each.')
      .default(100_000),
  })
  .describe('A Redis of version 6.2 or later, with `maxmemory-policy noeviction`.');

export const stateSchema = z
  .strictObject({
    store: z
      .enum(['embedded', 'redis'])
      .describe('embedded: SQLite in data_dir. redis: a server that several machines share, see `redis`.')
      .default('embedded'),
    redis: redis.optional(),
  })
  .prefault({})
  .describe('Live state of cameras and the index of incidents.')
  .meta(restarts('sink', 'console'));

export type StateFile = z.output<typeof stateSchema>;
