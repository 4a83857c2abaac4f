/** Where evidence lies and how long. */
import { z } from 'zod';
import { byteSize, refusal, restarts, text } from './scalars.ts';
import { isHttpUrl, urlHoldsSecret } from './urls.ts';

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^([A-Za-z0-9_@:+=,-][A-Za-z0-9_.@:+=,-]*\/)*$/;
/** What S3 allows in tags. */
const TAG = /^[\p{L}\p{N}\p{Z}_.:/=+@-]*$/u;
const TAGS_RULE =
  'must be up to 10 names of 1 to 128 letters with values of up to 256: letters, digits, space, _ . : / = + - @';

const endpoint = z
  .string()
  .refine(
    (value) => !urlHoldsSecret(value),
    refusal(
      'holds a user or password in the URL',
      'CONFIG_SECRET_IN_FILE',
      'Take it out, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.',
    ),
  )
  .refine((value) => urlHoldsSecret(value) || isHttpUrl(value), refusal('must be an http:// or https:// address'));

const s3 = z
  .strictObject({
    bucket: z
      .string()
      .refine(
        (value) => BUCKET.test(value),
        refusal('must be 3 to 63 lower-case letters, digits, dots or dashes, and begin and end with a letter or digit'),
      )
      .describe('Bucket; it must exist.'),
    prefix: z
      .string()
      .max(200)
      .refine(
        (value) => PREFIX.test(value),
        refusal('must be empty, or folders that each end in a slash, such as yard/'),
      )
      .describe('Before every key, such as `yard/`.')
      .default(''),
    endpoint: endpoint
      .nullable()
      .describe('Address of the store, such as https://s3.example:9000. Default: AWS.')
      .default(null),
    region: text
      .nullable()
      .describe('Region of the bucket. Default: $AWS_REGION; with an endpoint us-east-1.')
      .default(null),
    path_style: z
      .boolean()
      .nullable()
      .describe('The bucket in the path and not in the host name. Default: where an endpoint is given.')
      .default(null),
    sse: z
      .enum(['default', 's3', 'kms'])
      .describe('Encryption at rest. default: as the bucket has it; s3: SSE-S3; kms: SSE-KMS.')
      .default('default'),
    kms_key_id: text.nullable().describe("Key of SSE-KMS. Default: the account's own key for S3.").default(null),
    object_lock: z
      .strictObject({
        mode: z.enum(['governance', 'compliance']).describe('compliance: nobody can shorten it.'),
        days: z.number().int().min(1).max(36_500).describe('From writing on.'),
      })
      .optional()
      .describe('No version can be removed before; the bucket must have object lock. Default: none.'),
    tags: z
      .record(z.string(), z.string())
      .refine(
        (tags) =>
          Object.keys(tags).length <= 10 &&
          Object.entries(tags).every(
            ([name, value]) =>
              name !== '' && name.length <= 128 && value.length <= 256 && TAG.test(name) && TAG.test(value),
          ),
        refusal(TAGS_RULE),
      )
      .describe('Tags of every object, for lifecycle rules and bills.')
      .default({}),
    link_expires_s: z
      .number()
      .int()
      .min(0)
      .max(604_800)
      .describe(
        'The console sends browsers to the store by links that hold so long. 0: it hands the bytes through itself.',
      )
      .default(300),
    link_endpoint: endpoint
      .nullable()
      .describe('Address of the store as browsers see it. Default: endpoint.')
      .default(null),
  })
  .describe(
    'A bucket of any S3-compatible store. Credentials come from the environment, profile or role, as for every AWS tool.',
  );

export const evidenceSchema = z
  .strictObject({
    store: z
      .enum(['local', 's3'])
      .describe('local: a folder in data_dir. s3: a bucket, see `s3`.')
      .meta(restarts('sink', 'console'))
      .default('local'),
    s3: s3.optional().meta(restarts('sink', 'console')),
    spool: z
      .strictObject({
        max_bytes: byteSize
          .refine((value) => value >= 1e6, refusal('must be at least 1MB'))
          .describe('Evidence that waits in data_dir while the bucket is away; beyond it incidents wait on the bus.')
          .prefault('2GB'),
      })
      .prefault({})
      .describe('For `store: s3`.')
      .meta(restarts('sink')),
    retention: z
      .strictObject({
        clips_days: z.number().min(0).max(36_500).describe('Clips and pictures older than this go.').default(30),
        records_days: z.number().min(0).max(36_500).describe('Records older than this go.').default(365),
        max_bytes: byteSize.describe('At 90 % of it the oldest go first.').prefault('50GB'),
      })
      .prefault({})
      .describe('What is kept, for how long.'),
  })
  .prefault({})
  .describe('Pictures and records of incidents.')
  .meta(restarts('sink'));

export type EvidenceFile = z.output<typeof evidenceSchema>;
