/** Options of messages to people: who gets them, over what, which ones and when. */
import { z } from 'zod';
import { httpUrl, name, refusal, restarts, seconds, secret, text, user } from './scalars.ts';
import { severity } from './schema_rules.ts';
import { HEALTH_WAIT_S } from './site_alerts.ts';
import { templateFault } from './template.ts';
import { isHttpUrl, urlHoldsSecret } from './urls.ts';

/** Which transitions of which incidents. */
const filters = {
  min_severity: severity.describe('Less grave incidents are not sent.').default('low'),
  rules: z.array(name).min(1).optional().describe('Only these rules. Default: all.'),
  transitions: z
    .array(z.enum(['opened', 'updated', 'unobserved', 'closed']))
    .min(1)
    .describe('What is worth a message.')
    .default(['opened', 'unobserved', 'closed']),
  timeout_s: z.number().min(1).max(120).describe('How long one attempt may take.').default(10),
};

const webhookAddress = {
  url: httpUrl('secret: ${NAME}').describe('Where incidents are posted.'),
  secret: secret.optional().describe('`${NAME}`: key of the signature (HMAC-SHA256).'),
};
const id = name.describe('Its name in metrics and dead letters.');

const webhook = z.strictObject({ id, ...webhookAddress, ...filters }).describe('A receiver of messages.');

/** Every channel. */
const common = {
  id,
  ...filters,
  cameras: z.array(name).min(1).optional().describe('Only these cameras. Default: all.'),
  zones: z.array(name).min(1).optional().describe('Only these zones or lines. Default: all.'),
  schedule: name
    .nullable()
    .describe('Only what begins or goes on while this schedule holds. Default: always.')
    .default(null),
  escalate_after_s: seconds
    .describe('Hears of an incident only when, so long after, it is still open and nobody has judged it. 0: at once.')
    .default(0),
};

/** What waits for company, s. */
const groupWait = seconds.max(600);

/** Channels that programs read: every message by itself, unless they say otherwise. */
const programs = {
  ...common,
  quiet_hours: name
    .nullable()
    .describe('While this schedule holds all but `critical` waits; at its end it comes as one message.')
    .default(null),
  group_wait_s: groupWait.describe('What comes within this time goes as one message. 0: one message each.').default(0),
  max_per_hour: z
    .number()
    .int()
    .min(1)
    .max(3600)
    .nullable()
    .describe('Messages; what is over waits and goes with the next one. `critical` never waits for it.')
    .default(null),
  realert_s: z
    .union([z.literal(0), z.number().min(60).max(86_400)], { error: 'must be 0, or from 60 to 86400' })
    .describe('An incident that still lasts speaks again after so long, acknowledged or not. 0: never.')
    .default(0),
  template: z
    .string()
    .min(1)
    .max(4000)
    .superRefine((value, context) => {
      const fault = templateFault(value);
      if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
    })
    .nullable()
    .describe('Text about one incident, such as `{{incident.rule}} on {{incident.camera}}`. Default: one sentence.')
    .default(null),
};

/** Channels that people read: a burst is few messages, and what is no second's matter waits for company. */
const people = {
  ...programs,
  group_wait_s: groupWait
    .nullable()
    .describe(
      `What comes within this time goes as one message. 0: one message each. Default: \`camera_offline\` waits ${HEALTH_WAIT_S} s, all else goes at once, and what comes while a message is on its way goes as one after it.`,
    )
    .default(null),
};

const LINK = 'link: an address of it to open, in the bucket or at the console, that ends after `link_hours`.';
const linked = z.enum(['none', 'link']).describe(`The picture. ${LINK}`).default('link');
const attached = z
  .enum(['none', 'link', 'attached'])
  .describe(`The picture. attached: it leaves the site with the message. ${LINK}`)
  .default('link');
const shown = z
  .enum(['none', 'link', 'attached'])
  .describe(`The picture. attached: shown in the message; the service fetches it and keeps its copy. ${LINK}`)
  .default('link');
const caFile = text.nullable().describe('Authority of your own, PEM.').default(null);

