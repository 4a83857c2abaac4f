import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { problem } from '../schemas.ts';
import { type Access, type AppEnv, type Caller, COOKIE } from './access.ts';
import { ROLES } from './roles.ts';

const session = z
  .object({
    name: z.string().nullable().openapi({ description: 'Null where the console has no accounts.' }),
    role: z.enum(ROLES),
  })
  .openapi('Session');
const login = z.object({ token: z.string().trim().min(1).max(512) }).openapi('Login');

const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
const wait = json(problem, 'Too many wrong tokens from this address');

/** `/api/v1/session`: who am I, log in, log out. For the page; programs send their token with each request. */
export function addSessionRoutes(api: OpenAPIHono<AppEnv>, access: Access): void {
  const say = ({ name, role }: Caller) => ({ name, role });

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/session',
      summary: 'Who asks, and what the role is',
      responses: { 200: json(session, 'The account'), 401: json(problem, 'Nobody is logged in'), 429: wait },
    }),
    (c) => {
      const caller = access.identify(c);
      return 'error' in caller ? access.refuse(c, caller) : c.json(say(caller), 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/session',
      summary: 'Log in: a token for a cookie',
      security: [],
      request: { body: { required: true, ...json(login, 'A token that `banksman tokens add` gave') } },
      responses: {
        200: json(session, `The account; the cookie ${COOKIE} is set`),
        400: json(problem, 'No token'),
        401: json(problem, 'The token is not known'),
        429: wait,
      },
    }),
    (c) => {
      const caller = access.login(c, c.req.valid('json').token);
      return 'error' in caller ? access.refuse(c, caller) : c.json(say(caller), 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/session',
      summary: 'Log out',
      security: [],
      responses: { 204: { description: 'Nobody is logged in any more' } },
    }),
    (c) => {
      access.logout(c);
      return c.body(null, 204);
    },
  );
}
