/**
 * The site file: one schema for types, defaults, documentation, editors and restart flags.
 * Checks across options are in `cross.ts`; what code works with is `SiteConfig` of `site.ts`.
 */
import { z } from 'zod';
import { isAddressRange } from './formats.ts';
import { bind, httpUrl, name, named, refusal, restarts, seconds, secret, text, unit } from './scalars.ts';
import { alertsSchema } from './schema_alerts.ts';
import { busSchema } from './schema_bus.ts';
import { cameraSchema, defaultsSchema } from './schema_camera.ts';
import { evidenceSchema } from './schema_evidence.ts';
import { pricesSchema } from './schema_prices.ts';
import { ruleSchema, scheduleSchema } from './schema_rules.ts';
import { stateSchema } from './schema_state.ts';
import { tracingSchema } from './schema_tracing.ts';

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
    bus: busSchema,
    state: stateSchema,
    evidence: evidenceSchema,
    alerts: alertsSchema,
    fleet: z
      .strictObject({
        token: secret
          .optional()
          .describe('`${NAME}`: what the machines of one fleet show each other; 16 letters or more.'),
        token_file: text.optional().describe('File that holds it instead.'),
      })
      .prefault({})
      .describe('Several machines as one: who may read metrics and media from another.')
      .meta(restarts('up')),
    console: z
      .strictObject({
        bind: bind
          .describe('Address of API and web page; beyond this machine only with `accounts`.')
          .prefault('127.0.0.1:8080'),
        accounts: z
          .strictObject({
            file: text
              .optional()
              .describe('File of accounts, which `banksman tokens` writes. Read again when it changes.'),
            tokens: secret.optional().describe('`${NAME}`: the text of such a file, from the environment.'),
          })
          .optional()
          .describe('Who may use the console. Default: whoever reaches it, which is this machine alone.'),
        tls: z
          .strictObject({
            cert_file: text.describe('Certificate with its chain, PEM. Read again when it changes.'),
            key_file: text.describe('Its key, PEM.'),
          })
          .optional()
          .describe('HTTPS. Default: HTTP.'),
        hosts: z
          .array(text)
          .max(64)
          .describe('Names that it answers to beside those of this machine. Empty, with accounts: any.')
          .default([]),
        trusted_proxies: z
          .array(text.refine(isAddressRange, refusal('must be an address or a range such as 10.0.0.0/8')))
          .max(64)
          .describe('Reverse proxies whose X-Forwarded-For, -Proto and -Host are believed.')
          .default([]),
        session_hours: z.number().min(0.1).max(8760).describe('How long a login on the page lasts.').default(12),
      })
      .prefault({})
      .describe('HTTP API and web page.')
      .meta(restarts('console')),
    metrics: z
      .strictObject({
        bind: bind
          .describe('Address of /metrics; beyond this machine only with `fleet.token` or `open: true`.')
          .prefault('127.0.0.1:9464'),
        open: z
          .boolean()
          .describe('Beyond this machine without a token: where a network policy lets in Prometheus alone.')
          .default(false),
      })
      .prefault({})
      .describe('Prometheus metrics.')
      .meta(restarts('up')),
    tracing: tracingSchema.optional(),
    media: z
      .strictObject({
        bind: bind
          .describe('Address of live video; beyond this machine only with `fleet.token`. Port 0: any free one.')
          .prefault('127.0.0.1:0'),
        advertise: httpUrl('fleet.token')
          .nullable()
          .describe('URL under which others reach it. Default: where it listens; of all addresses by the host name.')
          .default(null),
      })
      .prefault({})
      .describe('Media endpoint of the ingest agent.')
      .meta(restarts('ingest')),
    prices: pricesSchema.optional(),
  })
  .describe('The site file of banksman.');

/** The file as written, values read and defaults filled in, cameras not yet merged with `defaults`. */
export type SiteFile = z.output<typeof siteSchema>;
