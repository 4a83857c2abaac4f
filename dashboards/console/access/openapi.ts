import type { OpenAPIHono } from '@hono/zod-openapi';
import { type AppEnv, COOKIE } from './access.ts';
import { neededRole } from './roles.ts';

type Document = ReturnType<OpenAPIHono<AppEnv>['getOpenAPI31Document']>;
type Head = Parameters<OpenAPIHono<AppEnv>['getOpenAPI31Document']>[0];

/**
 * The OpenAPI document with how to show who one is, the role that each operation needs, and what is answered
 * to whoever may not.
 * @param required whether this console has accounts; without them nobody is asked.
 */
export function securedDocument(api: OpenAPIHono<AppEnv>, head: Head, required: boolean): Document {
  const document = api.getOpenAPI31Document({
    ...head,
    security: [{ token: [] }, { session: [] }, ...(required ? [] : [{}])],
  });
  const refusal = (description: string) => ({
    description,
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
  });
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
      const operation = item[method];
      // Whoever logs in is nobody yet.
      if (!operation || operation.security?.length === 0) continue;
      const role = neededRole(method.toUpperCase(), path);
      operation.description = [operation.description, `Needs the role ${role}.`].filter(Boolean).join(' ');
      operation.responses = {
        ...operation.responses,
        401: refusal('Nobody is logged in, or the token is not known'),
        ...(role === 'viewer' ? {} : { 403: refusal('The role of this account may not') }),
        429: refusal('Too many wrong tokens from this address'),
      };
    }
  }
  document.components = {
    ...document.components,
    securitySchemes: {
      token: {
        type: 'http',
        scheme: 'bearer',
        description:
          'A token that `banksman tokens add` gave. Roles: viewer reads; operator acknowledges, rejects and mutes as well; admin does everything.',
      },
      session: {
        type: 'apiKey',
        in: 'cookie',
        name: COOKIE,
        description: 'What POST /api/v1/session gives a browser.',
      },
    },
  };
  return document;
}
