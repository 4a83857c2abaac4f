/** What carries records between stages. */
import { z } from 'zod';
import { byteSize, clientTls, refusal, restarts, seconds, secret, text, user } from './scalars.ts';
import { isHttpUrl } from './urls.ts';

/** `HOST:PORT`, an IPv6 address in brackets. */
const BROKER = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):([0-9]{1,5})$/;
/** Letters that a topic's name may have. */
const PREFIX = /^[A-Za-z0-9._-]{0,100}$/;

const kafka = z
  .strictObject({
    brokers: z
      .array(
        z.string().refine((value) => {
          const port = Number(BROKER.exec(value)?.[1] ?? 0);
          return port > 0 && port < 65_536;
        }, refusal('must be HOST:PORT such as kafka-1:9092')),
      )
      .min(1)
      .max(64)
      .describe('Some brokers of the cluster, `HOST:PORT`; they tell of the others.'),
    client: z
      .enum(['platformatic', 'kafkajs'])
      .describe('Library that speaks with Kafka; camera processes always use kafkajs, which starts sooner.')
      .default('platformatic'),
    prefix: z
      .string()
      .refine((value) => PREFIX.test(value), refusal('must be letters, digits, dots, dashes or underscores'))
      .describe('Before the name of every topic and group; fleets with different ones can share a cluster.')
      .default('banksman.'),
    tls: clientTls('brokers ask')
      .optional()
      .describe('TLS, `{}` with the authorities of the system. Files are read at each connection. Default: none.'),
    sasl: z
      .strictObject({
        mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']).describe('How to log in.'),
        username: user.optional().describe('User of plain and scram.'),
        password: secret.optional().describe('`${NAME}`: read at each connection.'),
        password_file: text.optional().describe('File that holds it instead.'),
        token_file: text.optional().describe('For oauthbearer: file of a token that somebody renews.'),
        oauth: z
          .strictObject({
            token_url: z
              .string()
              .refine((value) => isHttpUrl(value), refusal('must be an http:// or https:// address'))
              .describe('Where tokens are given.'),
            client_id: text.describe('This client there.'),
            client_secret: secret.describe('`${NAME}`: its secret.'),
            scope: text.nullable().describe('What the token is asked for.').default(null),
          })
          .optional()
          .describe('For oauthbearer: fetch tokens by the client credentials grant.'),
      })
      .optional()
      .describe('Log in to the brokers. Default: without.'),
    topics: z
      .strictObject({
        partitions: z
          .number()
          .int()
          .min(1)
          .max(1000)
          .describe(
            'Of every topic that cameras are spread over: as many processors can share the work. Chosen once: topics that hold records get no more.',
          )
          .default(12),
        replication: z.number().int().min(1).max(9).describe('Copies of every partition.').default(3),
        frames_max_age_s: seconds.min(10).describe('How long frames can be read again.').default(300),
        frames_max_bytes: byteSize.describe('Of each partition of frames; the oldest go first.').prefault('2GB'),
      })
      .prefault({})
      .describe('What `banksman topics apply` makes of the topics.'),
  })
  .describe('An Apache Kafka of version 3.7 or later; its topics are made by `banksman topics apply`.');

export const busSchema = z
  .strictObject({
    type: z
      .enum(['local', 'kafka'])
      .describe('local: hosted by `banksman up`. kafka: a cluster that several machines share, see `kafka`.')
      .default('local'),
    frames: z
      .strictObject({
        max_bytes: byteSize.describe('Frames held in memory; the oldest go first.').prefault('96MB'),
        max_age_s: seconds.min(1).describe('Older frames go.').default(300),
      })
      .prefault({})
      .describe('How long frames of the local bus can be read again.'),
    kafka: kafka.optional(),
  })
  .prefault({})
  .describe('What carries records between stages.')
  .meta(restarts('up'));

export type BusFile = z.output<typeof busSchema>;
