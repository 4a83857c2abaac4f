/** What readers check before they believe a message. Unknown fields are dropped: a newer writer may add some. */
import { z } from 'zod';
import type { Message } from '../bus/types.ts';
import { BanksmanError } from '../errors.ts';
import type * as types from './types.ts';

const timestamp = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'not an ISO 8601 time');
const unit = z.number().min(0).max(1);
const box = z
  .tuple([z.number(), z.number(), z.number(), z.number()])
  .refine(([x1, y1, x2, y2]) => x1 <= x2 && y1 <= y2, 'corners out of order');
const point = z.tuple([z.number(), z.number()]);
const polygon = z.array(point);
const count = z.number().int().min(0);
const purpose = z.enum(['live', 'catchup', 'heartbeat', 'shadow']);
const severity = z.enum(['low', 'medium', 'high', 'critical']);
const ruleType = z.enum(['zone_entry', 'dwell', 'line_crossing', 'camera_offline']);

const coordinates = z.object({ topic: z.string(), partition: count, offset: z.string().regex(/^\d+$/) });
const model = z.object({ id: z.string(), sha256: z.string() });
const detection = z.object({ class: z.string(), score: unit, box });
const secret = z.union([z.object({ env: z.string() }), z.object({ file: z.string() }), z.object({ text: z.string() })]);
const schedule = z.object({
  days: z.array(z.number().int().min(0).max(6)),
  from: z.string(),
  to: z.string(),
  timezone: z.string(),
});
const perCamera = { site: z.string(), camera: z.string() };
const ordered = { ...perCamera, epoch: count, runId: z.string() };

const camera: z.ZodType<types.CameraRecord> = z.object({
  ...perCamera,
  configHash: z.string(),
  url: z.string(),
  record_url: z.string().nullable(),
  username: secret.nullable(),
  password: secret.nullable(),
  transport: z.enum(['tcp', 'udp']),
  tls: z.object({ verify: z.boolean(), ca_file: z.string().nullable() }),
  sampling: z.object({ idle_fps: z.number(), active_fps: z.number(), width_px: count }),
  motion: z.object({
    open_share: unit,
    close_share: unit,
    threshold: z.number(),
    hold_s: z.number(),
  }),
  model: z.string(),
  regions: z.union([z.literal('full'), z.array(box)]),
  zones: z.record(z.string(), polygon),
  lines: z.record(z.string(), z.tuple([point, point])),
  ignore_masks: z.array(polygon),
  privacy_masks: z.array(polygon),
  filters: z.record(
    z.string(),
    z.object({
      score: unit,
      low: unit,
      min_area: unit,
      max_area: unit,
      min_aspect: z.number(),
      max_aspect: z.number(),
      during: z.array(z.object({ schedule, score: unit, low: unit })),
    }),
  ),
  suppress_static: z.boolean(),
  detect_within_s: z.number(),
});

const rule: z.ZodType<types.RuleRecord> = z.object({
  site: z.string(),
  rule: z.string(),
  configHash: z.string(),
  type: ruleType,
  cameras: z.array(z.string()),
  zone: z.string().nullable(),
  line: z.string().nullable(),
  direction: z.enum(['in', 'out', 'both']),
  classes: z.array(z.string()),
  schedule: schedule.nullable(),
  min_duration_s: z.number(),
  dwell_s: z.number(),
  hold_s: z.number(),
  detect_within_s: z.number(),
  cool_down_s: z.number(),
  severity,
});

const owner: z.ZodType<types.CameraOwner> = z.object({ ...perCamera, agent: z.string(), at: timestamp });

const agent: z.ZodType<types.AgentRecord> = z.object({
  site: z.string(),
  agent: z.string(),
  at: timestamp,
  seq: count,
  state: z.enum(['running', 'draining', 'leaving', 'gone']),
  leads: z.boolean(),
  capacity: z.number().positive(),
  cameras: z.record(z.string(), z.object({ epoch: count, cpu: z.number().min(0).nullable() })),
});

