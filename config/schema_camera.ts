/** Options of one camera, and the same options as defaults for all. */
import { z } from 'zod';
import {
  box,
  fps,
  line,
  name,
  named,
  polygon,
  refusal,
  restarts,
  seconds,
  secret,
  text,
  unit,
  user,
} from './scalars.ts';
import { isRtspUrl, urlHoldsSecret } from './urls.ts';

const streamUrl = z
  .string()
  .meta({ pattern: '^rtsps?://' })
  .refine(
    (value) => !urlHoldsSecret(value),
    refusal(
      'holds a user or password in the URL',
      'CONFIG_SECRET_IN_FILE',
      'Take it out of the URL; set username: and password: ${NAME} of the camera instead.',
    ),
  )
  .refine(
    (value) => urlHoldsSecret(value) || isRtspUrl(value),
    refusal('must be an rtsp:// or rtsps:// address', 'CONFIG_INVALID_VALUE', 'Write rtsp://HOST:PORT/PATH.'),
  );

const sampling = {
  idle_fps: fps.describe('Looked frames a second while nothing moves; finds who stands still.').default(0.5),
  active_fps: fps.describe('Looked frames a second while something moves or is tracked.').default(5),
  width_px: z
    .number()
    .int()
    .min(160)
    .max(3840)
    .describe('Width of the picture that goes to detection; the height follows. Never scaled up.')
    .default(960),
};

const motion = {
  open_share: unit.describe('Share of the picture (0-1) that must change to open the gate.').default(0.001),
  close_share: unit.describe('Share under which the gate may close again; below `open_share`.').default(0.0005),
  threshold: z
    .number()
    .min(1)
    .max(255)
    .describe("Luma difference (0-255) at which a cell counts as changed, beyond the camera's own noise.")
    .default(12),
  hold_s: seconds.describe('The gate stays open this long after the last motion.').default(3),
};

const tls = {
  verify: z.boolean().describe('Check the certificate of an rtsps:// camera.').default(true),
  ca_file: text.nullable().describe('Certificate authority to trust, PEM; relative to the site file.').default(null),
};

const during = z.strictObject({
  schedule: name.describe('While this schedule is active.'),
  score: unit.optional().describe('Instead of the score of the filter.'),
  low: unit.optional().describe('Instead of the low score of the filter.'),
});

const filter = {
  score: unit.describe('A detection of at least this score may start a track.').default(0.4),
  low: unit.describe('A detection of at least this score may keep a track alive.').default(0.2),
  min_area: unit.describe('Smallest box, as a share of the picture.').default(0),
  max_area: unit.describe('Largest box, as a share of the picture.').default(1),
  min_aspect: z.number().min(0).max(100).describe('Smallest width over height.').default(0),
  max_aspect: z.number().min(0).max(100).describe('Largest width over height.').default(100),
  during: z
    .array(during)
    .max(16)
    .describe('Other scores while a schedule is active; the first that is wins.')
    .default([]),
};

type WithoutDefaults<S extends z.ZodRawShape> = {
  [K in keyof S]: z.ZodOptional<S[K] extends z.ZodDefault<infer I> ? I : S[K]>;
};

/**
 * The same options without defaults: what is left out comes from the level above. The value that
 * holds in the end is still shown to editors as `default`.
 */
function overrides<S extends Record<string, z.ZodType>>(shape: S): WithoutDefaults<S> {
  const entries = Object.entries(shape).map(([key, option]) => {
    if (!(option instanceof z.ZodDefault)) return [key, option.optional()];
    const inner = option.unwrap() as z.ZodType;
    return [key, inner.meta({ ...inner.meta(), default: option.def.defaultValue }).optional()];
  });
  return Object.fromEntries(entries) as WithoutDefaults<S>;
}

/** What holds where neither the camera nor `defaults` says anything. */
export const BUILT_IN = {
  sampling: z.object(sampling).parse({}),
  motion: z.object(motion).parse({}),
  tls: z.object(tls).parse({}),
  filter: z.object({ ...filter, during: z.array(z.never()).default([]) }).parse({}),
  model: 'yolox-nano',
  transport: 'tcp' as const,
  regions: 'full' as const,
  suppress_static: true,
};

/** Keys that a camera and `defaults` share. */
const shared = {
  transport: z
    .enum(['tcp', 'udp'])
    .optional()
    .describe('How RTP travels; udp loses pictures where the network does.')
    .meta({ default: BUILT_IN.transport, ...restarts('camera') }),
  tls: z.strictObject(overrides(tls)).optional().describe('For rtsps:// cameras.').meta(restarts('camera')),
  sampling: z.strictObject(overrides(sampling)).optional().describe('How often and how large to look.'),
  motion: z.strictObject(overrides(motion)).optional().describe('Motion gate on low-resolution luma.'),
  model: name
    .optional()
    .describe('Name of a model manifest; `banksman models list` shows them.')
    .meta({ default: BUILT_IN.model }),
  regions: z
    .union([z.literal('full'), z.array(box).min(1).max(8)], {
      error: 'must be full, or up to 8 boxes [[x1, y1, x2, y2], …]',
    })
    .optional()
    .describe('`full`, or crops that are looked at in native resolution beside the full picture, for small people.')
    .meta({ default: BUILT_IN.regions }),
  filters: z
    .record(z.string().min(1), z.strictObject(overrides(filter)))
    .optional()
    .describe('How detections are filtered, by class; `*` is for classes not named. A camera overrides `defaults`.'),
  suppress_static: z
    .boolean()
    .optional()
    .describe('Suppress boxes that appeared without arriving and then never move.')
    .meta({ default: BUILT_IN.suppress_static }),
};

export const defaultsSchema = z.strictObject(shared).describe('Options of every camera that does not say otherwise.');

export const cameraSchema = z
  .strictObject({
    url: streamUrl
      .describe('The stream that is looked at, without user and password.')
      .meta({ pattern: '^rtsps?://', examples: ['rtsp://10.0.0.11:554/stream2'], ...restarts('camera') }),
    record_url: streamUrl
      .nullable()
      .optional()
      .describe('A second stream for clips and stills, where the camera allows two sessions.')
      .meta({ default: null, ...restarts('camera') }),
    username: user
      .optional()
      .describe('User of the camera; text, or `${NAME}` from the environment.')
      .meta(restarts('camera')),
    password: secret
      .optional()
      .describe(
        '`${NAME}`: the environment variable NAME, or the file that NAME_FILE names. Never the password itself.',
      )
      .meta(restarts('camera')),
    username_file: text.optional().describe('File that holds the user name.').meta(restarts('camera')),
    password_file: text.optional().describe('File that holds the password.').meta(restarts('camera')),
    enabled: z.boolean().optional().describe('false: keep it in the file, do not connect.').meta({ default: true }),
    ...shared,
    zones: named(polygon).optional().describe('Areas that rules name.').meta({ default: {} }),
    lines: named(line)
      .optional()
      .describe('Lines that rules name, from a to b; `in` is from left to right seen along a→b.')
      .meta({ default: {} }),
    ignore_masks: z.array(polygon).max(64).optional().describe('Areas not looked at.').meta({ default: [] }),
    privacy_masks: z
      .array(polygon)
      .max(64)
      .optional()
      .describe('Areas burnt in before a picture leaves ingest.')
      .meta({ default: [] }),
  })
  .describe('One camera.');

export type CameraFile = z.output<typeof cameraSchema>;
export type DefaultsFile = z.output<typeof defaultsSchema>;
