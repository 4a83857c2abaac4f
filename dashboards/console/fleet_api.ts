/** Control of a fleet's cameras and agents; the same as `banksman cameras`. Whoever changes something is an admin. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import type { SitePlan } from '../../config/compile.ts';
import type { CameraControl, Planned } from '../../config/control.ts';
import type { Problem } from '../../config/problems.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { cancelDrain, orderDrain } from '../../runtime/fleet/orders.ts';
import { agentView, drainOrders, ownedCameras } from '../../runtime/fleet/view.ts';
import type { AppEnv } from './access/access.ts';
import type { CameraViews } from './cameras.ts';
import * as schemas from './schemas.ts';

export interface FleetApiOptions {
  site: string;
  bus: Bus;
  clock: Clock;
  cameras: CameraViews;
  /** Null where cameras come from the site file alone. */
  control: CameraControl | null;
  /** What whoever changes something should know. */
  note: string | null;
}

/** A file of thousands of cameras. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;
export const APPLY_PATH = '/api/v1/cameras/apply';
const NO_CONTROL = 'cameras come from the site file here: edit it';

const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
const problem = (description: string) => json(schemas.problem, description);
const id = z.object({ id: z.string().min(1).max(128) });
const dryRun = z.object({ dryRun: z.enum(['true', 'false']).optional() });

const agent = z
  .object({
    agent: z.string(),
    state: z.enum(['running', 'draining', 'leaving', 'gone']),
    leads: z.boolean(),
    cameras: z.number().int(),
    cpu: z.number(),
    capacity: z.number(),
    clockOffsetS: z.number(),
    reason: z.string().nullable(),
  })
  .openapi('Agent');
const owned = z
  .object({
    camera: z.string(),
    agent: z.string().nullable(),
    epoch: z.number().nullable(),
    state: z.string().nullable(),
    reason: z.string().nullable(),
  })
  .openapi('OwnedCamera');
const changes = z
  .object({
    changes: z.array(z.string()).openapi({ description: 'For people, one change a line.' }),
    records: z.number().int(),
    bytes: z.number().int(),
    applied: z.boolean(),
    note: z.string().nullable(),
  })
  .openapi('Changes');
const mistakes = z
  .object({
    error: z.string(),
    problems: z.array(
      z.object({ code: z.string(), path: z.string(), line: z.number(), message: z.string(), mend: z.string() }),
    ),
  })
  .openapi('Mistakes');
const refusals = {
  400: json(z.union([schemas.problem, mistakes]), 'Not valid as in a site file'),
  409: problem('Cameras come from the site file here'),
};

export function addFleetRoutes(api: OpenAPIHono<AppEnv>, options: FleetApiOptions): void {
  const { site, bus, clock, cameras, control, note } = options;
  api.use(APPLY_PATH, bodyLimit({ maxSize: MAX_FILE_BYTES }));

  const carryOut = async (by: CameraControl, plan: SitePlan, isDry: boolean) => {
    if (!isDry) await by.carryOut(plan);
    return { changes: plan.lines, records: plan.records, bytes: plan.bytes, applied: !isDry && plan.records > 0, note };
  };
  const change = (by: CameraControl, plan: () => Promise<Planned>, isDry: boolean) =>
    by.alone(async () => {
      const planned = await plan();
      return 'problems' in planned ? planned : { done: await carryOut(by, planned.plan, isDry) };
    });
  const mistakesOf = (problems: readonly Problem[]) => ({
    error: problems[0]?.message ?? 'not valid',
    problems: problems.map(({ code, path, line, message, mend }) => ({ code, path, line, message, mend })),
  });

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/agents',
      summary: 'Ingest agents that live: cameras, load, clock',
      responses: { 200: json(z.object({ agents: z.array(agent) }), 'The agents, sorted by id') },
    }),
    async (c) => {
      const orders = await drainOrders(bus, site);
      return c.json({ agents: cameras.agents().map((known) => agentView(known, orders.has(known.record.agent))) }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/owners',
      summary: 'Which agent has which camera',
      responses: { 200: json(z.object({ cameras: z.array(owned) }), 'Sorted by id') },
    }),
    async (c) => c.json({ cameras: await ownedCameras(bus, site, cameras.agents()) }, 200),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: APPLY_PATH,
      summary: 'Make the cameras what a file says',
      request: {
        query: dryRun,
        body: {
          required: true,
          ...json(z.object({ text: z.string().openapi({ description: 'YAML as in a site file.' }) }), 'The file'),
        },
      },
      responses: { 200: json(changes, 'What was changed, or with dryRun would be'), ...refusals },
    }),
    async (c) => {
      if (!control) return c.json({ error: NO_CONTROL }, 409);
      const { text } = c.req.valid('json');
      const changed = await change(control, () => control.planApply(text), c.req.valid('query').dryRun === 'true');
      return 'problems' in changed ? c.json(mistakesOf(changed.problems), 400) : c.json(changed.done, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'put',
      path: '/api/v1/cameras/{id}',
      summary: 'Add a camera, or change it to what is given',
      request: {
        params: id,
        query: dryRun,
        body: { required: true, ...json(z.record(z.string(), z.unknown()), 'Its options as in a site file') },
      },
      responses: { 200: json(changes, 'What was changed, or with dryRun would be'), ...refusals },
    }),
    async (c) => {
      if (!control) return c.json({ error: NO_CONTROL }, 409);
      const given = { [c.req.valid('param').id]: c.req.valid('json') };
      const changed = await change(control, () => control.planAdd(given), c.req.valid('query').dryRun === 'true');
      return 'problems' in changed ? c.json(mistakesOf(changed.problems), 400) : c.json(changed.done, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/cameras/{id}',
      summary: 'Take a camera out',
      request: { params: id, query: dryRun },
      responses: {
        200: json(changes, 'What was changed, or with dryRun would be'),
        404: problem('No such camera'),
        409: problem('Cameras come from the site file here'),
      },
    }),
    async (c) => {
      if (!control) return c.json({ error: NO_CONTROL }, 409);
      const camera = c.req.valid('param').id;
      if (!cameras.isConfigured(camera)) return c.json({ error: 'no such camera' }, 404);
      const isDry = c.req.valid('query').dryRun === 'true';
      const done = control.alone(async () => carryOut(control, await control.planRemove([camera]), isDry));
      return c.json(await done, 200);
    },
  );

  for (const [method, summary] of [
    ['post', 'Give the cameras of an agent to others, and it no more'],
    ['delete', 'Let an agent take cameras again'],
  ] as const) {
    api.openapi(
      createRoute({
        method,
        path: '/api/v1/agents/{id}/drain',
        summary,
        request: { params: id },
        responses: { 204: { description: 'Ordered' }, 404: problem('No such agent lives') },
      }),
      async (c) => {
        const name = c.req.valid('param').id;
        if (method === 'delete') await cancelDrain(bus, { site, agent: name });
        else if (!cameras.agents().some(({ record }) => record.agent === name)) {
          return c.json({ error: 'no such agent lives' }, 404);
        } else await orderDrain(bus, { site, agent: name, by: c.get('caller').name ?? 'console' }, clock.now());
        return c.body(null, 204);
      },
    );
  }
}