const agentOrder: z.ZodType<types.AgentOrder> = z.object({
  site: z.string(),
  agent: z.string(),
  order: z.literal('drain'),
  by: z.string(),
  at: timestamp,
});

const status: z.ZodType<types.CameraStatus> = z.object({
  ...perCamera,
  epoch: count,
  agent: z.string(),
  state: z.enum(['connecting', 'idle', 'active', 'blind', 'starved', 'stalled', 'backoff', 'quarantined', 'stopped']),
  reason: z.string().nullable(),
  detail: z.string().nullable(),
  since: timestamp,
  updatedAt: timestamp,
  runId: z.string().nullable(),
  watched: z.boolean(),
  fps: z.object({ received: z.number(), decoded: z.number(), published: z.number() }),
  stream: z
    .object({ codec: z.string(), profile: z.string().nullable(), width: z.number(), height: z.number() })
    .nullable(),
  limitedFps: z.number().nullable(),
  media: z.object({ url: z.string() }).nullable(),
});

const attention: z.ZodType<types.CameraAttention> = z.object({
  ...perCamera,
  keepUntil: timestamp,
  maxFps: z.number().nullable(),
});

const observation: z.ZodType<types.Observation> = z.object({
  ...ordered,
  afterSeq: z.number().int().min(-1),
  from: timestamp,
  to: timestamp,
  kind: z.enum(['quiet', 'starved', 'blind']),
  reason: z.string().nullable(),
});

const detections: z.ZodType<types.Detections> = z.object({
  ...ordered,
  seq: count,
  captureTime: timestamp,
  receiveTime: timestamp,
  captureTimeEstimated: z.boolean(),
  purpose,
  width: count,
  height: count,
  regions: z.array(box),
  frame: coordinates,
  model,
  boxes: z.array(detection),
  shed: z.string().nullable(),
});

const track = z.object({
  id: z.string(),
  class: z.string(),
  score: unit,
  box,
  age: z.number(),
  tentative: z.boolean(),
  coasting: z.boolean(),
});

const tracks: z.ZodType<types.Tracks> = z.object({
  ...ordered,
  seq: z.number().int().min(-1),
  kind: z.enum(['looked', 'quiet', 'starved', 'blind']),
  reason: z.string().nullable(),
  from: timestamp,
  to: timestamp,
  receiveTime: timestamp,
  purpose: purpose.nullable(),
  frame: coordinates.nullable(),
  model: model.nullable(),
  source: coordinates.nullable(),
  tracks: z.array(track),
  // Not in records of before it was kept apart.
  coasting: z.array(track).default([]),
  rejected: z.record(z.string(), count),
  suppressed: z.array(detection),
});

const coverage: z.ZodType<types.Coverage> = z.object({
  ...perCamera,
  from: timestamp,
  to: timestamp,
  watched: z.boolean(),
  reason: z.string().nullable(),
});

const judgement = z.object({ by: z.string(), note: z.string().nullable(), at: timestamp });
const evidenceKind = z.enum(['snapshot', 'annotated', 'clip', 'record']);

const incident: z.ZodType<types.Incident> = z.object({
  id: z.string(),
  revision: count,
  transition: z.enum(['opened', 'updated', 'unobserved', 'closed']),
  state: z.enum(['open', 'unobserved', 'closed']),
  ...perCamera,
  rule: z.string(),
  type: ruleType,
  severity,
  zone: z.string().nullable(),
  line: z.string().nullable(),
  direction: z.enum(['in', 'out']).nullable(),
  openedAt: timestamp,
  updatedAt: timestamp,
  closedAt: timestamp.nullable(),
  closeReason: z.enum(['left', 'schedule_end', 'camera_lost', 'rule_removed', 'expired', 'crossed']).nullable(),
  unobservedReason: z.string().nullable(),
  peopleMax: count,
  tracks: z.array(
    z.object({ id: z.string(), class: z.string(), score: unit, firstSeen: timestamp, lastSeen: timestamp }),
  ),
  peak: z.object({ captureTime: timestamp, box: box.nullable(), frame: coordinates.nullable() }),
  model: model.nullable(),
  configHash: z.string(),
  muted: z.boolean(),
  acknowledged: judgement.nullable(),
  rejected: judgement.nullable(),
  evidence: z.array(z.object({ kind: evidenceKind, key: z.string(), sha256: z.string(), bytes: count })),
});

