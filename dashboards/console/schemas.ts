/** What the API takes and gives, for checks and for the OpenAPI document. */
import { z } from '@hono/zod-openapi';

export const time = z
  .string()
  .refine((text) => !Number.isNaN(Date.parse(text)), 'not an ISO 8601 time')
  .openapi({ format: 'date-time', example: '2026-11-21T20:04:11.240Z' });
export const by = z.string().trim().min(1).max(80).optional().openapi({
  description: 'Who. With accounts it is the account, whatever stands here; without them it must be said.',
});
export const binary = z.string().openapi({ format: 'binary' });
export const problem = z.object({ error: z.string() }).openapi('Problem');

const severity = z.enum(['low', 'medium', 'high', 'critical']);
const incidentState = z.enum(['open', 'unobserved', 'closed']);
const box = z.tuple([z.number(), z.number(), z.number(), z.number()]);

export const camera = z
  .object({
    id: z.string(),
    epoch: z.number(),
    agent: z.string(),
    state: z.enum(['connecting', 'idle', 'active', 'blind', 'starved', 'stalled', 'backoff', 'quarantined', 'stopped']),
    reason: z.string().nullable(),
    detail: z.string().nullable(),
    since: time,
    updatedAt: time,
    runId: z.string().nullable(),
    mend: z.string().nullable().openapi({ description: 'What to do about the reason.' }),
    watched: z.boolean().openapi({ description: 'Somebody looks now, within what the rules promise.' }),
    fps: z.object({ received: z.number(), decoded: z.number(), published: z.number() }),
    stream: z
      .object({ codec: z.string(), profile: z.string().nullable(), width: z.number(), height: z.number() })
      .nullable(),
    limitedFps: z.number().nullable(),
    media: z.object({ url: z.string() }).nullable(),
    snapshot: z.object({ url: z.string(), captureTime: time }).nullable(),
    openIncidents: z.number().int(),
  })
  .openapi('Camera');

export const site = z
  .object({
    site: z.string(),
    version: z.string(),
    now: time,
    refusedEdit: z
      .object({ at: time, why: z.string() })
      .nullable()
      .describe('The site file as it is now was refused: why. The one before it is active.'),
    evidence: z
      .object({ code: z.string(), message: z.string(), since: time, objects: z.number(), bytes: z.number() })
      .nullable()
      .describe('Why the evidence store cannot be used, and what waits on this machine for it.'),
    stateStore: z
      .object({ state: z.enum(['away', 'rebuilding']), code: z.string().nullable(), message: z.string(), since: time })
      .nullable()
      .describe('Why cameras and incidents cannot be relied on now: their store is away, or had lost records.'),
    cameras: z.array(camera),
  })
  .openapi('Site');

const judged = z.object({ by: z.string(), note: z.string().nullable(), at: time }).nullable();

export const incident = z
  .object({
    id: z.string(),
    revision: z.number().int(),
    transition: z.enum(['opened', 'updated', 'unobserved', 'closed']),
    state: incidentState,
    site: z.string(),
    camera: z.string(),
    rule: z.string(),
    type: z.enum(['zone_entry', 'dwell', 'line_crossing', 'camera_offline']),
    severity,
    zone: z.string().nullable(),
    line: z.string().nullable(),
    direction: z.enum(['in', 'out']).nullable(),
    openedAt: time,
    updatedAt: time,
    closedAt: time.nullable(),
    closeReason: z.enum(['left', 'schedule_end', 'camera_lost', 'rule_removed', 'expired', 'crossed']).nullable(),
    unobservedReason: z.string().nullable(),
    peopleMax: z.number().int(),
    tracks: z.array(
      z.object({ id: z.string(), class: z.string(), score: z.number(), firstSeen: time, lastSeen: time }),
    ),
    peak: z.object({
      captureTime: time,
      box: box.nullable(),
      frame: z.object({ topic: z.string(), partition: z.number(), offset: z.string() }).nullable(),
    }),
    model: z.object({ id: z.string(), sha256: z.string() }).nullable(),
    configHash: z.string(),
    muted: z.boolean(),
    acknowledged: judged,
    rejected: judged,
    evidence: z.array(
      z.object({
        kind: z.enum(['snapshot', 'annotated', 'clip', 'record']),
        key: z.string(),
        sha256: z.string(),
        bytes: z.number(),
      }),
    ),
    labels: z.array(z.string()),
    held: z.boolean(),
  })
  .openapi('Incident');

export const incidentPage = z
  .object({ incidents: z.array(incident), next: z.string().nullable() })
  .openapi('IncidentPage');

/** Once or several times: any of these. */
const several = <T extends z.ZodEnum>(values: T) =>
  z
    .preprocess((given) => (given === undefined ? given : [given].flat()), z.array(values).optional())
    .openapi({
      type: 'array',
      items: { type: 'string', enum: values.options },
      description: 'Any of these; named once each.',
    });

export const categoryQuery = z.object({
  camera: z.string().optional(),
  rule: z.string().optional(),
  state: several(incidentState),
  severity: several(severity),
});

const categoryValues = z.object({
  values: z.array(
    z.object({
      value: z.string(),
      total: z.number().int(),
      byState: z.object({ open: z.number().int(), unobserved: z.number().int(), closed: z.number().int() }),
    }),
  ),
  more: z.number().int().openapi({ description: 'Values beyond those, which are the most frequent.' }),
});

export const categories = z
  .object({
    ...{ camera: categoryValues, rule: categoryValues, zone: categoryValues },
    ...{ type: categoryValues, severity: categoryValues, label: categoryValues },
  })
  .openapi('IncidentCategories');

export const incidentQuery = categoryQuery.extend({
  from: time.optional(),
  to: time.optional(),
  limit: z.coerce.number().int().min(1).max(500).optional(),
  cursor: z.string().optional(),
});

export const judgement = z.object({ by, note: z.string().max(2000).nullable().optional() }).openapi('Judgement');

export const mute = z
  .object({
    id: z.string(),
    camera: z.string().nullable(),
    zone: z.string().nullable(),
    rule: z.string().nullable(),
    until: time,
    reason: z.string(),
    by: z.string(),
    at: time,
  })
  .openapi('Mute');
export const mutes = z.object({ mutes: z.array(mute) });
export const muteRequest = z
  .object({
    camera: z.string().nullable().optional(),
    zone: z.string().nullable().optional(),
    rule: z.string().nullable().optional(),
    until: time,
    reason: z.string().trim().min(1).max(500),
    by,
  })
  .openapi('MuteRequest');

export const coverage = z
  .object({
    intervals: z.array(
      z.object({
        site: z.string(),
        camera: z.string(),
        from: time,
        to: time,
        watched: z.boolean(),
        reason: z.string().nullable(),
      }),
    ),
  })
  .openapi('Coverage');
