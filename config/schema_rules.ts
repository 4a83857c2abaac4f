/** Options of rules and schedules. */
import { z } from 'zod';
import { days, endTime, name, seconds, startTime, text, timezone } from './scalars.ts';

export const scheduleSchema = z
  .strictObject({
    days: days.describe('`daily`, `mon-fri`, or a list; a day is the day it starts.').prefault('daily'),
    from: startTime.describe('Wall time `"HH:MM"` at which it starts.'),
    to: endTime.describe('Wall time `"HH:MM"` at which it has ended; not after `from`: on the next day.'),
    timezone: timezone.describe('IANA name, such as Europe/Dublin.'),
  })
  .describe('When something holds. Half-open: `from` is in, `to` is out.');

const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export const severity = z.enum(SEVERITIES);

/** Every rule. */
const common = {
  id: name.describe('Its name in incidents and messages; a new name is a new rule.'),
  cameras: z
    .array(name)
    .min(1)
    .optional()
    .describe('Cameras that it holds for. Default: every camera that has the zone or line.'),
  schedule: name.nullable().describe('When it holds. Default: always.').default(null),
  severity: severity.describe('How grave it is.').default('medium'),
  cool_down_s: seconds
    .describe('Least time between messages of one rule and camera; never between incidents.')
    .default(60),
};

/** Rules that look at tracks. */
const looking = {
  classes: z.array(text).min(1).describe('Classes of the model that count.').default(['person']),
  detect_within_s: z
    .number()
    .min(0.2)
    .max(3600)
    .describe('What the rule promises: somebody is looked at within this time. Presence that it asks for comes on top.')
    .default(2),
};

/** Rules about presence in a zone. */
const zonal = {
  zone: name.nullable().describe('Zone of the cameras. Default: the whole picture.').default(null),
  hold_s: seconds.describe('Looked time without presence before an incident closes.').default(5),
};

export const ruleSchema = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('zone_entry'),
      ...common,
      ...looking,
      ...zonal,
      min_duration_s: seconds.describe('Presence before an incident opens.').default(0.5),
    })
    .describe('Somebody is in a zone.'),
  z
    .strictObject({
      type: z.literal('dwell'),
      ...common,
      ...looking,
      ...zonal,
      dwell_s: seconds.min(0.1).describe('Presence before an incident opens.'),
    })
    .describe('Somebody stays in a zone.'),
  z
    .strictObject({
      type: z.literal('line_crossing'),
      ...common,
      ...looking,
      line: name.describe('Line of the cameras.'),
      direction: z
        .enum(['in', 'out', 'both'])
        .describe('Which way counts; `in` is from left to right seen along a→b.')
        .default('both'),
    })
    .describe('Somebody crosses a line.'),
  z
    .strictObject({
      type: z.literal('camera_offline'),
      ...common,
      min_duration_s: seconds.describe('How long nobody could look before an incident opens.').default(30),
      hold_s: seconds.describe('How long the camera must be back before it closes.').default(5),
    })
    .describe('A camera cannot be watched.'),
]);

export type RuleFile = z.output<typeof ruleSchema>;