const evidence: z.ZodType<types.Evidence> = z.object({
  incident: z.string(),
  ...perCamera,
  revision: count,
  kind: evidenceKind,
  key: z.string(),
  sha256: z.string(),
  bytes: count,
  from: timestamp,
  to: timestamp,
  complete: z.boolean(),
  reason: z.string().nullable(),
});

const mute: z.ZodType<types.Mute> = z.object({
  id: z.string(),
  camera: z.string().nullable(),
  zone: z.string().nullable(),
  rule: z.string().nullable(),
  until: timestamp,
  reason: z.string(),
  by: z.string(),
  at: timestamp,
});

const feedback: z.ZodType<types.Feedback> = z.object({
  id: z.string(),
  incident: z.string().nullable(),
  site: z.string(),
  camera: z.string().nullable(),
  action: z.enum(['acknowledge', 'reject', 'label', 'mute', 'unmute']),
  by: z.string(),
  note: z.string().nullable(),
  at: timestamp,
  mute: mute.nullable(),
});

const processorState: z.ZodType<types.ProcessorState> = z.object({
  processor: z.string(),
  ...perCamera,
  configHash: z.string(),
  covered: z.record(z.string(), z.string()),
  state: z.unknown(),
});

const deadLetter: z.ZodType<types.DeadLetter> = z.object({
  source: coordinates,
  key: z.string(),
  headers: z.record(z.string(), z.string()),
  valueBase64: z.string(),
  reason: z.string(),
  detail: z.string(),
  at: timestamp,
});

/** By topic. `frames.v1` has no JSON value: see `codec.ts`. */
export const SCHEMAS = {
  'cameras.v1': camera,
  'rules.v1': rule,
  'camera.owners.v1': owner,
  'agents.v1': agent,
  'agent.orders.v1': agentOrder,
  'camera.status.v1': status,
  'camera.attention.v1': attention,
  'observations.v1': observation,
  'detections.v1': detections,
  'tracks.v1': tracks,
  'coverage.v1': coverage,
  'incidents.v1': incident,
  'evidence.v1': evidence,
  'feedback.v1': feedback,
  'processor-state.v1': processorState,
  'dead-letters.v1': deadLetter,
} as const;

export type JsonTopic = keyof typeof SCHEMAS;
export type ValueOf<T extends JsonTopic> = z.infer<(typeof SCHEMAS)[T]>;

/** Bounds what a hostile or broken writer can make a reader parse. */
const MAX_JSON_BYTES = 4 * 1024 * 1024;

/**
 * Parses the value of a message.
 * @throws BanksmanError MESSAGE_INVALID with coordinates and the first thing that is wrong.
 */
export function parseMessage<T extends JsonTopic>(topic: T, message: Message): ValueOf<T> {
  const where = `${message.topic}/${message.partition}@${message.offset}`;
  if (message.value === null) throw new BanksmanError('MESSAGE_INVALID', { where, message: 'no value' });
  if (message.value.length > MAX_JSON_BYTES) {
    throw new BanksmanError('MESSAGE_INVALID', { where, message: `value of ${message.value.length} bytes` });
  }
  let json: unknown;
  try {
    json = JSON.parse(message.value.toString('utf8'));
  } catch (cause) {
    throw new BanksmanError('MESSAGE_INVALID', { where, message: 'not JSON', cause });
  }
  const schema: z.ZodType = SCHEMAS[topic];
  const result = schema.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new BanksmanError('MESSAGE_INVALID', {
      where,
      message: `${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'invalid'}`,
    });
  }
  return result.data as ValueOf<T>;
}