const channel = z.discriminatedUnion('type', [
  z
    .strictObject({ type: z.literal('webhook'), ...programs, ...webhookAddress })
    .describe('As those of `alerts.webhooks`, with all that channels can.'),
  z
    .strictObject({
      type: z.literal('email'),
      ...people,
      snapshot: attached,
      host: text.describe('SMTP server.'),
      port: z.number().int().min(1).max(65_535).describe('Its port.').default(587),
      tls: z
        .enum(['starttls', 'implicit', 'none'])
        .describe('starttls: refused where the server does not offer it. implicit: port 465.')
        .default('starttls'),
      ca_file: caFile,
      username: user.optional().describe('Account of the server.'),
      password: secret.optional().describe('`${NAME}`: its password.'),
      from: text.describe('Sender, `banksman@yard.example` or `Yard <banksman@yard.example>`.'),
      to: z.array(text).min(1).max(100).describe('Receivers.'),
    })
    .describe('E-mail over SMTP.'),
  z
    .strictObject({
      type: z.literal('slack'),
      ...people,
      snapshot: shown,
      url: secret.describe('`${NAME}`: the incoming webhook; whoever knows it can post.'),
    })
    .describe('Slack, or what takes its incoming webhooks: Mattermost, Rocket.Chat.'),
  z
    .strictObject({
      type: z.literal('teams'),
      ...people,
      snapshot: shown,
      url: secret.describe('`${NAME}`: the webhook of a workflow; whoever knows it can post.'),
    })
    .describe('Microsoft Teams, by a workflow that posts what its webhook receives.'),
  z
    .strictObject({
      type: z.literal('telegram'),
      ...people,
      snapshot: attached,
      token: secret.describe('`${NAME}`: of the bot.'),
      chat: text.describe('Id of the chat, or `@name` of a channel.'),
      api_url: httpUrl('token: ${NAME}')
        .describe('The Bot API, or a server of your own.')
        .default('https://api.telegram.org'),
    })
    .describe('A bot of Telegram.'),
  z
    .strictObject({
      type: z.literal('ntfy'),
      ...people,
      snapshot: attached,
      url: httpUrl('token: ${NAME}').describe('The server.').default('https://ntfy.sh'),
      topic: z
        .string()
        .refine(
          (value) => /^[A-Za-z0-9_-]{1,64}$/.test(value),
          refusal('must be 1 to 64 letters, digits, dashes or underscores'),
        )
        .describe('On a public server whoever knows it can read.'),
      token: secret.optional().describe('`${NAME}`: access token.'),
    })
    .describe('Push to telephones over ntfy.'),
  z
    .strictObject({
      type: z.literal('mqtt'),
      ...programs,
      snapshot: linked,
      url: z
        .string()
        .refine(
          (value) => !urlHoldsSecret(value),
          refusal('holds a user or password in the URL', 'CONFIG_SECRET_IN_FILE'),
        )
        .refine(
          (value) => urlHoldsSecret(value) || /^mqtts?:\/\/[^/\s{}]+$/.test(value),
          refusal('must be an address such as mqtt://10.0.0.5:1883, or mqtts:// for TLS'),
        )
        .describe('The broker: `mqtt://HOST:1883`, `mqtts://HOST:8883` for TLS.'),
      topic: z
        .string()
        .refine((value) => /^[^#+\0]{1,256}$/.test(value), refusal('must be a topic without # and +'))
        .describe('Where messages are published, QoS 1, not retained.'),
      ca_file: caFile,
      username: user.optional().describe('Account of the broker.'),
      password: secret.optional().describe('`${NAME}`: its password.'),
    })
    .describe('A topic of an MQTT broker: JSON, as a webhook gets it.'),
  z
    .strictObject({
      type: z.literal('alertmanager'),
      ...common,
      url: httpUrl('token: ${NAME}').describe('The server, without `/api/v2`.'),
      token: secret.optional().describe('`${NAME}`: shown as Bearer.'),
      renew_s: z
        .number()
        .min(10)
        .max(3600)
        .describe('An open incident is said again so often; unsaid it ends there by itself after four times as long.')
        .default(60),
      hold_s: seconds
        .describe('Lasts there at least so long: nobody is told of what ends within the group_wait of a route.')
        .default(60),
    })
    .describe('Alertmanager of Prometheus (API v2), which groups, silences and repeats by itself.'),
  z
    .strictObject({
      type: z.literal('grafana'),
      ...common,
      url: httpUrl('token: ${NAME}').describe('The server, without `/api`.'),
      token: secret.optional().describe('`${NAME}`: of a service account that may write annotations.'),
    })
    .describe('Annotations of Grafana: one an incident, from its beginning to its end.'),
]);

export const alertsSchema = z
  .strictObject({
    webhooks: z.array(webhook).max(64).describe('Receivers of messages.').default([]),
    channels: z.array(channel).max(64).describe('Ways to people, each with what it wants to hear.').default([]),
    console_url: httpUrl('a login')
      .nullable()
      .describe('Address of the console as people reach it; links in messages begin with it.')
      .default(null),
    link_hours: z
      .number()
      .min(1)
      .max(168)
      .describe('How long a link to a picture holds; whoever has it sees that picture.')
      .default(24),
    heartbeat: z
      .strictObject({
        url: z
          .string()
          .refine(
            (value) => /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(value) || isHttpUrl(value),
            refusal('must be an address or ${NAME}'),
          )
          .refine(
            (value) => !urlHoldsSecret(value),
            refusal('holds a user or password in the URL', 'CONFIG_SECRET_IN_FILE'),
          )
          .pipe(user)
          .describe(
            'Asked while alerts can be taken and kept; silence is the alarm. `${NAME}` where the address is a secret.',
          ),
        every_s: z.number().min(5).max(3600).describe('How often.').default(60),
        method: z.enum(['GET', 'POST']).describe('How.').default('GET'),
      })
      .optional()
      .describe('A dead-man’s switch somewhere else.'),
  })
  .prefault({})
  .describe('Messages to people.')
  .meta(restarts('sink'));

export type AlertsFile = z.output<typeof alertsSchema>;
