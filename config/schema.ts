/**
 * The site file: one schema for types, defaults, documentation, editors and restart flags.
 * Checks across options are in `cross.ts`; what code works with is `SiteConfig` of `site.ts`.
 */
import { z } from 'zod';
import { isLoopback } from './formats.ts';
import { bind, byteSize, name, named, refusal, restarts, seconds, secret, text, unit } from './scalars.ts';
import { cameraSchema, defaultsSchema } from './schema_camera.ts';
import { ruleSchema, scheduleSchema, severity } from './schema_rules.ts';
import { isHttpUrl, urlHoldsSecret } from './urls.ts';

const localBind = bind.refine(
  ({ host }) => isLoopback(host),
  refusal('binds beyond this machine, which needs accounts that this version does not have', 'CONFIG_BIND_REFUSED'),
);

const webhook = z
  .strictObject({
    id: name.describe('Its name in metrics and dead letters.'),
    url: z
      .string()
      .refine(
        (value) => !urlHoldsSecret(value),
        refusal(
          'holds a user or password in the URL',
          'CONFIG_SECRET_IN_FILE',
          'Take it out of the URL and use secret: ${NAME}.',
        ),
      )
      .refine((value) => urlHoldsSecret(value) || isHttpUrl(value), refusal('must be an http:// or https:// address'))
      .describe('Where incidents are posted.'),
    secret: secret.optional().describe('`${NAME}`: key of the signature (HMAC-SHA256).'),
    min_severity: severity.describe('Less grave incidents are not sent.').default('low'),
    rules: z.array(name).min(1).optional().describe('Only these rules. Default: all.'),
    transitions: z
      .array(z.enum(['opened', 'updated', 'unobserved', 'closed']))
      .min(1)
      .describe('What is worth a message.')
      .default(['opened', 'unobserved', 'closed']),
    timeout_s: z.number().min(1).max(120).describe('How long one attempt may take.').default(10),
  })
  .describe('A receiver of messages.');

const count = z.number().int().min(1);

export const siteSchema = z
  .strictObject({
    site: name.describe('Name of the site, in every key and incident.').meta(restarts('up')),
    data_dir: text
      .describe('Folder of bus log, state and evidence; relative to the site file.')
      .meta(restarts('up'))
      .default('./data'),
    cameras: named(cameraSchema).describe('Cameras by name.'),
    defaults: defaultsSchema.prefault({}),
    models: z
      .strictObject({
        dir: text
          .nullable()
          .describe('Folder of weights. Default: $BANKSMAN_MODELS_DIR, else ~/.local/share/banksman/models.')
          .default(null),
        manifests: z.array(text).max(256).describe('Manifest files beside those that banksman brings.').default([]),
      })
      .prefault({})
      .describe('Where models come from.')
      .meta(restarts('process')),
    schedules: named(scheduleSchema).describe('Times that rules and filters name.').default({}),
    rules: z.array(ruleSchema).max(1000).describe('What makes an incident.').default([]),
    detect: z
      .strictObject({
        workers: z
          .union([z.literal('auto'), count.max(64)], { error: 'must be auto, or a whole number from 1 to 64' })
          .describe('Detection threads; `auto` is one less than cores, at least 1.')
          .default('auto'),
        max_frame_age_s: seconds.min(0.1).describe('Live frames older than this are shed, counted.').default(2),
        score_floor: unit.describe('Detections under this score are not published.').default(0.1),
      })
      .prefault({})
      .describe('Detection.')
      .meta(restarts('process')),
    bus: z
      .strictObject({
        type: z.enum(['local']).describe('local: hosted by `banksman up`.').default('local'),
        frames: z
          .strictObject({
            max_bytes: byteSize.describe('Frames held in memory; the oldest go first.').prefault('96MB'),
            max_age_s: seconds.min(1).describe('Older frames go.').default(300),
          })
          .prefault({})
          .describe('How long frames can be read again.'),
      })
      .prefault({})
      .describe('What carries records between stages.')
      .meta(restarts('up')),
    state: z
      .strictObject({ store: z.enum(['embedded']).describe('embedded: SQLite in data_dir.').default('embedded') })
      .prefault({})
      .describe('Live state of cameras and the index of incidents.')
      .meta(restarts('sink', 'console')),
    evidence: z
      .strictObject({
        store: z
          .enum(['local'])
          .describe('local: a folder in data_dir.')
          .meta(restarts('sink', 'console'))
          .default('local'),
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
      .meta(restarts('sink')),
    alerts: z
      .strictObject({ webhooks: z.array(webhook).max(64).describe('Receivers of messages.').default([]) })
      .prefault({})
      .describe('Messages to people.')
      .meta(restarts('sink')),
    console: z
      .strictObject({
        bind: localBind.describe('Address of API and web page; this machine only.').prefault('127.0.0.1:8080'),
      })
      .prefault({})
      .describe('HTTP API and web page.')
      .meta(restarts('console')),
    metrics: z
      .strictObject({ bind: bind.describe('Address of /metrics.').prefault('127.0.0.1:9464') })
      .prefault({})
      .describe('Prometheus metrics.')
      .meta(restarts('up')),
    media: z
      .strictObject({
        bind: localBind
          .describe('Address of clips and live video; this machine only. Port 0: any free one.')
          .prefault('127.0.0.1:0'),
        advertise: text
          .nullable()
          .describe('URL under which others reach it. Default: the address it got.')
          .default(null),
      })
      .prefault({})
      .describe('Media endpoint of the ingest agent.')
      .meta(restarts('ingest')),
  })
  .describe('The site file of banksman.');

/** The file as written, values read and defaults filled in, cameras not yet merged with `defaults`. */
export type SiteFile = z.output<typeof siteSchema>;
