/** Where traces go. */
import { z } from 'zod';
import { refusal, restarts, secret, unit } from './scalars.ts';
import { isHttpUrl, urlHoldsSecret } from './urls.ts';

/** A token of RFC 9110. */
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

export const tracingSchema = z
  .strictObject({
    endpoint: z
      .string()
      .refine(
        (value) => !urlHoldsSecret(value),
        refusal(
          'holds a user or password in the URL',
          'CONFIG_SECRET_IN_FILE',
          'Take it out of the URL and use headers: { Authorization: ${NAME} }.',
        ),
      )
      .refine((value) => urlHoldsSecret(value) || isHttpUrl(value), refusal('must be an http:// or https:// address'))
      .describe('OTLP over HTTP, such as http://127.0.0.1:4318; `/v1/traces` is added.'),
    sample_ratio: unit
      .describe('Share of frames that are traced whatever comes of them. Each that changes an incident is, always.')
      .default(0.01),
    headers: z
      .record(z.string(), secret)
      .refine(
        (headers) => Object.keys(headers).length <= 16 && Object.keys(headers).every((name) => HEADER.test(name)),
        refusal('must be up to 16 names of HTTP headers'),
      )
      .describe('Of each request, each a `${NAME}`.')
      .default({}),
  })
  .describe('OpenTelemetry traces from the access unit to the message. Default: none are made.')
  .meta(restarts('ingest', 'process', 'sink'));

export type TracingFile = z.output<typeof tracingSchema>;
